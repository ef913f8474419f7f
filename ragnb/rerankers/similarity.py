"""What follows from passages that are like each other: the newer one first, no repeats, diversity.

They compare the vectors of the index, which `CachedEmbeddings` has kept. None of them loads anything.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from ragnb.documents import Hit
from ragnb.embeddings.base import Embeddings, Vectors
from ragnb.errors import ConfigurationError


class NewerFirst:
    """Of two passages that say nearly the same, the one of the newer document takes the better place.

    Parameters
    ----------
    embeddings
        The pipeline's embedding model, with its memory: ``rag.embeddings``.
    alike
        Cosine from which two passages are taken to speak of the same thing.

    Dates are those of the metadata, ``date`` or else ``modified`` (ISO 8601). A passage without one stays.
    """

    name = "newer-first"

    def __init__(self, embeddings: Embeddings, *, alike: float = 0.85) -> None:
        self.embeddings = embeddings
        self.alike = _checked(alike, "alike")

    def rerank(self, question: str, hits: Sequence[Hit]) -> tuple[Hit, ...]:
        """The hits, some of them with the place and the score of another; see `Reranker.rerank`."""
        ordered, dates = list(hits), [_date(hit) for hit in hits]
        if len(set(filter(None, dates))) < 2:
            return tuple(hits)
        cosines = _cosines(self.embeddings, hits)
        numbers = list(range(len(hits)))
        for place in range(len(hits)):
            here = numbers[place]
            newer = [
                later
                for later in range(place + 1, len(hits))
                if dates[numbers[later]] > dates[here] != ""
                and cosines[here, numbers[later]] >= self.alike
                and hits[here].chunk.document != hits[numbers[later]].chunk.document
            ]
            if newer:
                best = max(newer, key=lambda later: (dates[numbers[later]], -later))
                numbers[place], numbers[best] = numbers[best], here
        for place, number in enumerate(numbers):
            ordered[place] = replace(hits[number], score=hits[place].score)
        return tuple(ordered)


class WithoutRepeats:
    """A passage that says the same as a better one leaves: its place is another's.

    Parameters
    ----------
    embeddings
        The pipeline's embedding model, with its memory: ``rag.embeddings``.
    same
        Cosine from which two passages are taken to say the same.
    """

    name = "without-repeats"

    def __init__(self, embeddings: Embeddings, *, same: float = 0.97) -> None:
        self.embeddings = embeddings
        self.same = _checked(same, "same")

    def rerank(self, question: str, hits: Sequence[Hit]) -> tuple[Hit, ...]:
        """Those of the hits that repeat no better one; see `Reranker.rerank`."""
        cosines = _cosines(self.embeddings, hits)
        kept: list[int] = []
        for number in range(len(hits)):
            if not any(cosines[number, other] >= self.same for other in kept):
                kept.append(number)
        return tuple(hits[number] for number in kept)


class Diversity:
    """Maximal marginal relevance (Carbonell and Goldstein, 1998): the next passage is the one with the best
    ``(1 - share) * score - share * largest cosine with those before it``. Scores are scaled to 0…1.

    Parameters
    ----------
    embeddings
        The pipeline's embedding model, with its memory: ``rag.embeddings``.
    share
        What being different counts, from 0 to 1.
    """

    name = "diversity"

    def __init__(self, embeddings: Embeddings, *, share: float = 0.3) -> None:
        self.embeddings = embeddings
        self.share = _checked(share, "share")

    def rerank(self, question: str, hits: Sequence[Hit]) -> tuple[Hit, ...]:
        """The hits, scored by the difference above; see `Reranker.rerank`."""
        if not hits:
            return ()
        cosines = _cosines(self.embeddings, hits)
        scores = np.array([hit.score for hit in hits], np.float64)
        scores = (scores - scores.min()) / max(float(np.ptp(scores)), 1e-12)
        left, chosen, nearest = list(range(len(hits))), [], np.zeros(len(hits))
        while left:
            gains = (1 - self.share) * scores - self.share * nearest
            best = max(left, key=gains.__getitem__)
            left.remove(best)
            chosen.append(replace(hits[best], score=round(float(gains[best]), 6)))
            nearest = np.maximum(nearest, cosines[best])
        return tuple(chosen)


def _cosines(embeddings: Embeddings, hits: Sequence[Hit]) -> Vectors:
    vectors = embeddings.embed_documents([hit.chunk.searched_text for hit in hits])
    cosines: Vectors = vectors @ vectors.T
    return cosines


def _date(hit: Hit) -> str:
    metadata = hit.chunk.metadata
    return str(metadata.get("date") or metadata.get("modified") or "")


def _checked(value: float, name: str) -> float:
    if not 0 <= value <= 1:
        raise ConfigurationError(f"{name}={value!r} is out of range.", "Use a number from 0 to 1.")
    return value
