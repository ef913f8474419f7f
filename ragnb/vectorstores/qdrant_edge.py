"""The default store: Qdrant Edge, the Qdrant engine in this process, in a folder of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec

from ragnb.documents import Chunk, Hit
from ragnb.embeddings.base import Vectors
from ragnb.errors import ConfigurationError, HomeInUseError
from ragnb.vectorstores import bm25
from ragnb.vectorstores.base import IndexInfo, mismatch


class QdrantEdgeVectorStore:
    """Dense and BM25 vectors in one Qdrant Edge shard below ``path``.

    What `replace` wrote survives the death of the process (write-ahead log). Several stores of one
    process on the same folder share one shard; a second process gets `HomeInUseError`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._shard: _Shard | None = None

    def __repr__(self) -> str:
        return f"QdrantEdgeVectorStore({str(self.path)!r})"

    def open(self, info: IndexInfo) -> None:
        """Make the index or open it; see `VectorStore.open`."""
        if self._shard is None:
            self._shard = _shard(self.path, info)
        if self._shard.info != info:
            made = self._shard.info
            self._shard = None
            raise mismatch(self.path, made, info)

    def replace(self, document: str, digest: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Put a document in. The new chunks are there before the old ones go, in one step of the log."""
        from qdrant_edge import Point, SparseVector, UpdateOperation

        shard = self._opened()
        points = []
        for chunk, vector in zip(chunks, vectors, strict=True):
            weights = bm25.of_document(chunk.searched_text)
            points.append(
                Point(
                    UUID(chunk.id),
                    {
                        "dense": vector.tolist(),
                        "bm25": SparseVector(weights.terms, weights.weights),
                    },
                    {
                        "document": document,
                        "digest": digest,
                        "chunk": msgspec.to_builtins(chunk),
                    },
                )
            )
        ids = {UUID(chunk.id) for chunk in chunks}
        with shard.lock:
            if points:
                shard.edge.update(UpdateOperation.upsert_points(points))
            shard.delete(shard.entry(document).ids - ids)
            shard.documents[document] = _Entry({digest}, ids)

    def remove(self, document: str) -> None:
        """Take a document out; nothing happens if it is not there."""
        shard = self._opened()
        with shard.lock:
            shard.delete(shard.documents.pop(document, _Entry()).ids)

    def documents(self) -> Mapping[str, str]:
        """The digest of each document; empty for one whose replacement was interrupted."""
        shard = self._opened()
        with shard.lock:
            return {
                name: next(iter(entry.digests)) if len(entry.digests) == 1 else ""
                for name, entry in shard.documents.items()
            }

    def search(self, text: str, vector: Vectors, limit: int) -> list[Hit]:
        """At most ``limit`` hits by fused score (DBSF), best first."""
        from qdrant_edge import Fusion, Prefetch, Query, QueryRequest, SparseVector

        shard = self._opened()
        if len(self) == 0:
            return []
        depth = max(4 * limit, 100)
        weights = bm25.of_query(text)
        prefetches = [Prefetch(depth, query=Query.Nearest(vector.tolist(), "dense"))]
        if weights.terms:
            sparse = SparseVector(weights.terms, weights.weights)
            prefetches.append(Prefetch(depth, query=Query.Nearest(sparse, "bm25")))
        fusion: Any = Fusion.Dbsf()  # the stubs do not know it as a Fusion
        found = shard.edge.query(
            QueryRequest(limit, prefetches=prefetches, query=fusion, with_payload=["chunk"])
        )
        return [Hit(msgspec.convert(one.payload["chunk"], Chunk), one.score) for one in found]

    def __len__(self) -> int:
        shard = self._opened()
        with shard.lock:
            return sum(len(entry.ids) for entry in shard.documents.values())

    def close(self) -> None:
        """Let go of the folder, once no other pipeline of this process uses it."""
        self._shard = None

    def _opened(self) -> _Shard:
        if self._shard is None:
            raise ConfigurationError(f"The index {self.path} is not open.", "Call open() first.")
        return self._shard


@dataclass
class _Entry:
    """A document's digests (one, unless its replacement was interrupted) and the ids of its chunks."""

    digests: set[str] = field(default_factory=set)
    ids: set[UUID] = field(default_factory=set)


class _Shard:
    """An open shard, shared by all stores of this process on its folder."""

    def __init__(self, edge: Any, info: IndexInfo) -> None:
        self.edge = edge
        self.info = info
        self.pid = os.getpid()
        self.lock = threading.RLock()
        self.documents = self._scroll()

    def entry(self, document: str) -> _Entry:
        return self.documents.get(document, _Entry())

    def delete(self, ids: set[UUID]) -> None:
        from qdrant_edge import UpdateOperation

        if ids:
            self.edge.update(UpdateOperation.delete_points(sorted(ids)))

    def _scroll(self) -> dict[str, _Entry]:
        from qdrant_edge import ScrollRequest

        documents: dict[str, _Entry] = {}
        offset = None
        while True:
            records, offset = self.edge.scroll(
                ScrollRequest(offset=offset, limit=10_000, with_payload=["document", "digest"])
            )
            for record in records:
                entry = documents.setdefault(record.payload["document"], _Entry())
                entry.digests.add(record.payload["digest"])
                entry.ids.add(record.id)
            if offset is None:
                return documents


# The engine locks its folder, so a process opens it once, however many stores it has: a cell that
# makes a pipeline is run again while the old pipeline is still alive.
_open: WeakValueDictionary[str, _Shard] = WeakValueDictionary()
_opening = threading.Lock()


def _shard(path: Path, info: IndexInfo) -> _Shard:
    """The shard below a folder, opened or made."""
    key = os.path.realpath(path)
    with _opening:
        shard = _open.get(key)
        if shard is None or shard.pid != os.getpid():
            shard = _load(path, info) if (path / "index.json").exists() else _create(path, info)
            _open[key] = shard
            _write(path / "holder", str(os.getpid()).encode())
        return shard


def _create(path: Path, info: IndexInfo) -> _Shard:
    from qdrant_edge import (
        Distance,
        EdgeConfig,
        EdgeShard,
        EdgeSparseVectorParams,
        EdgeVectorParams,
        Modifier,
    )

    shard = path / "shard"
    if shard.exists() and any(shard.iterdir()):
        raise ConfigurationError(
            f"The folder {path} holds an index without its description.",
            "Delete it and ingest again, or use another home=….",
        )
    shard.mkdir(parents=True, exist_ok=True)
    config = EdgeConfig(
        vectors={"dense": EdgeVectorParams(size=info.dimensions, distance=Distance.Dot)},
        sparse_vectors={"bm25": EdgeSparseVectorParams(modifier=Modifier.Idf)},
    )
    edge = EdgeShard.create(str(shard), config)
    _write(path / "index.json", msgspec.json.encode(info))
    return _Shard(edge, info)


def _load(path: Path, info: IndexInfo) -> _Shard:
    from qdrant_edge import EdgeShard

    try:
        made = msgspec.json.decode((path / "index.json").read_bytes(), type=IndexInfo)
    except msgspec.DecodeError as error:
        raise ConfigurationError(
            f"The description of the index {path} cannot be read.",
            "Delete the folder and ingest again, or use another home=….",
        ) from error
    if made != info:
        raise mismatch(path, made, info)
    try:
        return _Shard(EdgeShard.load(str(path / "shard")), made)
    except Exception as error:  # the engine has one class for all its errors
        if "WouldBlock" in str(error):
            raise HomeInUseError(
                f"The index {path} is in use by another process{_holder(path)}.",
                "Stop it (in Jupyter: shut down the other notebook's kernel), or use another home=….",
            ) from None
        raise ConfigurationError(
            f"The index {path} cannot be opened: {error}",
            "Delete the folder and ingest again, or use another home=….",
        ) from error


def _holder(path: Path) -> str:
    try:
        return f" (number {int((path / 'holder').read_text())})"
    except (OSError, ValueError):
        return ""


def _write(path: Path, content: bytes) -> None:
    """Write a small file so that it is whole or not there."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
