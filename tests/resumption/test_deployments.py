"""Deployments: of one model's keys and addresses the least busy is asked, and one that fails is left alone."""

from __future__ import annotations

import asyncio

import pytest

from ragnb.errors import ConfigurationError, ProviderError
from ragnb.events import Retrying, Routed
from ragnb.generation import generate
from ragnb.llms.anthropic import AnthropicLLM
from ragnb.llms.base import LLM, Continuing, Partial, Request, Stop, Text
from ragnb.llms.openai import OpenAILLM
from ragnb.resumption.deployments import Deployments
from ragnb.resumption.policy import Retry
from ragnb.resumption.resilience import Resilience
from ragnb.routing.hedging import Hedge, Hedging
from ragnb.simulator import Cut, Simulator, Status
from tests.conftest import hits
from tests.resumption.provider import text

ASKED = Request("Why?", hits("Because."))
WORDS = "One two three four five."
CARE = Resilience(Retry(attempts=3, initial=0.0, maximum=0.0))


class Key:
    """A model behind one key, which answers when its gate opens, or fails."""

    citing = False

    def __init__(self, fails=(), name="m"):
        self.name = name
        self.fails = list(fails)
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def warm_up(self):
        pass

    async def stream(self, request):
        self.asked += 1
        await self.gate.wait()
        if self.fails and (fault := self.fails.pop(0)):
            raise ProviderError(fault, f"{fault}.", retry_after=7.0 if fault == "rate_limit" else None)
        yield Text(WORDS)
        yield Stop("stop")


async def answered(llm, care=CARE):
    return [event async for event in generate([llm], ASKED, care)]


def asked(*keys):
    return [key.asked for key in keys]


async def test_the_least_busy_is_asked():
    """Requests go where fewest are under way; in turn, where none are."""
    keys = Key(), Key(), Key()
    llm = Deployments(keys)
    for _ in range(6):
        await answered(llm)
    assert asked(*keys) == [2, 2, 2]
    for key in keys[:2]:
        key.gate.clear()
    waiting = [asyncio.create_task(answered(llm)) for _ in range(2)]
    while sum(asked(*keys)) < 8:
        await asyncio.sleep(0)
    for _ in range(3):
        await answered(llm)
    assert asked(*keys) == [3, 3, 5]
    for key in keys:
        key.gate.set()
    assert [text(log) for log in await asyncio.gather(*waiting)] == [WORDS] * 2


@pytest.mark.parametrize(
    "fault",
    ["rate_limit", "overloaded", "server", "unreachable", "authentication", "quota", "cut", "stalled"],
)
async def test_another_key_is_asked_at_once(fault):
    """A fault of one key or address leads to the other, without a wait, and the first is left alone."""
    now = 0.0
    first, second = Key([fault]), Key()
    llm = Deployments([first, second], cooldown=30.0, clock=lambda: now)
    log = await answered(llm)
    assert text(log) == WORDS
    (retrying,) = [event for event in log if isinstance(event, Retrying)]
    assert (retrying.fault, retrying.wait, retrying.attempt) == (fault, 0.0, 1)
    assert not [event for event in log if isinstance(event, Routed)]
    await answered(llm)
    assert asked(first, second) == [1, 2]
    now = 7.0 if fault == "rate_limit" else 30.0  # as long as it asks, else the cool-down
    await answered(llm)
    assert asked(first, second) == [2, 2]


async def test_what_is_wrong_with_the_request_is_so_everywhere():
    """A request that is refused for what it is does not go from key to key."""
    first, second = Key(["bad_request"]), Key()
    with pytest.raises(ProviderError, match="bad_request"):
        await answered(Deployments([first, second]))
    assert asked(first, second) == [1, 0]


async def test_where_all_are_limited_it_waits():
    """With no key left the model is waited for as any other, as often as `Retry` says."""
    keys = [Key(["overloaded"] * 9) for _ in range(2)]
    with pytest.raises(ProviderError, match="overloaded"):
        await answered(
            Deployments(keys), Resilience(Retry(attempts=3, initial=0.0, maximum=0.0, failures=99))
        )
    assert sum(asked(*keys)) == 4  # one passed on, and three attempts
    keys = [Key(["overloaded"]) for _ in range(2)]
    assert text(await answered(Deployments(keys))) == WORDS


async def test_over_the_wire():
    """Two keys of one provider: the one that is refused, then cut in the middle; the text is whole."""
    with Simulator(WORDS, api_keys=["good"], faults=[Cut(3)]) as sim:
        keys = [OpenAILLM("m", base_url=sim.url, api_key=key) for key in ("bad", "good")]
        llm = Deployments(keys)
        llm.warm_up()
        log = await answered(llm)
        assert text(log) == WORDS
        faults = [event.fault for event in log if isinstance(event, Retrying)]
        assert faults == ["authentication", "cut"]
        await llm.aclose()


def test_it_is_a_model():
    """It has the name, the window for an answer and the ways to go on of its models, and can be a part."""
    keys = [OpenAILLM("m", base_url="http://x/v1", max_tokens=tokens) for tokens in (10, 20)]
    llm = Deployments(keys)
    assert isinstance(llm, LLM) and isinstance(llm, Continuing)
    assert (llm.name, llm.citing, llm.max_tokens) == ("openai:m", False, 20)
    assert llm.strategies(Partial("x")) == ("instruction",)
    assert Deployments([Key()]).strategies(Partial("x")) == ()
    assert repr(llm) == "Deployments('openai:m', 2)"


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ([], "no deployments of one model"),
        ([OpenAILLM("a"), OpenAILLM("b")], "no deployments of one model"),
        ([OpenAILLM("a", provider="anthropic"), AnthropicLLM("a")], "no deployments of one model"),
        ([OpenAILLM("a", api="responses", background=True)], "kept by one account"),
    ],
)
def test_what_are_no_deployments(models, said):
    """Models that are not the same, and answers that only one account can read, are refused."""
    with pytest.raises(ConfigurationError, match=said):
        Deployments(models)


async def test_in_parallel_they_share(n=40):
    """Many answers at once are spread evenly."""
    with Simulator(WORDS) as one, Simulator(WORDS, faults=[Status(429, retry_after=60)]) as two:
        llm = Deployments([OpenAILLM("m", base_url=sim.url, api_key="test") for sim in (one, two)])
        logs = await asyncio.gather(*(answered(llm) for _ in range(n)))
        assert {text(log) for log in logs} == {WORDS}
        assert len(one.requests) + len(two.requests) == n + 1
        await llm.aclose()


async def test_a_late_request_is_made_again_with_the_other_key():
    """The second of two hedged requests goes to the key that is not busy."""
    keys = Key(), Key()
    keys[0].gate.clear()
    care = Resilience(CARE.retry, hedging=Hedging(Hedge(share=1.0, after=0.0)))
    assert text(await answered(Deployments(keys), care)) == WORDS
    assert asked(*keys) == [1, 1]
