"""Vector stores: one behaviour, whichever it is."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from ragnb.errors import EmbeddingMismatchError, InvalidInputError
from ragnb.vectorstores.base import IndexInfo, VectorStore
from ragnb.vectorstores.memory import InMemoryVectorStore
from ragnb.vectorstores.qdrant_edge import QdrantEdgeVectorStore
from tests.vectorstores.samples import INFO, WORDS, make, texts


@pytest.fixture(params=["edge", "memory"])
def store(request, tmp_path):
    made = QdrantEdgeVectorStore(tmp_path / "index") if request.param == "edge" else InMemoryVectorStore()
    made.open(INFO)
    yield made
    made.close()


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


def test_vectors_of_another_shape_are_refused(store):
    """Vectors that do not fit the chunks are refused, and what was there stays."""
    chunks, vectors = make("d", texts(3))
    store.replace("d", "x", chunks, vectors)
    for wrong in (vectors[:1], vectors[:, :8]):
        with pytest.raises(InvalidInputError, match="3 chunks come with vectors of shape"):
            store.replace("d", "y", chunks, wrong)
    assert (len(store), store.documents()) == (3, {"d": "x"})


def agree(edge, memory, seed=0):
    """Both stores find the same scores at each place, and the same chunks but for ties."""
    rng = np.random.default_rng(seed)
    for _ in range(20):
        vector = rng.normal(size=INFO.dimensions).astype(np.float32)
        vector /= np.linalg.norm(vector)
        text = " ".join(rng.choice(WORDS, 3))
        found = [store.search(text, vector, 10) for store in (edge, memory)]
        scores = [{hit.chunk.id: hit.score for hit in hits} for hits in found]
        np.testing.assert_allclose(*([hit.score for hit in hits] for hits in found), atol=1e-4)
        for chunk in scores[0].keys() & scores[1].keys():
            assert abs(scores[0][chunk] - scores[1][chunk]) < 1e-4
        assert len(scores[0].keys() & scores[1].keys()) >= len(found[0]) - 1


@pytest.mark.parametrize("count", [1, 2, 300, 1500])
def test_both_rank_alike(tmp_path, count):
    """Memory and Edge give the same scores and the same order."""
    stores = [QdrantEdgeVectorStore(tmp_path / "index"), InMemoryVectorStore()]
    chunks, vectors = make("d", texts(count))
    for store in stores:
        store.open(INFO)
        store.replace("d", "x", chunks, vectors)
    agree(*stores)


def test_both_rank_alike_after_changes(tmp_path):
    """So they do after documents were replaced and removed. (Edge counts removed chunks in the frequency
    of a term until it is opened again.)"""
    edge, memory = QdrantEdgeVectorStore(tmp_path / "index"), InMemoryVectorStore()
    for store in (edge, memory):
        store.open(INFO)
        for n in range(30):
            store.replace(f"d{n % 4}", str(n), *make(f"d{n % 4}", texts(100, n), n))
        store.remove("d3")
        assert len(store) == 300
    edge.close()
    edge.open(INFO)
    agree(edge, memory)


def test_memory_does_not_grow_by_replacing():
    """Replacing a document a thousand times takes no more room than a few times."""
    store = InMemoryVectorStore()
    store.open(INFO)
    store.replace("kept", "x", *make("kept", ["a coffee in the kept document"]))
    for n in range(1000):
        store.replace("d", str(n), *make("d", texts(10, n), n))
    assert len(store._matrix) <= 2048
    assert sum(len(postings.rows) for postings in store._postings.values()) < 50_000
    assert store.search("kept", make("q", ["x"])[1][0], 1)[0].chunk.document == "kept"
    assert len(store) == 11
