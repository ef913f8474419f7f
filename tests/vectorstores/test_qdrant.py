"""The store on a Qdrant server: its address, its key, its collection. (No server is exercised.)"""

from __future__ import annotations

import http.server
import json
import threading

import pytest

from ragnb import parts
from ragnb.errors import ConfigurationError, EmbeddingMismatchError
from ragnb.vectorstores.base import IndexInfo
from ragnb.vectorstores.qdrant import QdrantVectorStore
from tests.vectorstores.samples import INFO, digests, make, put

KEY = "very-secret"
KEYS_IN_THE_CLEAR = pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")


@pytest.fixture(autouse=True)
def without_key(monkeypatch):
    monkeypatch.delenv("QDRANT_API_KEY", raising=False)


@pytest.fixture
def client():
    from qdrant_client import QdrantClient

    return QdrantClient(":memory:")


@pytest.fixture
def answering():
    """A server that answers every request with one status, and keeps the keys that it was sent."""
    keys, status = [], [401]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            keys.append(self.headers.get("api-key"))
            self.send_response(status[0])
            self.end_headers()
            self.wfile.write(json.dumps({"status": {"error": "no"}}).encode())

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", keys, status
    server.shutdown()
    thread.join()
    server.server_close()


def test_nobody_there():
    """A server that does not answer is told in a sentence that says what to do."""
    store = QdrantVectorStore("http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=r"127.0.0.1:9 does not answer.*Start it"):
        store.open(INFO)
    store.close()


@KEYS_IN_THE_CLEAR
def test_a_wrong_key(answering, monkeypatch):
    """A refused key is told in a sentence; the key, given or of the environment, is sent and never shown."""
    url, keys, _ = answering
    for wanted in (KEY, "of-the-environment"):
        store = QdrantVectorStore(url, api_key=KEY if wanted == KEY else None)
        monkeypatch.setenv("QDRANT_API_KEY", "of-the-environment")
        with pytest.raises(ConfigurationError, match=r"refuses the API key.*QDRANT_API_KEY") as caught:
            store.open(INFO)
        store.close()
        assert keys[-1] == wanted
        assert wanted not in repr(store) + str(caught.value)


def test_another_fault(answering):
    """What else a server says is passed on."""
    url, _, status = answering
    status[0] = 500
    store = QdrantVectorStore(url)
    with pytest.raises(ConfigurationError, match="refused a request: 500"):
        store.open(INFO)
    store.close()


def test_no_address():
    """What is no address is told before anything is sent; a password in an address is not shown."""
    for wrong in ("", "http://", "localhost:6333", "ftp://host"):
        with pytest.raises(ConfigurationError, match="is no address of a Qdrant server"):
            QdrantVectorStore(wrong)
    assert (
        repr(QdrantVectorStore("https://me:pass@host:6333"))
        == "QdrantVectorStore('https://host:6333', collection='ragnb')"
    )


def test_by_address():
    """The address of a server names this store."""
    store = parts.vectorstore("https://qdrant.example:6333", None)
    assert isinstance(store, QdrantVectorStore)
    assert store.url == "https://qdrant.example:6333"
    with pytest.raises(ConfigurationError, match="is no vector store"):
        parts.vectorstore("ftp://qdrant.example", None)


def test_a_collection_of_others(client):
    """A collection that ragnb did not make is refused and left as it was."""
    from qdrant_client import models

    client.create_collection("ragnb", vectors_config=models.VectorParams(size=4, distance="Dot"))
    with pytest.raises(ConfigurationError, match=r"ragnb\) was not made by ragnb.*another collection"):
        QdrantVectorStore(client=client).open(INFO)
    assert client.get_collection("ragnb").points_count == 0


def test_another_version(client):
    """A collection of another format is refused."""
    store = QdrantVectorStore(client=client)
    store.open(INFO)
    client.update_collection(
        "ragnb", metadata={"ragnb": {"embedding": "model", "dimensions": 16, "format": 99}}
    )
    with pytest.raises(ConfigurationError, match="another version of ragnb"):
        QdrantVectorStore(client=client).open(INFO)


def test_collections_are_apart(client):
    """Two collections of one server have nothing in common; each keeps its model's name."""
    one, two = QdrantVectorStore(client=client), QdrantVectorStore(client=client, collection="two")
    one.open(INFO)
    two.open(IndexInfo("other", 16))
    put(one, "d", "1", *make("d", ["one"]))
    assert two.documents() == {}
    with pytest.raises(EmbeddingMismatchError, match=r"\(two\) was made with other"):
        QdrantVectorStore(client=client, collection="two").open(INFO)


def test_two_on_one_collection(client):
    """What one process commits, another finds, and nothing before that; it may open the index meanwhile."""
    one, two = QdrantVectorStore(client=client), QdrantVectorStore(client=client)
    one.open(INFO)
    two.open(INFO)
    chunks, vectors = make("d", ["one", "two"])
    writer = one.writer("d", "1")
    writer.add(chunks, vectors)
    two.close()
    two.open(INFO)
    assert (two.search("one", vectors[0], 5), len(two), two.documents()) == ([], 0, {})
    writer.commit()
    assert [hit.chunk for hit in two.search("one", vectors[0], 5)] == chunks
    assert digests(two) == {"d": "1"}
    assert two.chunks("d") == chunks


def test_on_disk(tmp_path):
    """The local mode in a folder keeps the index."""
    from qdrant_client import QdrantClient

    chunks, vectors = make("d", ["one", "two"])
    for _ in range(2):
        client = QdrantClient(path=str(tmp_path / "qdrant"))
        store = QdrantVectorStore(client=client)
        store.open(INFO)
        if not store.documents():
            put(store, "d", "1", chunks, vectors)
        assert [hit.chunk for hit in store.search("one", vectors[0], 1)] == chunks[:1]
        store.close()
        client.close()


def test_not_open():
    """A store that is not open says so."""
    with pytest.raises(ConfigurationError, match="not open"):
        len(QdrantVectorStore("http://127.0.0.1:9"))
