"""A store that lives and dies with the process; it ranks as Qdrant does."""

from __future__ import annotations

import threading
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ragnb.documents import Chunk, Hit
from ragnb.embeddings.base import Vectors
from ragnb.errors import ConfigurationError, InvalidInputError
from ragnb.vectorstores import bm25
from ragnb.vectorstores.base import IndexInfo, Stored, check_chunks, mismatch
from ragnb.vectorstores.filters import Condition, Fields, Filter, fields, fits, parse

_Scores = dict[int, float]


class _Postings:
    """Where a term occurs: row numbers, and its weight in each."""

    __slots__ = ("rows", "weights")

    def __init__(self) -> None:
        self.rows = array("i")
        self.weights = array("f")


class _Added(NamedTuple):
    """Some chunks of a document and what is known of each."""

    chunks: Sequence[Chunk]
    vectors: Vectors
    weights: Sequence[bm25.TermWeights]
    fields: Sequence[Fields]


class InMemoryVectorStore:
    """Dense vectors in one matrix, BM25 in an inverted index; both searched exactly.

    A chunk has the next free row of the matrix. Rows of removed chunks stay, dead, until they are the
    larger part; then all is numbered anew.
    """

    def __init__(self) -> None:
        self._info: IndexInfo | None = None
        self._lock = threading.RLock()
        self._digests: dict[str, str] = {}
        self._by_document: dict[str, list[int]] = {}
        self._start()

    def __repr__(self) -> str:
        return f"InMemoryVectorStore({len(self)} chunks)"

    def open(self, info: IndexInfo) -> None:
        """Make the index; see `VectorStore.open`."""
        with self._lock:
            if self._info is None:
                self._info = info
                self._start()
            elif self._info != info:
                raise mismatch("in memory", self._info, info)

    def writer(self, document: str, digest: str) -> _MemoryWriter:
        """Begin to put a document in; see `Writer`."""
        return _MemoryWriter(self, document, digest)

    def remove(self, document: str) -> None:
        """Take a document out; nothing happens if it is not there."""
        with self._lock:
            for row in self._by_document.pop(document, ()):
                del self._rows[row], self._fields[row]
                self._alive[row] = False
                self._frequency.subtract(self._terms.pop(row).terms)
            self._digests.pop(document, None)
            if self._size > max(2 * len(self._rows), 1024):
                self._compact()

    def documents(self) -> Mapping[str, Stored]:
        """Digest and number of chunks of each document."""
        with self._lock:
            return {
                name: Stored(digest, len(self._by_document[name])) for name, digest in self._digests.items()
            }

    def chunks(self, document: str, first: int = 0, last: int | None = None) -> list[Chunk]:
        """The chunks at the positions ``first`` to ``last`` (inclusive), in order."""
        with self._lock:
            rows = self._by_document.get(document, ())
            stop = len(rows) if last is None else max(last + 1, 0)
            return [self._rows[row] for row in rows[max(first, 0) : stop]]

    def export(self, document: str) -> Iterator[tuple[list[Chunk], Vectors]]:
        """The chunks of a document and their vectors, in order, all at once."""
        with self._lock:
            rows = list(self._by_document.get(document, ()))
            chunks, vectors = [self._rows[row] for row in rows], self._matrix[rows]
        if chunks:
            yield chunks, vectors

    def search(self, text: str, vector: Vectors, limit: int, where: Filter | None = None) -> list[Hit]:
        """At most ``limit`` hits by fused score (DBSF), best first, of the chunks that fit ``where``."""
        conditions = parse(where)
        depth = max(4 * limit, 100)
        with self._lock:
            fitting = self._fitting(conditions) if conditions else None
            fused = _fuse([self._dense(vector, depth, fitting), self._sparse(text, depth, fitting)])
            best = sorted(fused.items(), key=lambda item: (-item[1], item[0]))[:limit]
            return [Hit(self._rows[row], score) for row, score in best]

    def __len__(self) -> int:
        return len(self._rows)

    def close(self) -> None:
        """Nothing to let go of: the chunks stay."""

    def _opened(self) -> IndexInfo:
        if self._info is None:
            raise ConfigurationError("The index in memory is not open.", "Call open() first.")
        return self._info

    def _start(self) -> None:
        dimensions = self._info.dimensions if self._info else 0
        self._size = 0  # rows in use, dead ones included
        self._matrix: Vectors = np.empty((0, dimensions), np.float32)
        self._alive = np.empty(0, np.bool_)
        self._rows: dict[int, Chunk] = {}
        self._fields: dict[int, Fields] = {}
        self._terms: dict[int, bm25.TermWeights] = {}
        self._frequency: Counter[int] = Counter()  # in how many chunks a term occurs
        self._postings: defaultdict[int, _Postings] = defaultdict(_Postings)

    def _put(self, document: str, digest: str, added: Sequence[_Added]) -> None:
        """In place of what the document had."""
        with self._lock:
            self.remove(document)
            rows = [row for one in added for row in self._append(*one)]
            if rows:
                self._by_document[document] = rows
                self._digests[document] = digest

    def _append(
        self,
        chunks: Sequence[Chunk],
        vectors: Vectors,
        weights: Sequence[bm25.TermWeights],
        described: Sequence[Fields],
    ) -> range:
        rows = range(self._size, self._size + len(chunks))
        self._reserve(rows.stop)
        self._matrix[rows.start : rows.stop] = vectors
        self._alive[rows.start : rows.stop] = True
        self._size = rows.stop
        for row, chunk, terms, filterable in zip(rows, chunks, weights, described, strict=True):
            self._rows[row] = chunk
            self._terms[row] = terms
            self._fields[row] = filterable
            self._frequency.update(terms.terms)
            for term, weight in zip(terms.terms, terms.weights, strict=True):
                postings = self._postings[term]
                postings.rows.append(row)
                postings.weights.append(weight)
        return rows

    def _reserve(self, rows: int) -> None:
        if rows > len(self._matrix):
            capacity = max(rows, 2 * len(self._matrix), 1024)
            matrix = np.zeros((capacity, self._matrix.shape[1]), np.float32)
            matrix[: self._size] = self._matrix[: self._size]
            alive = np.zeros(capacity, np.bool_)
            alive[: self._size] = self._alive[: self._size]
            self._matrix, self._alive = matrix, alive

    def _compact(self) -> None:
        """Number the rows anew, without the dead ones."""
        old = list(self._rows)
        chunks, weights = list(self._rows.values()), [self._terms[row] for row in old]
        vectors, described = self._matrix[old], [self._fields[row] for row in old]
        self._start()
        new = dict(zip(old, self._append(chunks, vectors, weights, described), strict=True))
        for document, rows in self._by_document.items():
            self._by_document[document] = [new[row] for row in rows]

    def _fitting(self, conditions: Sequence[Condition]) -> NDArray[np.bool_]:
        """Which rows fit a filter."""
        fitting = np.zeros(self._size, np.bool_)
        fitting[[row for row, known in self._fields.items() if fits(conditions, known)]] = True
        return fitting

    def _dense(self, vector: Vectors, depth: int, fitting: NDArray[np.bool_] | None = None) -> _Scores:
        alive = self._alive[: self._size]
        eligible = alive if fitting is None else alive & fitting
        return self._best(self._matrix[: self._size] @ vector, eligible, depth)

    def _sparse(self, text: str, depth: int, fitting: NDArray[np.bool_] | None = None) -> _Scores:
        weights = bm25.of_query(text)
        scores = np.zeros(self._size, np.float32)
        for term, wanted in zip(weights.terms, weights.weights, strict=True):
            count = self._frequency[term]
            if count:
                # The inverse document frequency, as Qdrant's IDF modifier computes it: of all chunks,
                # whether or not they fit the filter.
                rarity = log((len(self) - count + 0.5) / (count + 0.5) + 1)
                postings = self._postings[term]
                found = np.frombuffer(postings.rows, np.int32)
                scores[found] += rarity * wanted * np.frombuffer(postings.weights, np.float32)
        eligible = (scores > 0) & self._alive[: self._size]
        return self._best(scores, eligible if fitting is None else eligible & fitting, depth)

    def _best(self, scores: Vectors, eligible: NDArray[np.bool_], depth: int) -> _Scores:
        rows = np.flatnonzero(eligible)
        if depth < len(rows):
            rows = rows[np.argpartition(-scores[rows], depth - 1)[:depth]]
        return {int(row): float(scores[row]) for row in rows}


