"""A Qdrant server or cluster, for an index that is shared or larger than one machine."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ragnb.errors import ConfigurationError
from ragnb.vectorstores.base import IndexInfo, mismatch
from ragnb.vectorstores.qdrant_index import FORMAT, INDEXED, QdrantIndex
from ragnb.vectorstores.qdrant_store import QdrantStore
from ragnb.vectorstores.server_engine import ServerEngine


class _Description(msgspec.Struct, frozen=True):
    """What is kept as the collection's metadata."""

    embedding: str
    dimensions: int
    format: int = FORMAT


class QdrantVectorStore(QdrantStore):
    """Dense and BM25 vectors in one collection of a Qdrant server (1.16 or later).

    ``url`` is its address, such as ``"http://localhost:6333"``. Without an ``api_key`` that of
    ``QDRANT_API_KEY`` is sent, if there is one. ``client`` is a `qdrant_client.QdrantClient` to be used
    instead; it is then not closed.

    This store was tested on qdrant-client's local mode (``QdrantClient(":memory:")``); no server was
    exercised.

    Several processes may search one collection, and put different documents in. A process sees each change
    of its own at once and whole; while another one puts a document in place of an older one, a search may
    find some of both for a moment. What a process that died left behind is taken out by the first `open` a
    day later, and not found until then.
    """

    def __init__(
        self, url: str = "", *, api_key: str | None = None, collection: str = "ragnb", client: Any = None
    ) -> None:
        parts = urlsplit(url)
        if client is None and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ConfigurationError(
                f"{url!r} is no address of a Qdrant server.",
                "Write it as http://localhost:6333 (or pass client=…).",
            )
        self.url = url
        self.collection = collection
        self._key = api_key
        self._given = client
        self._client: Any = None
        self._index: QdrantIndex | None = None

    def __repr__(self) -> str:
        return f"QdrantVectorStore({self._address()!r}, collection={self.collection!r})"

    def open(self, info: IndexInfo) -> None:
        """Make the collection or open it; see `VectorStore.open`.

        Raises `ConfigurationError` if the server does not answer or refuses the key, and for a collection
        that is not ragnb's.
        """
        if self._index is not None and self._index.info == info:
            return
        name = f"{self._address()} ({self.collection})"
        self._client = self._client or self._given or self._connect()
        engine = ServerEngine(self._client, self.collection, self._address())
        is_there, described = engine.describe()
        if not is_there:
            engine.create(info, _Description(info.embedding, info.dimensions))
            engine.index(INDEXED)
            is_there, described = engine.describe()
        try:
            made = msgspec.convert(described, _Description)
        except msgspec.ValidationError:
            raise ConfigurationError(
                f"The collection {name} was not made by ragnb.",
                "Use another collection=…. (If ragnb has just made it, the server is older than 1.16.)",
            ) from None
        if made.format != FORMAT:
            raise ConfigurationError(
                f"The index {name} was made by another version of ragnb.",
                "Delete the collection and ingest again, or use another collection=….",
            )
        if IndexInfo(made.embedding, made.dimensions) != info:
            raise mismatch(name, IndexInfo(made.embedding, made.dimensions), info)
        engine.index(INDEXED)
        index = QdrantIndex(engine, info)
        index.recover()
        self._index = index

    def close(self) -> None:
        """Let go of the connection."""
        client, self._client, self._index = self._client, None, None
        if client is not None and client is not self._given:
            client.close()

    def _opened(self) -> QdrantIndex:
        if self._index is None:
            raise ConfigurationError(f"The index {self._address()} is not open.", "Call open() first.")
        return self._index

    def _connect(self) -> Any:
        try:
            from qdrant_client import QdrantClient
        except ImportError as error:
            raise ConfigurationError(
                "The package qdrant-client is not installed.", "Install it: pip install qdrant-client"
            ) from error
        key = self._key or os.environ.get("QDRANT_API_KEY") or None
        return QdrantClient(self.url, api_key=key, check_compatibility=False)

    def _address(self) -> str:
        """The URL without a user's name and password."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if self.url else "local"
