"""OpenAILLM: the Responses protocol, names of compatible servers, and what is sent."""

from __future__ import annotations

import pytest

from ragnb import parts
from ragnb.errors import ConfigurationError, ProviderError
from ragnb.events import Resumed
from ragnb.llms.base import LLM, Partial, Request, Stop, Text
from ragnb.llms.openai import OpenAILLM
from ragnb.simulator import CleanEnd, Cut, ErrorEvent, Html, Simulator, Status
from tests.conftest import hits
from tests.resumption.provider import events, text


async def read(llm, request=None):
    return [delta async for delta in llm.stream(request or Request("Why?", hits("Because.")))]


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_both_protocols(api):
    """Text, usage and the end come from either protocol; the prompt holds the passages."""
    with Simulator("Because it is so [1]. 🦊") as sim:
        llm = OpenAILLM("gpt-4o-mini", api=api, base_url=sim.url, api_key="test")
        assert isinstance(llm, LLM)
        deltas = await read(llm)
        assert "".join(d.text for d in deltas if isinstance(d, Text)) == "Because it is so [1]. 🦊"
        assert deltas[-1] == Stop("stop")
        assert deltas[-2].output_tokens > 3
        assert "<passage number=" in str(sim.requests[0].json)
        await llm.aclose()


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_length(api):
    """A stop at max_tokens is told as length."""
    with Simulator("one two three four") as sim:
        llm = OpenAILLM("m", api=api, base_url=sim.url, max_tokens=2)
        assert (await read(llm))[-1] == Stop("length")
        await llm.aclose()


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Status(401), "authentication"),
        (Status(404), "not_found"),
        (Status(429, retry_after=2), "rate_limit"),
        (Cut(2), "cut"),
        (Cut(2, "rst"), "cut"),
        (CleanEnd(2), "cut"),
        (ErrorEvent(2), "server"),
        (Html(), "garbage"),
    ],
)
async def test_faults(api, fault, kind):
    """Every way to fail has its class; nothing is retried below the engine."""
    with Simulator("one two three four", faults=[fault]) as sim:
        llm = OpenAILLM("m", api=api, base_url=sim.url)
        with pytest.raises(ProviderError) as caught:
            await read(llm)
        await llm.aclose()
        assert len(sim.requests) == 1
    assert caught.value.fault == kind
    assert caught.value.retry_after == getattr(fault, "retry_after", None)


async def test_unreachable():
    """A server that is not there is told with its address."""
    with Simulator() as sim:
        url = sim.url
    llm = OpenAILLM("m", base_url=url)
    with pytest.raises(ProviderError, match="could not be reached") as caught:
        await read(llm)
    assert url in str(caught.value)
    await llm.aclose()


async def test_no_key():
    """A missing key is told with the variable to set; a server of one's own needs none."""
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        await read(OpenAILLM("gpt-4o-mini"))


@pytest.mark.parametrize(
    ("name", "url", "variable", "effort"),
    [
        ("groq:openai/gpt-oss-20b", "https://api.groq.com/openai/v1", "GROQ_API_KEY", "low"),
        ("groq:llama-3.3-70b-versatile", "https://api.groq.com/openai/v1", "GROQ_API_KEY", None),
        ("cerebras:gpt-oss-120b", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", "low"),
        ("ollama:qwen3:8b", "http://localhost:11434/v1", "OLLAMA_API_KEY", None),
        ("mistral:mistral-small-latest", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", None),
        ("vllm:Qwen/Qwen3-8B", "http://localhost:8000/v1", "VLLM_API_KEY", None),
        ("openai:gpt-4.1-mini", None, "OPENAI_API_KEY", None),
    ],
)
def test_names(minilm, name, url, variable, effort):
    """A short name is the right address, key and effort."""
    llm, reason = parts.llm(name, minilm)
    assert (llm.name, llm.base_url, llm.key_variable, llm.reasoning_effort) == (name, url, variable, effort)
    assert reason == "you asked for it"


@pytest.mark.parametrize("continuation", ["exact", "prefill"])
@pytest.mark.parametrize("status", [400, 422])
async def test_a_server_that_refuses_to_continue(continuation, status):
    """One that knows no unfinished turns is told to go on instead, once and for all."""
    answer = "Refunds are paid within five days. A bicycle costs 15 euros, and travels in the van."
    faults = [Cut(6), Status(status), Cut(12), None]
    with Simulator(answer, faults=faults) as sim:
        llm = OpenAILLM("m", base_url=sim.url, continuation=continuation)
        log = await events(llm)
        await llm.aclose()
        asked = [request.json for request in sim.requests]
    assert text(log) == answer
    assert [event.strategy for event in log if isinstance(event, Resumed)] == ["instruction"] * 2
    assert [bool(one.get("continue_final_message") or "'prefix'" in str(one)) for one in asked] == [
        False,
        True,
        False,
        False,
    ]


async def test_what_mistral_refuses_is_not_asked():
    """Its server knows no stream_options, and reports usage all the same."""
    with Simulator("So.") as sim:
        for continuation in ("prefill", "exact"):
            llm = OpenAILLM("m", base_url=sim.url, continuation=continuation)
            await read(llm)
            await llm.aclose()
        assert ["stream_options" in request.json for request in sim.requests] == [False, True]


def test_continuations_of_names(minilm, monkeypatch):
    """A short name knows how its server goes on with an answer; vLLM's address may be told."""
    monkeypatch.setenv("VLLM_BASE_URL", "http://gpu.example:8000/v1")
    vllm, _ = parts.llm("vllm:Qwen/Qwen3-8B", minilm)
    assert vllm.base_url == "http://gpu.example:8000/v1"
    assert vllm.strategies(Partial("x")) == ("exact", "instruction")
    assert parts.llm("mistral:m", minilm)[0].strategies(Partial("x")) == ("prefill", "instruction")
    assert parts.llm("groq:m", minilm)[0].strategies(Partial("x")) == ("instruction",)


@pytest.mark.parametrize("name", ["gpt-4", "nobody:x", "openai:", "", "openai"])
def test_wrong_names(minilm, name):
    """A name that means nothing is told with those that do."""
    with pytest.raises(ConfigurationError, match="There is no model called") as caught:
        parts.llm(name, minilm)
    assert "anthropic" in caught.value.advice


def test_the_default_follows_the_keys(minilm, monkeypatch):
    """Without a wish the keys decide, else the extractive answerer."""
    assert parts.llm(None, minilm)[0].name == "extractive"
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    assert parts.llm(None, minilm)[0].name.startswith("anthropic:")
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    assert parts.llm(None, minilm)[0].name.startswith("openai:")


def test_no_secret_is_shown():
    """A key is in no representation of a model."""
    assert "sk-secret" not in repr(OpenAILLM("m", api_key="sk-secret"))


@pytest.mark.parametrize("options", [{"api": "telepathy"}, {"background": True}])
def test_wrong_options(options):
    """Options that cannot be are told at once."""
    with pytest.raises(ConfigurationError):
        OpenAILLM("m", **options)
