"""The default store: Qdrant Edge, the Qdrant engine in this process, in a folder of its own."""

from __future__ import annotations

import os
from pathlib import Path

from ragnb.errors import ConfigurationError
from ragnb.vectorstores.base import IndexInfo
from ragnb.vectorstores.edge_shards import Shard, acquire, release
from ragnb.vectorstores.qdrant_index import QdrantIndex
from ragnb.vectorstores.qdrant_store import QdrantStore


class QdrantEdgeVectorStore(QdrantStore):
    """Dense and BM25 vectors in one Qdrant Edge shard below ``path``, searched exactly.

    What a writer has committed survives the death of the process (write-ahead log). Several stores of one
    process on the same folder share one shard; a second process gets `HomeInUseError`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._shard: Shard | None = None

    def __repr__(self) -> str:
        return f"QdrantEdgeVectorStore({str(self.path)!r})"

    def open(self, info: IndexInfo) -> None:
        """Make the index or open it; see `VectorStore.open`. A folder that was deleted is made anew.

        Raises `ConfigurationError` for a folder that is damaged or cannot be written.
        """
        held = self._shard
        if held is not None and held.info == info and held.pid == os.getpid() and held.is_there():
            return
        self._shard = acquire(self.path, info, self)
        if held is not None and held is not self._shard:
            release(held, self)

    def close(self) -> None:
        """Let go of the folder; it is free once no other store of this process uses it."""
        shard, self._shard = self._shard, None
        if shard is not None:
            release(shard, self)

    def _opened(self) -> QdrantIndex:
        if self._shard is None:
            raise ConfigurationError(f"The index {self.path} is not open.", "Call open() first.")
        if self._shard.pid != os.getpid():  # the engine's threads are not there: it would hang
            raise ConfigurationError(
                f"The index {self.path} was opened by the process that this one was forked from.",
                "Make a pipeline in each process, with its own home=….",
            )
        return self._shard.index
