"""What the engine asks of a reranker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from ragnb.documents import Hit


class Ranking(Struct, frozen=True):
    """Hits, best first. ``note`` says in words what the reader should know of their order: why some of them
    were not scored."""

    hits: tuple[Hit, ...]
    note: str = ""


@runtime_checkable
class Reranker(Protocol):
    """Puts passages into the order that fits the question. Blocks, and is called from a worker thread.

    One that has something to load does so in a method ``warm_up()``, which is called while the user is
    still typing.
    """

    @property
    def name(self) -> str:
        """As the log and the card name it."""
        ...

    def rerank(self, question: str, hits: Sequence[Hit]) -> Sequence[Hit] | Ranking:
        """The hits with new scores, best first.

        What it raises does not end the answer, which goes on in the order of retrieval: but for a
        `ConfigurationError`, which the user is to mend.
        """
        ...


def as_ranking(reranked: Sequence[Hit] | Ranking) -> Ranking:
    return reranked if isinstance(reranked, Ranking) else Ranking(tuple(reranked))
