"""Cost: what an attempt is said to have cost is what the provider bills for it."""

from __future__ import annotations

import math

import pytest

from ragnb.errors import InvalidInputError
from ragnb.events import Used
from ragnb.generation import generate
from ragnb.llms.anthropic import AnthropicLLM
from ragnb.llms.base import Request, Usage
from ragnb.llms.openai import OpenAILLM
from ragnb.llms.price import Price
from ragnb.resumption.policy import Retry
from ragnb.resumption.resilience import Resilience
from ragnb.routing.prices import Prices
from ragnb.simulator import Cut, Simulator, Status
from ragnb.simulator.protocols import anthropic, openai_chat, openai_responses
from tests.conftest import hits

ASKED = Request("Why?", hits("Because."))


def chat(sim, model="gpt-4.1-mini", provider="openai", **options):
    return OpenAILLM(model, base_url=sim.url, api_key="test", provider=provider, **options)


def claude(sim, model="claude-haiku-4-5", **options):
    return AnthropicLLM(model, base_url=sim.anthropic_url, api_key="test", **options)


async def used(*llms, retry=None, request=ASKED):
    """The `Used` events of one answer."""
    events = generate(llms, request, Resilience(retry or Retry(attempts=3, initial=0.001)))
    found = [event async for event in events if isinstance(event, Used)]
    for llm in llms:
        await llm.aclose()
    return found


def openai_usage(prompt, completion, **details):
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"audio_tokens": 0, **details},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


