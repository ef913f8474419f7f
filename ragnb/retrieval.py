"""Retrieval: the question becomes a vector, and the store finds the passages."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass, field

from ragnb.embeddings.base import Embeddings
from ragnb.errors import EmptyIndexError
from ragnb.events import Retrieved
from ragnb.vectorstores.base import IndexInfo, VectorStore
from ragnb.vectorstores.filters import Filter


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

    async def retrieve(self, question: str, k: int = 1, where: Filter | None = None) -> Retrieved:
        """The candidates for a question among the chunks that fit ``where``, at least ``k`` if there are so
        many, best first. Model and search run in a worker thread.

        Raises `EmptyIndexError` if there is nothing to search, or nothing that fits ``where``.
        """
        return await asyncio.to_thread(self._retrieve, question, max(k, self.candidates), where)

    def _retrieve(self, question: str, limit: int, where: Filter | None) -> Retrieved:
        self.open()
        begin = time.perf_counter()
        vector = self.embeddings.embed_query(question)
        embedded = time.perf_counter()
        hits = self.store.search(question, vector, limit, where)
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
