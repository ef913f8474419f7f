"""Hedging: a late first token has the request made once more, the loser is closed at once and paid for."""

from __future__ import annotations

import asyncio

import pytest

from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.errors import InvalidInputError
from ragnb.events import Used
from ragnb.generation import generate
from ragnb.llms.base import Request, Stop, Text, Usage
from ragnb.llms.openai import OpenAILLM
from ragnb.llms.price import Price
from ragnb.pipeline import RAGPipeline
from ragnb.resumption.policy import Retry
from ragnb.resumption.resilience import Resilience
from ragnb.routing.budgets import Accounts, Budget, most_of
from ragnb.routing.hedging import Hedge, Hedging
from ragnb.routing.hold import Hold
from ragnb.routing.prices import Prices
from ragnb.simulator import NeverAnswer, Simulator
from ragnb.vectorstores.memory import InMemoryVectorStore
from tests.conftest import TEXTS, hits
from tests.resumption.provider import text

ASKED = Request("Why?", hits("Because."))
NEVER = "never"
FAILS = "fails"


class Slow:
    """A model whose n-th request does as it is told: says a text, fails, or never begins."""

    name = "slow"
    citing = False
    price = Price(10.0, 10.0)
    max_tokens = 10

    def __init__(self, *does):
        self.does = list(does)
        self.asked = 0
        self.closed = []

    def warm_up(self):
        pass

    async def stream(self, request):
        number = self.asked
        self.asked += 1
        does = self.does[number] if number < len(self.does) else "fine"
        try:
            yield Usage(100 + number, 1)
            if does == NEVER:
                await asyncio.Event().wait()
            if does == FAILS:
                raise ZeroDivisionError(number)
            yield Text(does)
            yield Usage(100 + number, 7)
            yield Stop("stop")
        finally:
            self.closed.append(number)


async def answered(llm, hedging, purse=None):
    events = generate([llm], ASKED, Resilience(Retry(attempts=1), hedging=hedging), purse=purse)
    return [event async for event in events]


async def test_the_second_wins():
    """A request that is late is made again; the late one is closed, and both are paid for."""
    llm = Slow(NEVER, "two")
    log = await answered(llm, Hedging(Hedge(share=1.0, after=0.0)))
    assert text(log) == "two"
    assert (llm.asked, llm.closed) == (2, [0, 1])
    lost, used = [event for event in log if isinstance(event, Used)]
    assert (lost.input_tokens, lost.estimated) == (100, True)
    assert (used.input_tokens, used.output_tokens, used.estimated) == (101, 7, False)
    assert lost.cost > 0


async def test_the_first_may_win_yet():
    """A first request that answers before the second wins, and the second is closed."""
    gate = asyncio.Event()

    class Late(Slow):
        async def stream(self, request):
            if self.asked == 0:
                self.asked += 1
                await gate.wait()
                yield Text("one")
                yield Stop("stop")
                return
            gate.set()
            async for delta in super().stream(request):
                yield delta

    llm = Late(NEVER, NEVER)
    assert text(await answered(llm, Hedging(Hedge(share=1.0, after=0.0)))) == "one"
    assert llm.asked == 2 and llm.closed == [1]


async def test_in_time_there_is_one_request():
    """A first token in time needs no second request."""
    llm = Slow("one")
    log = await answered(llm, Hedging(Hedge(share=1.0, after=60.0)))
    assert (text(log), llm.asked) == ("one", 1)
    assert len([event for event in log if isinstance(event, Used)]) == 1


async def test_a_second_that_fails_leaves_it_to_the_first():
    """Where one of the two fails, the other answers."""
    gate = asyncio.Event()

    class Late(Slow):
        async def stream(self, request):
            if self.asked == 0:
                self.asked += 1
                await gate.wait()
                yield Text("one")
                yield Stop("stop")
                return
            try:
                async for delta in super().stream(request):
                    yield delta
            finally:
                asyncio.get_running_loop().call_soon(gate.set)

    assert text(await answered(Late(NEVER, FAILS), Hedging(Hedge(share=1.0, after=0.0)))) == "one"


async def test_a_second_that_is_refused_costs_nothing():
    """A second request that is refused at the door is not on the bill."""
    gate = asyncio.Event()

    class Late(Slow):
        async def stream(self, request):
            self.asked += 1
            if self.asked == 2:
                asyncio.get_running_loop().call_soon(gate.set)
                raise ZeroDivisionError
            await gate.wait()
            yield Text("one")
            yield Usage(100, 3)
            yield Stop("stop")

    llm = Late()
    log = await answered(llm, Hedging(Hedge(share=1.0, after=0.0)))
    assert (text(log), llm.asked) == ("one", 2)
    assert [event.input_tokens for event in log if isinstance(event, Used)] == [100]