# Usage as the services send it, and the bill by their price lists, in USD per million tokens.
CHAT = [
    # 0.40 in, 0.10 cached, 1.60 out
    ("openai:gpt-4.1-mini", openai_usage(1200, 300, cached_tokens=0), 1200 * 0.40 + 300 * 1.60),
    (
        "openai:gpt-4.1-mini",
        openai_usage(2006, 300, cached_tokens=1920),
        86 * 0.40 + 1920 * 0.10 + 300 * 1.60,
    ),
    # 0.15 in, 0.60 out; a model by its dated name; no details at all
    (
        "openai:gpt-4o-mini-2024-07-18",
        {"prompt_tokens": 100_000, "completion_tokens": 20_000},
        15_000 + 12_000,
    ),
    (
        "openai:gpt-4.1-mini",
        {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": None},
        4 + 8,
    ),
    # Mistral's small: 0.15 in, 0.60 out
    (
        "mistral:mistral-small-latest",
        {"prompt_tokens": 1000, "completion_tokens": 100},
        1000 * 0.15 + 100 * 0.60,
    ),
]


@pytest.mark.parametrize(("name", "usage", "millionths"), CHAT)
async def test_chat_costs_what_is_billed(monkeypatch, name, usage, millionths):
    """Cached tokens are priced as such, and nothing is counted that the provider did not report."""
    monkeypatch.setattr(openai_chat, "_usage", lambda reply: usage)
    provider, _, model = name.partition(":")
    with Simulator("Because it is so.") as sim:
        (one,) = await used(chat(sim, model, provider))
    assert one.model == name
    assert not one.estimated
    assert one.cost == pytest.approx(millionths / 1e6, rel=1e-9)


@pytest.mark.parametrize(
    ("dialect", "name", "model", "prices"),
    [
        ("groq", "groq", "openai/gpt-oss-20b", (0.075, 0.30)),
        ("cerebras", "cerebras", "gpt-oss-120b", (0.35, 0.75)),
    ],
)
async def test_usage_in_odd_places_is_priced_once(monkeypatch, dialect, name, model, prices):
    """Groq reports usage three times, Cerebras beside the end and with reasoning: the last one is priced."""
    counts = {"prompt_tokens": 80_000, "completion_tokens": 4_000, "total_tokens": 84_000}
    monkeypatch.setattr(openai_chat, "_counts", lambda reply, reasoning=0: counts)
    with Simulator("Because it is so.", dialect=dialect) as sim:
        (one,) = await used(chat(sim, model, name))
    assert (one.input_tokens, one.output_tokens, one.estimated) == (80_000, 4_000, False)
    assert one.cost == pytest.approx((80_000 * prices[0] + 4_000 * prices[1]) / 1e6, rel=1e-9)


HAIKU = (
    1.0,
    5.0,
)  # input, output; a cache read costs a tenth of input, a write 1.25 times, for an hour twice
ANTHROPIC = [
    ({"input_tokens": 2095, "output_tokens": 503}, 2095 + 503 * 5),
    (
        {
            "input_tokens": 21,
            "cache_read_input_tokens": 188_086,
            "cache_creation_input_tokens": 0,
            "output_tokens": 393,
        },
        21 + 188_086 * 0.1 + 393 * 5,
    ),
    (
        {
            "input_tokens": 21,
            "cache_read_input_tokens": 0,
            "cache_creation_input_tokens": 188_086,
            "output_tokens": 393,
        },
        21 + 188_086 * 1.25 + 393 * 5,
    ),
    (
        {
            "input_tokens": 50,
            "cache_read_input_tokens": 1_800,
            "cache_creation_input_tokens": 556,
            "cache_creation": {"ephemeral_5m_input_tokens": 456, "ephemeral_1h_input_tokens": 100},
            "output_tokens": 10,
        },
        50 + 1_800 * 0.1 + 456 * 1.25 + 100 * 2 + 10 * 5,
    ),
    (
        {"input_tokens": 7, "cache_read_input_tokens": None, "cache_creation": None, "output_tokens": 1},
        7 + 5,
    ),
]


@pytest.mark.parametrize(("usage", "millionths"), ANTHROPIC)
async def test_anthropic_costs_what_is_billed(monkeypatch, usage, millionths):
    """What is read from the cache, and what is put into it, has prices of its own."""
    monkeypatch.setattr(anthropic, "_usage", lambda read, written: usage)
    with Simulator("Because it is so.") as sim:
        (one,) = await used(claude(sim))
    assert not one.estimated
    assert one.cost == pytest.approx(millionths / 1e6, rel=1e-9)
    assert one.input_tokens == usage["input_tokens"] + one.cached_tokens + one.cache_write_tokens


async def test_responses_cost_what_is_billed(monkeypatch):
    """The Responses API names its figures otherwise, and they cost the same."""
    monkeypatch.setattr(
        openai_responses,
        "_usage",
        lambda reply: {
            "input_tokens": 2006,
            "input_tokens_details": {"cached_tokens": 1920, "cache_write_tokens": 0},
            "output_tokens": 300,
            "output_tokens_details": {"reasoning_tokens": 120},
            "total_tokens": 2306,
        },
    )
    with Simulator("Because it is so.") as sim:
        (one,) = await used(chat(sim, api="responses"))
    assert one.cost == pytest.approx((86 * 0.40 + 1920 * 0.10 + 300 * 1.60) / 1e6, rel=1e-9)


async def test_a_cut_attempt_is_priced_with_what_it_reported(monkeypatch):
    """Anthropic bills the input as soon as the message starts; the text until the cut is estimated."""
    counts = {"input_tokens": 10, "cache_creation_input_tokens": 90_000, "output_tokens": 1}
    monkeypatch.setattr(anthropic, "_usage", lambda read, written: counts)
    with Simulator("One two three four five.", faults=[Cut(3)]) as sim:
        first, second = await used(claude(sim))
    assert first.estimated and not second.estimated
    assert (first.input_tokens, first.cache_write_tokens) == (90_010, 90_000)
    assert first.cost == pytest.approx((10 + 90_000 * 1.25 + first.output_tokens * 5) / 1e6)


async def test_an_attempt_that_began_and_said_nothing_is_counted():
    """A stream that is cut after its input was counted, and before its first token, is on the bill too."""
    with Simulator("One two.", faults=[Cut(0), Status(503)]) as sim:
        found = await used(claude(sim), retry=Retry(attempts=4, initial=0.001))
        asked = len(sim.requests)
    assert asked == 3
    assert [one.estimated for one in found] == [True, False]  # a refused request is not billed
    assert found[0].input_tokens == found[1].input_tokens


async def test_a_repeated_beginning_is_estimated_too():
    """What a model said again, and nobody saw, was paid for."""
    from ragnb.simulator import RepeatAll

    words = "One two three four five six seven eight nine ten. " * 4
    faults_ = [Cut(30), Cut(20)]
    with Simulator(words, faults=faults_, continuation=RepeatAll()) as sim:
        first, second, _ = await used(chat(sim))
    assert first.estimated and second.estimated
    assert second.output_tokens > 10


def test_a_price_of_ones_own():
    """A price given with a model, or for its name, comes before the list."""
    usage = Usage(1_000_000, 1_000_000, cached_tokens=400_000, cache_write_tokens=100_000)
    own = Price(2.0, 10.0, cached=0.5, cache_write=2.5)
    assert own.of(usage) == pytest.approx(500_000 * 2 / 1e6 + 0.2 + 0.25 + 10)
    assert Price(2.0, 10.0).of(usage) == pytest.approx(12)
    llm = OpenAILLM("my-own", base_url="http://localhost:1/v1", price=own)
    assert Prices().cost(llm, usage) == own.of(usage)
    assert Prices({"openai:my-own": Price(1, 1)}).cost(llm, usage) == pytest.approx(2)
    assert Prices({"openai:gpt-4.1-mini": Price(0, 0)}).cost("openai:gpt-4.1-mini", usage) == 0


@pytest.mark.parametrize(
    "name", ["openai:nobody-knows-it", "nobody:gpt-4.1-mini", "vllm:gpt-oss-20b", "scripted"]
)
def test_an_unknown_price_is_unknown(name):
    """What is not in the list has no cost, which is not the same as none to pay."""
    assert Prices().cost(name, Usage(10, 10)) is None


@pytest.mark.parametrize("name", ["extractive", "transformers:m", "ollama:m"])
def test_ones_own_machine_is_free(name):
    """What runs here costs nothing."""
    assert Prices().cost(name, Usage(10, 10)) == 0.0


def test_counts_that_do_not_add_up_are_priced():
    """A server that reports more cached tokens than tokens does not end the answer."""
    assert Prices().cost("openai:gpt-4.1-mini", Usage(10, 0, cached_tokens=30)) == pytest.approx(
        30 * 0.10 / 1e6
    )
    assert Price(1, 1, cached=0).of(Usage(10, 0, cached_tokens=30)) == 0


@pytest.mark.parametrize("wrong", [-1, math.nan, math.inf, "0.40", None])
def test_what_is_no_price(wrong):
    """A price that cannot be is refused where it is written."""
    with pytest.raises(InvalidInputError, match="no price"):
        Price(wrong, 1.0)