class _MemoryWriter:
    """Keeps what is added until it is committed."""

    def __init__(self, store: InMemoryVectorStore, document: str, digest: str) -> None:
        self._store = store
        self._document = document
        self._digest = digest
        self._added: list[_Added] = []
        self._count = 0
        self._ended = False

    def add(self, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """The next chunks; see `Writer.add`."""
        self._check_open()
        check_chunks(self._store._opened(), self._document, self._count, chunks, vectors)
        weights = [bm25.of_document(chunk.searched_text) for chunk in chunks]
        self._added.append(
            _Added(list(chunks), vectors.copy(), weights, [fields(chunk) for chunk in chunks])
        )
        self._count += len(chunks)

    def commit(self) -> None:
        """Put the document in place of what it had."""
        self._check_open()
        self._store._put(self._document, self._digest, [one for one in self._added if one.chunks])
        self._ended = True

    def abort(self) -> None:
        """Forget what was added; harmless after `commit`."""
        self._ended = True
        self._added = []

    def _check_open(self) -> None:
        if self._ended:
            raise InvalidInputError(f"The writer of {self._document} has ended.", "Begin another.")


def _fuse(rankings: Sequence[_Scores]) -> _Scores:
    """Distribution-based score fusion: each ranking's scores become their place between the mean less
    and the mean plus three (sample) standard deviations, and are added up, as Qdrant does it."""
    fused: defaultdict[int, float] = defaultdict(float)
    for ranking in rankings:
        scores = np.fromiter(ranking.values(), np.float64)
        mean = float(scores.mean()) if len(scores) else 0.0
        spread = 6 * float(scores.std(ddof=1)) if len(scores) > 1 else 0.0
        for row, score in ranking.items():
            fused[row] += (score - mean) / spread + 0.5 if spread > 0 else 0.5
    return fused
