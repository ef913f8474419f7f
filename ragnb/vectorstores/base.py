"""What the pipeline asks of a vector store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from ragnb.documents import Chunk, Hit
from ragnb.embeddings.base import Vectors
from ragnb.errors import EmbeddingMismatchError, InvalidInputError
from ragnb.vectorstores.filters import Filter


class IndexInfo(Struct, frozen=True):
    """Which model made the vectors of an index."""

    embedding: str
    dimensions: int


class Stored(Struct, frozen=True):
    """A document in an index: what stands for its content, and its number of chunks."""

    digest: str
    chunks: int


class Writer(Protocol):
    """A document on its way into a store: nothing of it is found before `commit`, and what the document
    had before is found until then, whole. A crash leaves the one or the other, never a part."""

    def add(self, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """The next chunks. ``vectors`` has the shape ``(len(chunks), dimensions)``; `InvalidInputError` if
        it has not. Memory does not grow with the number of calls where the store is on disk."""
        ...

    def commit(self) -> None:
        """In place of what the document had. A document without chunks is not kept."""
        ...

    def abort(self) -> None:
        """Forget what was added; harmless after `commit`."""
        ...


@runtime_checkable
class VectorStore(Protocol):
    """Hybrid search over chunks: dense vectors and BM25, fused by distribution-based scores (DBSF).

    All methods block, are called from worker threads, and may be called from several at once.
    """

    def open(self, info: IndexInfo) -> None:
        """Make the index, or open it. To open an open one again is harmless.

        Raises `EmbeddingMismatchError` if another model made it, `HomeInUseError` if another process
        holds it.
        """
        ...

    def writer(self, document: str, digest: str) -> Writer:
        """Begin to put a document in. ``digest`` stands for its content."""
        ...

    def remove(self, document: str) -> None:
        """Take a document out; nothing happens if it is not there."""
        ...

    def documents(self) -> Mapping[str, Stored]:
        """Digest and number of chunks of each document, by its name."""
        ...

    def chunks(self, document: str, first: int = 0, last: int | None = None) -> list[Chunk]:
        """The chunks of a document whose positions are from ``first`` to ``last`` (inclusive; None is the
        end), in order."""
        ...

    def export(self, document: str) -> Iterator[tuple[list[Chunk], Vectors]]:
        """The chunks of a document and their vectors, in order, some at a time."""
        ...

    def search(self, text: str, vector: Vectors, limit: int, where: Filter | None = None) -> list[Hit]:
        """At most ``limit`` hits, best first, of the chunks whose metadata fits ``where``.

        Raises `InvalidInputError` for a filter that means nothing (see `filters`).
        """
        ...

    def __len__(self) -> int:
        """The number of chunks."""
        ...

    def close(self) -> None:
        """Let go of the index. It is opened again with `open`."""
        ...


def mismatch(path: object, made: IndexInfo, asked: IndexInfo) -> EmbeddingMismatchError:
    """The error for an index that another embedding model made."""
    return EmbeddingMismatchError(
        f"The index {path} was made with {made.embedding} ({made.dimensions} dimensions), and this "
        f"pipeline embeds with {asked.embedding} ({asked.dimensions}).",
        f"Use RAGPipeline(embeddings={made.embedding!r}), or another home=…; or delete the index and "
        "ingest again.",
    )


def check_chunks(
    info: IndexInfo, document: str, position: int, chunks: Sequence[Chunk], vectors: Vectors
) -> None:
    """Raises `InvalidInputError` unless these are the chunks of the document from ``position`` on, with one
    vector of the index's length for each."""
    if chunks and vectors.shape != (len(chunks), info.dimensions):
        raise InvalidInputError(
            f"{len(chunks)} chunks come with vectors of shape {vectors.shape}.",
            f"Each needs one of {info.dimensions} dimensions.",
        )
    for expected, chunk in enumerate(chunks, position):
        if chunk.position != expected:
            raise InvalidInputError(
                f"A chunk of {document} has the position {chunk.position}, where {expected} comes next.",
                "Count the chunks of a document from 0, in order.",
            )
