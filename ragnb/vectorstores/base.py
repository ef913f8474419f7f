"""What the pipeline asks of a vector store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from ragnb.documents import Chunk, Hit
from ragnb.embeddings.base import Vectors
from ragnb.errors import EmbeddingMismatchError, InvalidInputError


class IndexInfo(Struct, frozen=True):
    """Which model made the vectors of an index."""

    embedding: str
    dimensions: int


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

    def replace(self, document: str, digest: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Put a document's chunks in, in place of those it had. ``digest`` stands for its content.

        ``vectors`` has the shape ``(len(chunks), dimensions)``; `InvalidInputError` if it has not. A
        document without chunks is not kept.
        """
        ...

    def remove(self, document: str) -> None: ...

    def documents(self) -> Mapping[str, str]:
        """The digest of each document in the index."""
        ...

    def search(self, text: str, vector: Vectors, limit: int) -> list[Hit]:
        """At most ``limit`` hits, best first."""
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


def check_vectors(info: IndexInfo, chunks: Sequence[Chunk], vectors: Vectors) -> None:
    """Raises `InvalidInputError` unless there is one vector of the index's length for each chunk."""
    if chunks and vectors.shape != (len(chunks), info.dimensions):
        raise InvalidInputError(
            f"{len(chunks)} chunks come with vectors of shape {vectors.shape}.",
            f"Each needs one of {info.dimensions} dimensions.",
        )
