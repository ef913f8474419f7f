"""OpenAI's embeddings: the real SDK on a local server."""

from __future__ import annotations

import numpy as np
import pytest

from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.errors import ConfigurationError, ProviderError
from ragnb.simulator import Html, Simulator, Status


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


def test_openai_answers_in_another_order(monkeypatch):
    """Vectors belong to texts by their index, whatever order they come in."""
    with Simulator() as sim:
        model = OpenAIEmbeddings(base_url=sim.url, api_key="test")
        expected = model.embed_documents(["night train", "taxes"])
        create = model._client.embeddings.create

        def reversed_create(**options):
            response = create(**options)
            response.data.reverse()
            return response

        monkeypatch.setattr(model._client.embeddings, "create", reversed_create)
        np.testing.assert_array_equal(model.embed_documents(["night train", "taxes"]), expected)
