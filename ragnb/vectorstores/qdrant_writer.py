"""A document on its way into a Qdrant engine, a batch of points at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ragnb.documents import Chunk
from ragnb.embeddings.base import Vectors
from ragnb.errors import InvalidInputError
from ragnb.vectorstores import bm25
from ragnb.vectorstores.base import check_chunks
from ragnb.vectorstores.filters import fields
from ragnb.vectorstores.qdrant_engine import Point
from ragnb.vectorstores.qdrant_index import QdrantIndex, point_id


class QdrantWriter:
    """A document on its way into an index; see `Writer`."""

    def __init__(self, index: QdrantIndex, document: str, digest: str) -> None:
        self._index = index
        self._document = document
        self._digest = digest
        self._revision: int | None = None  # none before the first chunk
        self._count = 0
        self._ended = False

    def add(self, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """The next chunks; see `Writer.add`.

        Raises `InvalidInputError` for vectors of another shape, for chunks that are not the next ones, and
        for metadata that cannot be stored; `RagnbError` where the disk is full.
        """
        self._check_open()
        check_chunks(self._index.info, self._document, self._count, chunks, vectors)
        described = [fields(chunk) for chunk in chunks]
        if not chunks:
            return
        if self._revision is None:
            self._revision = self._index.begin(self._document)
        common: dict[str, Any] = {"revision": self._revision}
        if self._index.engine.is_shared:
            common["staged"] = 1
        step = self._index.engine.batch
        for begin in range(0, len(chunks), step):
            batch = slice(begin, begin + step)
            self._index.engine.upsert(
                [
                    Point(
                        point_id(self._revision, chunk.position),
                        {**common, "chunk": msgspec.to_builtins(chunk), **filterable},
                        vector,
                        bm25.of_document(chunk.searched_text),
                    )
                    for chunk, vector, filterable in zip(
                        chunks[batch], vectors[batch], described[batch], strict=True
                    )
                ]
            )
        self._count += len(chunks)

    def commit(self) -> None:
        """Put the document in place of what it had."""
        self._check_open()
        if self._revision is None:
            self._index.remove(self._document)
        else:
            self._index.commit(self._document, self._digest, self._count, self._revision)
        self._ended = True

    def abort(self) -> None:
        """Forget what was added; harmless after `commit`."""
        if self._ended:
            return
        self._ended = True
        if self._revision is not None:
            self._index.abort(self._document, self._revision)

    def _check_open(self) -> None:
        if self._ended:
            raise InvalidInputError(f"The writer of {self._document} has ended.", "Begin another.")
