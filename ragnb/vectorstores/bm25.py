"""BM25 term weights of a text, alike for every store."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# The mean number of terms in a chunk of 200 word pieces, without stop words. It has to be fixed, as the
# weights are stored: BM25's length normalisation is relative to it.
_MEAN_LENGTH = 100.0


@dataclass(frozen=True, slots=True)
class TermWeights:
    """A sparse vector: term numbers (hashes) and their weights, without the inverse document frequency,
    which the store applies when it searches."""

    terms: list[int]
    weights: list[float]


def of_document(text: str) -> TermWeights:
    """The weights of a chunk's terms (k1 = 1.2, b = 0.75, English stemming and stop words)."""
    vector = _model().embed_document(text)
    return TermWeights(vector.indices, vector.values)


def of_query(text: str) -> TermWeights:
    """The terms of a question; none if it has only stop words."""
    vector = _model().embed_query(text)
    return TermWeights(vector.indices, vector.values)


@lru_cache(maxsize=1)
def _model() -> Any:
    from qdrant_edge import Bm25, Bm25Config

    return Bm25(Bm25Config(avg_len=_MEAN_LENGTH, language="english"))
