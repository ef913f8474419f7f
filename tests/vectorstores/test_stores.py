"""Vector stores: one behaviour, whichever it is."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import uuid

import msgspec
import numpy as np
import pytest

from ragnb.documents import Chunk, Locator
from ragnb.errors import ConfigurationError, EmbeddingMismatchError, HomeInUseError
from ragnb.vectorstores.base import IndexInfo, VectorStore
from ragnb.vectorstores.memory import InMemoryVectorStore
from ragnb.vectorstores.qdrant_edge import QdrantEdgeVectorStore

INFO = IndexInfo("model", 16)
WORDS = [
    "train",
    "ticket",
    "refund",
    "bicycle",
    "dog",
    "cabin",
    "night",
    "berth",
    "coffee",
    "window",
    "lamp",
    "bridge",
    "winter",
    "fare",
]


@pytest.fixture(params=["edge", "memory"])
def store(request, tmp_path):
    made = QdrantEdgeVectorStore(tmp_path / "index") if request.param == "edge" else InMemoryVectorStore()
    made.open(INFO)
    yield made
    made.close()


def make(document, texts, seed=0):
    rng = np.random.default_rng([seed, *document.encode()])
    vectors = rng.normal(size=(len(texts), INFO.dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    chunks = [
        Chunk(
            id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{document}{n}{text}")),
            document=document,
            text=text,
            title="T",
            source=document,
            locator=Locator(("A", "B"), (n, n + 1)),
            position=n,
            metadata={"year": 2026, "lang": "en"},
        )
        for n, text in enumerate(texts)
    ]
    return chunks, vectors


def texts(count, seed=1):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(3, 30))) for _ in range(count)]


def test_is_a_store(store):
    """Both are stores."""
    assert isinstance(store, VectorStore)


def test_what_goes_in_comes_out(store):
    """A chunk comes back whole, with its place and metadata; the nearest vector with the same words first."""
    chunks, vectors = make("d.md", ["a red fox 🦊", "a blue train", "nothing at all"])
    store.replace("d.md", "digest", chunks, vectors)
    found = store.search("blue train", vectors[1], 3)
    assert found[0].chunk == chunks[1]
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    assert all(type(hit.score) is float for hit in found)
    assert len(store) == 3
    assert store.documents() == {"d.md": "digest"}


def test_empty(store):
    """An empty index finds nothing."""
    assert store.search("train", np.ones(16, np.float32) / 4, 5) == []
    assert len(store) == 0
    assert store.documents() == {}


def test_a_question_without_terms(store):
    """A question of stop words alone is answered by the vectors."""
    chunks, vectors = make("d", texts(5))
    store.replace("d", "x", chunks, vectors)
    assert store.search("the of and", vectors[2], 1)[0].chunk == chunks[2]
    assert len(store.search("", vectors[2], 99)) == 5


def test_replace_leaves_nothing_old(store):
    """Replacing a document leaves its new chunks alone, and other documents as they were."""
    store.replace("a", "1", *make("a", ["old train", "old ticket", "same refund"]))
    store.replace("b", "1", *make("b", ["other bicycle"]))
    store.replace("a", "2", *make("a", ["new dog"]))
    assert len(store) == 2
    assert store.documents() == {"a": "2", "b": "1"}
    found = store.search("old train ticket refund", make("a", ["x"])[1][0], 10)
    assert {hit.chunk.text for hit in found} == {"new dog", "other bicycle"}
    store.replace("a", "3", *make("a", []))
    assert len(store) == 1


def test_remove(store):
    """A removed document is gone; removing it again does nothing."""
    store.replace("a", "1", *make("a", texts(4)))
    store.remove("a")
    store.remove("a")
    assert (len(store), store.documents(), store.search("train", make("a", ["x"])[1][0], 3)) == (0, {}, [])


def test_another_model_is_refused(store):
    """An index refuses vectors of another model in a sentence that says what to do."""
    with pytest.raises(EmbeddingMismatchError, match=r"was made with model \(16 dimensions\)") as caught:
        store.open(IndexInfo("other", 32))
    assert "RAGPipeline(embeddings='model')" in str(caught.value)


def test_many_threads(store):
    """Writers and readers in several threads do not disturb each other."""
    errors = []

    def work(name):
        try:
            for n in range(5):
                chunks, vectors = make(name, texts(20, n), n)
                store.replace(name, str(n), chunks, vectors)
                store.search("train", vectors[0], 5)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(f"d{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(store) == 80
    assert set(store.documents().values()) == {"4"}


def test_both_rank_alike(tmp_path):
    """Memory and Edge give the same order and the same scores."""
    stores = [QdrantEdgeVectorStore(tmp_path / "index"), InMemoryVectorStore()]
    chunks, vectors = make("d", texts(300))
    for store in stores:
        store.open(INFO)
        store.replace("d", "x", chunks, vectors)
    for n in range(20):
        edge, memory = (s.search(chunks[n].text[:30], vectors[n], 10) for s in stores)
        np.testing.assert_allclose([h.score for h in edge], [h.score for h in memory], rtol=1e-4)
        assert {h.chunk.id for h in edge[:5]} <= {h.chunk.id for h in memory}
        assert edge[0].chunk == memory[0].chunk


# ---- on disk --------------------------------------------------------------------------------------


def test_reopened(tmp_path):
    """An index is what it was after it was closed and opened again."""
    path = tmp_path / "index"
    chunks, vectors = make("d", texts(50))
    store = QdrantEdgeVectorStore(path)
    store.open(INFO)
    store.replace("d", "x", chunks, vectors)
    before = store.search("train", vectors[3], 10)
    store.close()
    again = QdrantEdgeVectorStore(path)
    again.open(INFO)
    assert again.search("train", vectors[3], 10) == before
    assert again.documents() == {"d": "x"}


def test_twice_in_one_process(tmp_path):
    """Two stores of one process share a folder: a cell can be run again. Closing one leaves the other."""
    path = tmp_path / "index"
    one, two = QdrantEdgeVectorStore(path), QdrantEdgeVectorStore(path)
    one.open(INFO)
    two.open(INFO)
    one.replace("d", "x", *make("d", texts(3)))
    one.close()
    assert len(two) == 3


HOLD = textwrap.dedent(
    """
    import sys, os, signal
    from ragnb.vectorstores.qdrant_edge import QdrantEdgeVectorStore
    from tests.vectorstores.test_stores import INFO, make, texts
    store = QdrantEdgeVectorStore(sys.argv[1])
    store.open(INFO)
    store.replace("d", "x", *make("d", texts(200)))
    print("ready", flush=True)
    sys.stdin.read()
    """
)


@pytest.fixture
def holder(tmp_path, request):
    """Another process that has an index open."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "index")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=request.config.rootpath,
    )
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def test_held_by_another_process(holder, tmp_path):
    """A second process is told who holds the index, and what to do."""
    store = QdrantEdgeVectorStore(tmp_path / "index")
    with pytest.raises(HomeInUseError, match=str(holder.pid)) as caught:
        store.open(INFO)
    assert "another home" in caught.value.advice


def test_killed(holder, tmp_path):
    """What was written is there after the process was killed."""
    holder.kill()
    holder.wait()
    store = QdrantEdgeVectorStore(tmp_path / "index")
    store.open(INFO)
    assert len(store) == 200


def test_damaged(tmp_path):
    """A damaged index is told in a sentence."""
    path = tmp_path / "index"
    path.mkdir()
    (path / "index.json").write_bytes(b"{")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        QdrantEdgeVectorStore(path).open(INFO)
    (path / "index.json").write_bytes(msgspec.json.encode(INFO))
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        QdrantEdgeVectorStore(path).open(INFO)


def test_not_open(tmp_path):
    """A store that is not open says so."""
    with pytest.raises(ConfigurationError, match="not open"):
        len(QdrantEdgeVectorStore(tmp_path))
