"""Embedding models and their cache."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from ragnb.embeddings import sentence_transformers
from ragnb.embeddings.base import Embeddings
from ragnb.embeddings.cache import CachedEmbeddings
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.embeddings.sentence_transformers import SentenceTransformerEmbeddings
from ragnb.errors import ConfigurationError, ProviderError
from ragnb.simulator import Html, Simulator, Status


def test_default_model(minilm):
    """The default model gives unit vectors in which meaning is nearness."""
    vectors = minilm.embed_documents(["A dog barks.", "A hound is barking.", "Taxes are due."])
    assert vectors.shape == (3, minilm.dimensions) == (3, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.6 > 0.3 > vectors[0] @ vectors[2]
    assert minilm.embed_query("x").shape == (384,)
    assert minilm.embed_documents([]).shape == (0, 384)
    assert minilm.name == "sentence-transformers/all-MiniLM-L6-v2"


def test_tokens_are_counted_without_marks(minilm):
    """Tokens are the model's word pieces."""
    assert minilm.count_tokens(["hello world", "", "unbelievably " * 500])[:2] == [2, 0]
    assert minilm.max_tokens == 256


def test_found_without_a_network():
    """The default model loads quietly where there is no hub."""
    code = "from ragnb.embeddings.sentence_transformers import *; print(SentenceTransformerEmbeddings().dimensions)"
    env = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, done.stderr) == ("384\n", "")


def test_other_weights_are_refused(monkeypatch):
    """Weights that are not the authors' are not used."""
    monkeypatch.setattr(sentence_transformers, "_DEFAULT_SHA256", "0" * 64)
    with pytest.raises(ConfigurationError, match="are not those of"):
        sentence_transformers._wheel()


def test_a_model_that_is_nowhere(monkeypatch):
    """A model that cannot be found is told with the next step."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigurationError, match="neither on this machine nor"):
        SentenceTransformerEmbeddings("nobody/nothing").warm_up()


class Counting:
    """A model that counts what it is asked (its vectors are the lengths of the texts)."""

    name = "counting"
    dimensions = 2
    max_tokens = 10

    def __init__(self):
        self.asked = []

    def count_tokens(self, texts):
        return [len(text) for text in texts]

    def embed_documents(self, texts):
        self.asked += texts
        return np.array([[len(text), 1] for text in texts], np.float32)

    def embed_query(self, text):
        return self.embed_documents([text])[0]

    def warm_up(self):
        pass


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_nothing_is_embedded_twice(tmp_path, place):
    """A text is embedded once, whatever the order and the number of its occurrences."""
    path = tmp_path / "cache.sqlite" if place == "disk" else None
    inner = Counting()
    cache = CachedEmbeddings(inner, path)
    assert isinstance(cache, Embeddings)
    first = cache.embed_documents(["aa", "b", "aa"])
    assert first.tolist() == [[2, 1], [1, 1], [2, 1]]
    assert cache.embed_documents(["b", "ccc"]).tolist() == [[1, 1], [3, 1]]
    assert sorted(inner.asked) == ["aa", "b", "ccc"]
    assert (cache.hits, cache.misses) == (1, 3)
    cache.embed_query("aa")  # a query is not a document: some models tell them apart
    cache.embed_query("aa")
    assert inner.asked.count("aa") == 2
    assert cache.embed_documents([]).shape == (0, 2)
    if path is not None:
        again = CachedEmbeddings(Counting(), path)
        assert again.embed_documents(["ccc", "aa"]).tolist() == [[3, 1], [2, 1]]
        assert again.inner.asked == []


def test_models_do_not_share(tmp_path):
    """Vectors of one model are never given for another."""
    one, two = Counting(), Counting()
    two.name = "other"
    for inner in (one, two):
        CachedEmbeddings(inner, tmp_path / "cache.sqlite").embed_documents(["a"])
    assert one.asked == two.asked == ["a"]


def test_what_was_done_survives_an_interrupt(tmp_path):
    """When the model fails in the middle, what it embedded before is kept."""
    inner = Counting()
    texts = [f"{n:04}" for n in range(300)]

    def failing(given):
        if len(inner.asked) >= 128:
            raise KeyboardInterrupt
        return Counting.embed_documents(inner, given)

    inner.embed_documents = failing
    with pytest.raises(KeyboardInterrupt):
        CachedEmbeddings(inner, tmp_path / "c.sqlite").embed_documents(texts)
    again = CachedEmbeddings(Counting(), tmp_path / "c.sqlite")
    again.embed_documents(texts)
    assert len(again.inner.asked) == 300 - 128


def test_a_damaged_cache_is_moved_aside(tmp_path):
    """A damaged cache costs its content, not the work."""
    path = tmp_path / "cache.sqlite"
    path.write_bytes(b"this is no database" * 100)
    cache = CachedEmbeddings(Counting(), path)
    with pytest.warns(UserWarning, match="was damaged"):
        assert cache.embed_documents(["a"]).tolist() == [[1, 1]]
    assert path.with_suffix(".damaged").exists()


def test_openai_on_the_wire():
    """The real SDK's vectors come back as unit vectors, in batches, in order."""
    with Simulator() as sim:
        model = OpenAIEmbeddings(base_url=sim.url, api_key="test", batch_size=2)
        texts = ["night train", "train at night", "taxes", "", "night train"]
        vectors = model.embed_documents(texts)
        assert len(sim.requests) == 3
        assert vectors.shape == (5, model.dimensions)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(vectors[0], vectors[4])
        assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
        small = OpenAIEmbeddings(base_url=sim.url, api_key="test", dimensions=64)
        assert small.embed_query("x").shape == (64,)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"api_keys": ["other"]}, "did not accept the API key"),
        ({"models": ["other"]}, "has no model"),
        ({"faults": [Html()]}, "does not speak the protocol"),
        ({"faults": [Status(400)]}, "refused the request"),
    ],
)
def test_openai_refusals(options, said):
    """What a provider refuses is told in a sentence."""
    with Simulator(**options) as sim, pytest.raises(ProviderError, match=said):
        OpenAIEmbeddings(base_url=sim.url, api_key="test").embed_query("x")


def test_openai_without_a_key():
    """A missing key is told with the variable to set, when it is needed and not before."""
    model = OpenAIEmbeddings()
    assert model.dimensions == 1536
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        model.embed_query("x")


def test_openai_unreachable():
    """A server that is not there is told with its address."""
    with Simulator() as sim:
        url = sim.url
    model = OpenAIEmbeddings(base_url=url)
    model._connect().max_retries = 0
    with pytest.raises(ProviderError, match="could not be reached") as caught:
        model.embed_query("x")
    assert url in str(caught.value)


def test_many_threads(minilm):
    """Several threads may embed at once; each gets its own vectors."""
    from concurrent.futures import ThreadPoolExecutor

    texts = [f"text number {n} " * (n % 7 + 1) for n in range(48)]
    expected = minilm.embed_documents(texts)
    with ThreadPoolExecutor(8) as threads:
        vectors = list(threads.map(minilm.embed_query, texts))
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
