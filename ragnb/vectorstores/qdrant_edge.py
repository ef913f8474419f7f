"""The default store: Qdrant Edge, the Qdrant engine in this process, in a folder of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from ragnb.documents import Chunk, Hit
from ragnb.embeddings.base import Vectors
from ragnb.errors import ConfigurationError, InvalidInputError
from ragnb.vectorstores import bm25
from ragnb.vectorstores.base import IndexInfo, check_vectors
from ragnb.vectorstores.edge_shards import NOTHING, Entry, Shard, acquire, check_room, release, told


class QdrantEdgeVectorStore:
    """Dense and BM25 vectors in one Qdrant Edge shard below ``path``.

    What `replace` wrote survives the death of the process (write-ahead log). Several stores of one
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

    def replace(self, document: str, digest: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Put a document in, in place of what it had.

        The new chunks come in one record of the log, then the old ones go; where a crash falls between
        the two, the next `open` takes the old ones out.

        Raises `InvalidInputError` for vectors of another shape and for metadata that has no JSON form,
        `RagnbError` where the disk is full.
        """
        from qdrant_edge import Point, SparseVector, UpdateOperation

        shard = self._opened()
        check_vectors(shard.info, chunks, vectors)
        ids = frozenset(UUID(chunk.id) for chunk in chunks)
        texts = [chunk.searched_text for chunk in chunks]
        check_room(self.path, 3 * (vectors.nbytes + 4 * sum(map(len, texts))))
        weights = [bm25.of_document(text) for text in texts]
        with told(self.path), shard.lock:
            before = shard.documents.get(document, NOTHING)
            revision = before.revision + 1
            try:
                points = [
                    Point(
                        UUID(chunk.id),
                        {"dense": vector.tolist(), "bm25": SparseVector(terms.terms, terms.weights)},
                        {
                            "document": document,
                            "digest": digest,
                            "revision": revision,
                            "chunk": msgspec.to_builtins(chunk),
                        },
                    )
                    for chunk, vector, terms in zip(chunks, vectors, weights, strict=True)
                ]
            except TypeError as error:  # what the engine says of a NaN
                raise InvalidInputError(
                    f"The metadata of {document} cannot be stored.", "Use texts and finite numbers."
                ) from error
            if points:
                shard.edge.update(UpdateOperation.upsert_points(points))
                shard.documents[document] = Entry(digest, revision, ids)
            else:
                shard.documents.pop(document, None)
            shard.delete(before.ids - ids)

    def remove(self, document: str) -> None:
        """Take a document out; nothing happens if it is not there."""
        shard = self._opened()
        with told(self.path), shard.lock:
            shard.delete(shard.documents.pop(document, NOTHING).ids)

    def documents(self) -> Mapping[str, str]:
        """The digest of each document."""
        shard = self._opened()
        with shard.lock:
            return {name: entry.digest for name, entry in shard.documents.items()}

    def search(self, text: str, vector: Vectors, limit: int) -> list[Hit]:
        """At most ``limit`` hits by fused score (DBSF), best first."""
        from qdrant_edge import Fusion, Prefetch, Query, QueryRequest, SparseVector

        shard = self._opened()
        if not shard.documents:
            return []
        depth = max(4 * limit, 100)
        weights = bm25.of_query(text)
        prefetches = [Prefetch(depth, query=Query.Nearest(vector.tolist(), "dense"))]
        if weights.terms:
            sparse = SparseVector(weights.terms, weights.weights)
            prefetches.append(Prefetch(depth, query=Query.Nearest(sparse, "bm25")))
        fusion: Any = Fusion.Dbsf()  # the stubs do not know it as a Fusion
        with told(self.path):
            found = shard.edge.query(
                QueryRequest(limit, prefetches=prefetches, query=fusion, with_payload=["chunk"])
            )
        return [Hit(msgspec.convert(one.payload["chunk"], Chunk), one.score) for one in found]

    def __len__(self) -> int:
        shard = self._opened()
        with shard.lock:
            return sum(len(entry.ids) for entry in shard.documents.values())

    def close(self) -> None:
        """Let go of the folder; it is free once no other store of this process uses it."""
        shard, self._shard = self._shard, None
        if shard is not None:
            release(shard, self)

    def _opened(self) -> Shard:
        if self._shard is None:
            raise ConfigurationError(f"The index {self.path} is not open.", "Call open() first.")
        if self._shard.pid != os.getpid():  # the engine's threads are not there: it would hang
            raise ConfigurationError(
                f"The index {self.path} was opened by the process that this one was forked from.",
                "Make a pipeline in each process, with its own home=….",
            )
        return self._shard
