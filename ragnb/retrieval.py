"""Retrieval: the question becomes a vector, and the store finds the passages."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from ragnb.documents import Hit
from ragnb.embeddings.base import Embeddings
from ragnb.errors import EmptyIndexError
from ragnb.events import Retrieved
from ragnb.vectorstores.base import IndexInfo, VectorStore
from ragnb.vectorstores.filters import Filter

_RANK = 60  # of reciprocal rank fusion: how little the first places stand out


@dataclass(frozen=True)
class Retriever:
    """An embedding model and the store that holds its vectors. Opened at the first use."""

    embeddings: Embeddings
    store: VectorStore
    candidates: int = 20
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def open(self) -> None:
        """Load the model and open the index. Blocks; harmless to call again.

        Raises `EmbeddingMismatchError` and `HomeInUseError`, see `VectorStore.open`.
        """
        with self._lock:
            self.store.open(IndexInfo(self.embeddings.name, self.embeddings.dimensions))

    async def retrieve(
        self, question: str, k: int = 1, where: Filter | None = None, others: Sequence[str] = ()
    ) -> Retrieved:
        """The candidates for a question among the chunks that fit ``where``, at least ``k`` if there are so
        many, best first. Model and search run in a worker thread. With ``others``, which ask the same in
        other words, each is searched for, and the best are those that stand high for most.

        Raises `EmptyIndexError` if there is nothing to search, or nothing that fits ``where``.
        """
        queries = [question, *others]
        return await asyncio.to_thread(self._retrieve, queries, max(k, self.candidates), where)

    def _retrieve(self, queries: Sequence[str], limit: int, where: Filter | None) -> Retrieved:
        self.open()
        begin = time.perf_counter()
        vectors = [self.embeddings.embed_query(query) for query in queries]
        embedded = time.perf_counter()
        found = [
            self.store.search(query, vector, limit, where)
            for query, vector in zip(queries, vectors, strict=True)
        ]
        hits = found[0] if len(found) == 1 else _fused(found)[:limit]
        if not hits and where and len(self.store):
            raise EmptyIndexError(
                f"No passage fits where={dict(where)!r}.",
                "rag.documents() shows what each document's metadata say.",
            )
        if not hits:
            raise EmptyIndexError(
                "There is nothing to search yet.",
                'Add documents first: rag.ingest("a/folder") or rag.add(["a text"]).',
            )
        return Retrieved(
            hits=tuple(hits),
            embed_seconds=round(embedded - begin, 6),
            search_seconds=round(time.perf_counter() - embedded, 6),
        )


def _fused(found: Sequence[Sequence[Hit]]) -> list[Hit]:
    """Reciprocal rank fusion: Cormack, Clarke and Büttcher (SIGIR 2009). A hit's score is its mean share of
    a first place, from 0 to 1."""
    scores: defaultdict[str, float] = defaultdict(float)
    hits: dict[str, Hit] = {}
    for ranking in found:
        for rank, hit in enumerate(ranking):
            scores[hit.chunk.id] += (_RANK + 1) / (_RANK + 1 + rank) / len(found)
            hits.setdefault(hit.chunk.id, hit)
    best = sorted(hits, key=lambda chunk_id: -scores[chunk_id])
    return [replace(hits[chunk_id], score=round(scores[chunk_id], 6)) for chunk_id in best]
