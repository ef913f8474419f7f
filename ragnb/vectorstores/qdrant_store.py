"""The vector store that Qdrant Edge and a Qdrant server have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping

from ragnb.documents import Chunk, Hit
from ragnb.embeddings.base import Vectors
from ragnb.vectorstores.base import Stored
from ragnb.vectorstores.filters import Filter
from ragnb.vectorstores.qdrant_index import QdrantIndex
from ragnb.vectorstores.qdrant_writer import QdrantWriter


class QdrantStore(ABC):
    """All of `VectorStore` but how it is opened and closed."""

    @abstractmethod
    def _opened(self) -> QdrantIndex:
        """The index. Raises `ConfigurationError` if it is not open."""

    def writer(self, document: str, digest: str) -> QdrantWriter:
        """Begin to put a document in; see `Writer`."""
        return QdrantWriter(self._opened(), document, digest)

    def remove(self, document: str) -> None:
        """Take a document out; nothing happens if it is not there."""
        self._opened().remove(document)

    def documents(self) -> Mapping[str, Stored]:
        """Digest and number of chunks of each document."""
        return self._opened().documents()

    def chunks(self, document: str, first: int = 0, last: int | None = None) -> list[Chunk]:
        """The chunks at the positions ``first`` to ``last`` (inclusive), in order."""
        return self._opened().chunks(document, first, last)

    def export(self, document: str) -> Iterator[tuple[list[Chunk], Vectors]]:
        """The chunks of a document and their vectors, in order, a batch at a time.

        Raises `RagnbError` if the document is replaced meanwhile.
        """
        return self._opened().export(document)

    def search(self, text: str, vector: Vectors, limit: int, where: Filter | None = None) -> list[Hit]:
        """At most ``limit`` hits by fused score (DBSF), best first, of the chunks that fit ``where``.

        The first filter on a name of the metadata makes an index for it (a second or so for 100,000
        chunks).
        """
        return self._opened().search(text, vector, limit, where)

    def __len__(self) -> int:
        return len(self._opened())
