"""Several rerankers, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from ragnb.documents import Hit
from ragnb.errors import ConfigurationError
from ragnb.rerankers.base import Ranking, Reranker, as_ranking


class Chain:
    """Each reranker gets the hits in the order of the one before it.

    Raises `ConfigurationError` if there is none.
    """

    def __init__(self, rerankers: Sequence[Reranker]) -> None:
        if not rerankers:
            raise ConfigurationError("There is no reranker in the list.", 'Write reranker="none" for that.')
        self.rerankers = tuple(rerankers)

    def __repr__(self) -> str:
        return f"Chain({list(self.rerankers)!r})"

    @property
    def name(self) -> str:
        return " + ".join(one.name for one in self.rerankers)

    def warm_up(self) -> None:
        """Load what each of them has to load."""
        for one in self.rerankers:
            if hasattr(one, "warm_up"):
                one.warm_up()

    def rerank(self, question: str, hits: Sequence[Hit]) -> Ranking:
        """The hits after all of them; see `Reranker.rerank`."""
        notes = []
        for one in self.rerankers:
            ranking = as_ranking(one.rerank(question, hits))
            hits = ranking.hits
            notes.append(ranking.note)
        return Ranking(tuple(hits), "; ".join(note for note in notes if note))
