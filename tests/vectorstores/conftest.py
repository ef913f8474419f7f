"""The stores that every shared test runs on."""

from __future__ import annotations

import pytest

from ragnb.vectorstores.memory import InMemoryVectorStore
from ragnb.vectorstores.qdrant import QdrantVectorStore
from ragnb.vectorstores.qdrant_edge import QdrantEdgeVectorStore
from tests.vectorstores.samples import INFO


def make_store(kind, folder):
    """A store, not yet open. The server's runs on qdrant-client's local mode."""
    if kind == "edge":
        return QdrantEdgeVectorStore(folder / "index")
    if kind == "server":
        from qdrant_client import QdrantClient

        return QdrantVectorStore(client=QdrantClient(":memory:"))
    return InMemoryVectorStore()


KINDS = ["edge", "memory", "server"]


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    made = make_store(request.param, tmp_path)
    made.open(INFO)
    yield made
    made.close()