async def test_a_refusal_by_the_second_is_held_too():
    """The winner's refusal is not shown, and all that was asked is on the bill."""
    llm, larger = Slow(NEVER, "I don't know."), Slow("better")
    larger.name = "larger"
    hedging = Hedging(Hedge(share=1.0, after=0.0))
    holds = {"slow": Hold()}
    log = [
        e
        async for e in generate(
            [llm, larger], ASKED, Resilience(Retry(attempts=1), hedging=hedging), holds=holds
        )
    ]
    assert text(log) == "better"
    assert llm.closed == [0, 1]
    assert [event.input_tokens for event in log if isinstance(event, Used)][:2] == [100, 101]


async def test_where_both_fail():
    """The first one's error is raised."""

    class Both(Slow):
        async def stream(self, request):
            number = self.asked
            self.asked += 1
            while self.asked < 2:
                await asyncio.sleep(0)
            raise ZeroDivisionError(number)
            yield

    with pytest.raises(ZeroDivisionError, match="0"):
        await answered(Both(), Hedging(Hedge(share=1.0, after=0.0)))


async def test_the_share_is_a_limit():
    """Of a hundred requests no more than the share is made twice."""
    hedging = Hedging(Hedge(share=0.05, after=0.0))
    twice = 0
    for _ in range(100):
        hedging.begin("slow")
        twice += hedging.claim()
    assert twice == 5
    assert not Hedging(Hedge(share=0.0, after=0.0)).claim()


async def test_a_budget_comes_first():
    """A second request that might pass the budget is not made."""

    class Late(Slow):
        async def stream(self, request):
            self.asked += 1
            for _ in range(20):
                await asyncio.sleep(0)
            yield Text("one")
            yield Stop("stop")

    llm = Late()
    most = most_of(llm, ASKED, Prices())
    with Accounts(budget=Budget(answer=1.5 * most)).purse() as purse:
        log = await answered(llm, Hedging(Hedge(share=1.0, after=0.0)), purse)
    assert (text(log), llm.asked) == ("one", 1)


async def test_cancelled_while_both_run():
    """Closing the answer closes both requests."""
    llm = Slow(NEVER, NEVER)
    hedging = Hedging(Hedge(share=1.0, after=0.0))
    task = asyncio.create_task(answered(llm, hedging))
    while llm.asked < 2:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(llm.closed) == [0, 1]


def test_after_the_models_own_p95():
    """Nothing is hedged before enough is known; then it is the model's own p95 that counts."""
    hedging = Hedging(Hedge(fewest=20))
    for number in range(19):
        hedging.answered("a", float(number))
    assert hedging.begin("a") is None
    hedging.answered("a", 19.0)
    assert hedging.begin("a") == 18.0
    assert hedging.begin("b") is None


@pytest.mark.parametrize("wrong", [{"share": 1.5}, {"fewest": 0}, {"after": -1.0}, {"share": float("nan")}])
def test_what_cannot_be_followed(wrong):
    """Figures that mean nothing are refused where they are written."""
    with pytest.raises(InvalidInputError):
        Hedge(**wrong)


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_over_the_wire(api):
    """A pipeline's request that is not answered is made again; the first connection is closed, both are paid for."""
    with Simulator("Five days.", faults=[NeverAnswer()]) as sim, Simulator() as vectors:
        rag = RAGPipeline(
            OpenAILLM("gpt-4.1-mini", api=api, base_url=sim.url, api_key="test"),
            OpenAIEmbeddings(base_url=vectors.url, api_key="test"),
            InMemoryVectorStore(),
            home=None,
            hedge=Hedge(share=1.0, after=0.0),
        )
        rag.add(TEXTS)
        answer = rag.start("How are refunds paid?")
        assert answer.wait(timeout=60)
        rag.close()
        assert (answer.text, len(sim.requests)) == ("Five days.", 2)
        assert sum(request.closed_by_client.wait(10) for request in sim.requests[:2]) >= 1
    lost, used = answer.all(Used)
    assert (lost.estimated, used.estimated) == (True, False)
    assert lost.cost > 0 and answer.cost == pytest.approx(lost.cost + used.cost)
