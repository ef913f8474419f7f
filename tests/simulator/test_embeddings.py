"""Embeddings, as the real SDK reads them."""

from __future__ import annotations

import math

import openai
import pytest

from ragnb.simulator import Simulator

MODEL = "text-embedding-3-small"


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


async def test_texts_that_share_words_are_near(openai_client):
    """Vectors have length 1, are the same each time, and are nearer the more words are shared."""
    texts = ["refunds take five days", "how many days do refunds take", "cats like trains"]
    with Simulator() as sim:
        client = openai_client(sim)
        vectors = [
            item.embedding for item in (await client.embeddings.create(model=MODEL, input=texts)).data
        ]
        again = (await client.embeddings.create(model=MODEL, input=texts[0])).data[0].embedding
    assert sim.requests[0].json["encoding_format"] == "base64"
    assert again == vectors[0]
    assert len(again) == 256
    assert all(math.isclose(dot(v, v), 1.0, abs_tol=1e-5) for v in vectors)
    assert dot(vectors[0], vectors[1]) > 0.4 > abs(dot(vectors[0], vectors[2])) + 0.2


async def test_float_and_base64_agree(openai_client):
    """Both encodings carry the same numbers, in the dimensions that were asked for."""
    ask = {"model": MODEL, "input": "refunds take five days", "dimensions": 64}
    with Simulator() as sim:
        client = openai_client(sim)
        packed = await client.embeddings.create(**ask)
        plain = await client.embeddings.create(**ask, encoding_format="float")
    assert len(plain.data[0].embedding) == 64
    assert plain.data[0].embedding == pytest.approx(packed.data[0].embedding, abs=1e-6)
    assert plain.usage.prompt_tokens == plain.usage.total_tokens == 4


def test_sync_client_and_texts_without_words():
    """A text without a single word has a vector too, and empty input is refused."""
    with (
        Simulator() as sim,
        openai.OpenAI(base_url=sim.url, api_key="test", max_retries=0) as client,
    ):
        vector = client.embeddings.create(model=MODEL, input="…").data[0].embedding
        assert math.isclose(dot(vector, vector), 1.0, abs_tol=1e-5)
        with pytest.raises(openai.BadRequestError):
            client.embeddings.create(model=MODEL, input="")


async def test_gate_does_not_hold_embeddings(openai_client):
    """Only streams wait at the gate."""
    with Simulator(gate=True) as sim:
        assert (await openai_client(sim).embeddings.create(model=MODEL, input="a")).data
