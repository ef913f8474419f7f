"""Vector stores: one behaviour, whichever it is."""

from __future__ import annotations

import threading

import msgspec
import numpy as np
import pytest

from ragnb.errors import EmbeddingMismatchError, InvalidInputError
from ragnb.vectorstores.base import IndexInfo, Stored, VectorStore
from ragnb.vectorstores.memory import InMemoryVectorStore
from tests.vectorstores.conftest import make_store
from tests.vectorstores.samples import INFO, WORDS, digests, make, put, texts


def test_is_a_store(store):
    """Each is one."""
    assert isinstance(store, VectorStore)


def test_what_goes_in_comes_out(store):
    """A chunk comes back whole, with its place and metadata; the nearest vector with the same words first."""
    chunks, vectors = make("d.md", ["a red fox 🦊", "a blue train", "nothing at all"])
    put(store, "d.md", "digest", chunks, vectors)
    found = store.search("blue train", vectors[1], 3)
    assert found[0].chunk == chunks[1]
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    assert all(type(hit.score) is float for hit in found)
    assert len(store) == 3
    assert digests(store) == {"d.md": "digest"}


def test_empty(store):
    """An empty index finds nothing."""
    assert store.search("train", np.ones(16, np.float32) / 4, 5) == []
    assert len(store) == 0
    assert store.documents() == {}


def test_a_question_without_terms(store):
    """A question of stop words alone is answered by the vectors."""
    chunks, vectors = make("d", texts(5))
    put(store, "d", "x", chunks, vectors)
    assert store.search("the of and", vectors[2], 1)[0].chunk == chunks[2]
    assert len(store.search("", vectors[2], 99)) == 5


def test_replace_leaves_nothing_old(store):
    """Replacing a document leaves its new chunks alone, and other documents as they were."""
    put(store, "a", "1", *make("a", ["old train", "old ticket", "same refund"]))
    put(store, "b", "1", *make("b", ["other bicycle"]))
    put(store, "a", "2", *make("a", ["new dog"]))
    assert len(store) == 2
    assert digests(store) == {"a": "2", "b": "1"}
    found = store.search("old train ticket refund", make("a", ["x"])[1][0], 10)
    assert {hit.chunk.text for hit in found} == {"new dog", "other bicycle"}
    put(store, "a", "3", *make("a", []))
    assert len(store) == 1


def test_remove(store):
    """A removed document is gone; removing it again does nothing."""
    put(store, "a", "1", *make("a", texts(4)))
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
                put(store, name, str(n), chunks, vectors)
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
    assert set(store.documents().values()) == {Stored("4", 20)}


def test_vectors_of_another_shape_are_refused(store):
    """Vectors that do not fit the chunks are refused, and what was there stays."""
    chunks, vectors = make("d", texts(3))
    put(store, "d", "x", chunks, vectors)
    for wrong in (vectors[:1], vectors[:, :8]):
        with pytest.raises(InvalidInputError, match="3 chunks come with vectors of shape"):
            put(store, "d", "y", chunks, wrong)
    assert store.documents() == {"d": Stored("x", 3)}
    assert len(store) == 3


def agree(one, memory, seed=0):
    """Both stores find the same scores at each place, and the same chunks but for ties."""
    rng = np.random.default_rng(seed)
    for _ in range(20):
        vector = rng.normal(size=INFO.dimensions).astype(np.float32)
        vector /= np.linalg.norm(vector)
        text = " ".join(rng.choice(WORDS, 3))
        found = [store.search(text, vector, 10) for store in (one, memory)]
        scores = [{hit.chunk.id: hit.score for hit in hits} for hits in found]
        np.testing.assert_allclose(*([hit.score for hit in hits] for hits in found), atol=1e-4)
        for chunk in scores[0].keys() & scores[1].keys():
            assert abs(scores[0][chunk] - scores[1][chunk]) < 1e-4
        assert len(scores[0].keys() & scores[1].keys()) >= len(found[0]) - 1


@pytest.mark.parametrize("kind", ["edge", "server"])
@pytest.mark.parametrize("count", [1, 2, 300, 1500])
def test_all_rank_alike(tmp_path, kind, count):
    """All give the same scores and the same order."""
    stores = [make_store(kind, tmp_path), InMemoryVectorStore()]
    chunks, vectors = make("d", texts(count))
    for store in stores:
        store.open(INFO)
        put(store, "d", "x", chunks, vectors)
    agree(*stores)


@pytest.mark.parametrize("kind", ["edge", "server"])
def test_all_rank_alike_after_changes(tmp_path, kind):
    """So they do after documents were replaced and removed. (Edge counts removed chunks in the frequency
    of a term until it is opened again.)"""
    one, memory = make_store(kind, tmp_path), InMemoryVectorStore()
    for store in (one, memory):
        store.open(INFO)
        for n in range(12):
            put(store, f"d{n % 4}", str(n), *make(f"d{n % 4}", texts(100, n), n))
        store.remove("d3")
        assert len(store) == 300
    one.close()
    one.open(INFO)
    agree(one, memory)


def test_chunks_of_a_document(store):
    """Chunks are read again by their positions, in order; what is not there is left out."""
    chunks, vectors = make("a", texts(1300))
    put(store, "a", "1", chunks, vectors)
    put(store, "b", "1", *make("b", texts(3)))
    assert store.chunks("a") == chunks
    assert store.chunks("a", 1298) == chunks[1298:]
    assert store.chunks("a", 255, 257) == chunks[255:258]
    assert store.chunks("a", -2, 1) == chunks[:2]
    assert store.chunks("a", 1299, 5000) == chunks[1299:]
    assert store.chunks("a", 5, 4) == store.chunks("a", 2000) == store.chunks("c") == []


def test_export(store):
    """Chunks and vectors are handed out as they went in."""
    chunks, vectors = make("a", texts(1300))
    put(store, "a", "1", chunks, vectors)
    batches = list(store.export("a"))
    assert [chunk for some, _ in batches for chunk in some] == chunks
    np.testing.assert_array_equal(np.concatenate([some for _, some in batches]), vectors)
    assert all(some.dtype == np.float32 for _, some in batches)
    assert list(store.export("b")) == []


def test_metadata_that_cannot_be_kept(store):
    """What is neither a text nor a finite number is refused, by every store."""
    put(store, "d", "x", *make("d", ["one"]))
    for bad in (float("nan"), float("inf"), 2**70, "\ud800", True, None, ["a"]):
        chunks, vectors = make("d", ["two"])
        chunks = [msgspec.structs.replace(chunks[0], metadata={"n": bad})]
        with pytest.raises(InvalidInputError, match="metadata of d cannot be stored: 'n'"):
            put(store, "d", "y", chunks, vectors)
    assert digests(store) == {"d": "x"}


def test_memory_does_not_grow_by_replacing():
    """Replacing a document a thousand times takes no more room than a few times."""
    store = InMemoryVectorStore()
    store.open(INFO)
    put(store, "kept", "x", *make("kept", ["a coffee in the kept document"]))
    for n in range(1000):
        put(store, "d", str(n), *make("d", texts(10, n), n))
    assert len(store._matrix) <= 2048
    assert sum(len(postings.rows) for postings in store._postings.values()) < 50_000
    assert store.search("kept", make("q", ["x"])[1][0], 1)[0].chunk.document == "kept"
    assert len(store) == 11
