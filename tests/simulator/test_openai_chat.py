"""OpenAI's chat completions, as the real SDK reads them."""

from __future__ import annotations

import json

import httpx2
import openai
import pytest

from ragnb.simulator import Simulator, tokenize

ANSWER = "Refunds take five days [1]. Ask the conductor, not the driver!"
ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "How do refunds work?"}]}
COUNTED = {"include_usage": True}


async def test_streamed_text_is_the_answer(openai_client):
    """The deltas joined are the answer, one delta per token."""
    with Simulator(ANSWER) as sim:
        stream = await openai_client(sim).chat.completions.create(**ASK, stream=True)
        chunks = [chunk async for chunk in stream]
    texts = [c.choices[0].delta.content for c in chunks if c.choices[0].delta.content]
    assert tuple(texts) == tokenize(ANSWER)
    assert "".join(texts) == ANSWER
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[0].choices[0].delta.content == ""
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_sync_client_reads_the_same():
    """The SDK's sync client reads the same stream."""
    with (
        Simulator(ANSWER) as sim,
        openai.OpenAI(base_url=sim.url, api_key="test", max_retries=0) as client,
    ):
        stream = client.chat.completions.create(**ASK, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == ANSWER


async def test_usage_comes_last_and_alone(openai_client):
    """With include_usage, a last chunk without choices has it, and every other has it empty."""
    with Simulator(["One", " two"]) as sim:
        client = openai_client(sim)
        stream = await client.chat.completions.create(**ASK, stream=True, stream_options=COUNTED)
        *others, last = [chunk async for chunk in stream]
    assert last.choices == []
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (5, 2)
    assert last.usage.total_tokens == 7
    assert all(chunk.usage is None for chunk in others)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_token_limit_ends_with_length(openai_client, name):
    """An answer longer than the request allows is cut there and says so."""
    with Simulator(ANSWER) as sim:
        request = {**ASK, name: 3}
        stream = await openai_client(sim).chat.completions.create(**request, stream=True)
        chunks = [chunk async for chunk in stream]
    said = [c.choices[0].delta.content for c in chunks if c.choices[0].delta.content]
    assert tuple(said) == tokenize(ANSWER)[:3]
    assert chunks[-1].choices[0].finish_reason == "length"


async def test_whole_completion(openai_client):
    """Without stream, one JSON body has the text and the usage."""
    with Simulator(ANSWER) as sim:
        completion = await openai_client(sim).chat.completions.create(**ASK)
    assert completion.choices[0].message.content == ANSWER
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.completion_tokens == len(tokenize(ANSWER))


async def test_answer_may_be_a_function_of_the_request(openai_client):
    """A callable answer sees the request's JSON."""
    with Simulator(lambda request: f"You asked {request['model']}.") as sim:
        completion = await openai_client(sim).chat.completions.create(**ASK)
    assert completion.choices[0].message.content == "You asked gpt-4o-mini."


async def test_default_answer_quotes_the_passages(openai_client):
    """Without an answer, the first sentences of the prompt's passages are quoted with [n]."""
    prompt = (
        '<passage number="1" from="a.md">\nRefunds take five days. Not six.\n</passage>\n\n'
        '<passage number="2" from="b.md">\nCats travel\nfree.\n</passage>\n\nQuestion: Refunds?'
    )
    system = {"role": "system", "content": "Cite as [1] or\n[2] so."}
    messages = [system, {"role": "user", "content": prompt}]
    with Simulator() as sim:
        client = openai_client(sim)
        quoted = await client.chat.completions.create(model="m", messages=messages)
        nothing = await client.chat.completions.create(**ASK)
    assert quoted.choices[0].message.content == "Refunds take five days [1]. Cats travel free [2]."
    assert "no passages" in nothing.choices[0].message.content


def raw(sim: Simulator, **request: object) -> list[str]:
    """The lines of a stream as they come."""
    with httpx2.Client(base_url=sim.url) as client:
        response = client.post("/chat/completions", json={**ASK, "stream": True, **request})
    assert response.headers["content-type"].startswith("text/event-stream")
    return [line for line in response.text.split("\n") if line]


def chunks_of(lines: list[str]) -> list[dict]:
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    return [json.loads(text) for text in data if text != "[DONE]"]


def test_openai_ends_with_done():
    """OpenAI's own stream ends with [DONE]."""
    with Simulator("Yes.") as sim:
        lines = raw(sim)
    assert lines[-1] == "data: [DONE]"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks_of(lines)][-1] == "stop"


def test_obfuscation_can_be_left_out():
    """OpenAI pads deltas unless told not to."""
    with Simulator("Yes.") as sim:
        padded = chunks_of(raw(sim))
        bare = chunks_of(raw(sim, stream_options={"include_obfuscation": False}))
    assert all("obfuscation" in chunk for chunk in padded)
    assert not any("obfuscation" in chunk for chunk in bare)


def test_groq_repeats_its_usage():
    """Groq has usage in the finish chunk's x_groq, and again in a chunk without choices."""
    with Simulator(["Yes", "."], dialect="groq") as sim:
        lines = raw(sim, stream_options=COUNTED)
    *_, finish, last = chunks_of(lines)
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert finish["x_groq"]["usage"]["completion_tokens"] == 2
    assert last["choices"] == []
    assert last["usage"] == last["x_groq"]["usage"] == finish["x_groq"]["usage"]
    assert lines[-1] == "data: [DONE]"


def test_cerebras_has_no_done():
    """Cerebras reasons first, sends heartbeats and empty deltas, and ends with the figures."""
    with Simulator(["Yes", "."], dialect="cerebras") as sim:
        lines = raw(sim)
    assert "data: [DONE]" not in lines
    assert ": heartbeat" in lines
    *chunks, finish = chunks_of(lines)
    assert not any("finish_reason" in chunk["choices"][0] for chunk in chunks)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert {} in deltas
    kinds = [next(iter(delta)) for delta in deltas if delta and "role" not in delta]
    assert kinds == sorted(kinds, reverse=True) and set(kinds) == {"reasoning", "content"}
    assert finish["choices"][0]["finish_reason"] == "stop"
    reasoned = finish["usage"]["completion_tokens_details"]["reasoning_tokens"]
    assert finish["usage"]["completion_tokens"] == 2 + reasoned
    assert "total_time" in finish["time_info"]


@pytest.mark.parametrize("dialect", ["groq", "cerebras"])
async def test_sdk_reads_dialects(openai_client, dialect):
    """The SDK reads the same text from every dialect."""
    with Simulator(ANSWER, dialect=dialect) as sim:
        stream = await openai_client(sim).chat.completions.create(**ASK, stream=True)
        chunks = [chunk async for chunk in stream]
    said = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
    assert "".join(said) == ANSWER
