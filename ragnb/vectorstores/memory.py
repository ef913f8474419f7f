"""A store that lives and dies with the process; it ranks as Qdrant does."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from ragnb.documents import Chunk, Hit
from ragnb.embeddings.base import Vectors
from ragnb.errors import ConfigurationError
from ragnb.vectorstores import bm25
from ragnb.vectorstores.base import IndexInfo, mismatch

_Scores = dict[int, float]


class InMemoryVectorStore:
    """Dense vectors in one matrix, BM25 in an inverted index; both searched exactly."""

    def __init__(self) -> None:
        self._info: IndexInfo | None = None
        self._lock = threading.RLock()
        self._rows: dict[int, Chunk] = {}
        self._by_document: dict[str, list[int]] = {}
        self._digests: dict[str, str] = {}
        self._matrix: Vectors = np.empty((0, 0), np.float32)
        self._alive: NDArray[np.bool_] = np.empty(0, np.bool_)
        self._size = 0
        self._postings: defaultdict[int, dict[int, float]] = defaultdict(dict)
        self._terms: dict[int, list[int]] = {}

    def __repr__(self) -> str:
        return f"InMemoryVectorStore({len(self)} chunks)"

    def open(self, info: IndexInfo) -> None:
        """Make the index; see `VectorStore.open`."""
        with self._lock:
            if self._info is None:
                self._info = info
                self._matrix = np.empty((0, info.dimensions), np.float32)
            elif self._info != info:
                raise mismatch("in memory", self._info, info)

    def replace(self, document: str, digest: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Put a document in, in place of what it had."""
        with self._lock:
            if self._info is None:
                raise ConfigurationError("The index in memory is not open.", "Call open() first.")
            self.remove(document)
            self._grow(len(chunks))
            rows = range(self._size, self._size + len(chunks))
            self._matrix[rows.start : rows.stop] = vectors
            self._alive[rows.start : rows.stop] = True
            self._size += len(chunks)
            for row, chunk in zip(rows, chunks, strict=True):
                self._rows[row] = chunk
                weights = bm25.of_document(chunk.searched_text)
                self._terms[row] = weights.terms
                for term, weight in zip(weights.terms, weights.weights, strict=True):
                    self._postings[term][row] = weight
            self._by_document[document] = list(rows)
            self._digests[document] = digest

    def remove(self, document: str) -> None:
        """Take a document out; nothing happens if it is not there."""
        with self._lock:
            for row in self._by_document.pop(document, ()):
                del self._rows[row]
                self._alive[row] = False
                for term in self._terms.pop(row):
                    del self._postings[term][row]
            self._digests.pop(document, None)

    def documents(self) -> Mapping[str, str]:
        """The digest of each document."""
        with self._lock:
            return dict(self._digests)

    def search(self, text: str, vector: Vectors, limit: int) -> list[Hit]:
        """At most ``limit`` hits by fused score (DBSF), best first."""
        depth = max(4 * limit, 100)
        with self._lock:
            fused = _fuse([self._dense(vector, depth), self._sparse(text, depth)])
            best = sorted(fused.items(), key=lambda item: (-item[1], item[0]))[:limit]
            return [Hit(self._rows[row], score) for row, score in best]

    def __len__(self) -> int:
        return len(self._rows)

    def close(self) -> None:
        """Nothing to let go of: the chunks stay."""

    def _grow(self, more: int) -> None:
        needed = self._size + more
        if needed > len(self._matrix):
            capacity = max(needed, 2 * len(self._matrix), 1024)
            matrix = np.zeros((capacity, self._matrix.shape[1]), np.float32)
            matrix[: self._size] = self._matrix[: self._size]
            alive = np.zeros(capacity, np.bool_)
            alive[: self._size] = self._alive[: self._size]
            self._matrix, self._alive = matrix, alive

    def _dense(self, vector: Vectors, depth: int) -> _Scores:
        scores = self._matrix[: self._size] @ vector
        scores[~self._alive[: self._size]] = -np.inf
        depth = min(depth, len(self._rows))
        best = np.argpartition(-scores, depth - 1)[:depth] if depth else ()
        return {int(row): float(scores[row]) for row in best}

    def _sparse(self, text: str, depth: int) -> _Scores:
        weights = bm25.of_query(text)
        scores: defaultdict[int, float] = defaultdict(float)
        for term, wanted in zip(weights.terms, weights.weights, strict=True):
            rows = self._postings.get(term, {})
            # The inverse document frequency, as Qdrant's IDF modifier computes it.
            rarity = log((len(self) - len(rows) + 0.5) / (len(rows) + 0.5) + 1)
            for row, weight in rows.items():
                scores[row] += rarity * wanted * weight
        best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:depth]
        return dict(best)


def _fuse(rankings: Sequence[_Scores]) -> _Scores:
    """Distribution-based score fusion: each ranking's scores become their place between the mean less
    and the mean plus three (sample) standard deviations, and are added up, as Qdrant does it."""
    fused: defaultdict[int, float] = defaultdict(float)
    for ranking in rankings:
        scores = np.fromiter(ranking.values(), np.float64)
        spread = 6 * scores.std(ddof=1) if len(scores) > 1 else 0.0
        for row, score in ranking.items():
            place = (score - scores.mean()) / spread + 0.5 if spread > 0 else 0.5
            fused[row] += float(place)
    return fused
