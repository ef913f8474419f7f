"""Escalation: what a smaller model refuses goes to a larger one unseen, and the hold delays no more than it says."""

from __future__ import annotations

import asyncio

import pytest

from ragnb.errors import InvalidInputError
from ragnb.events import Retrying, Routed, Token, Used
from ragnb.generation import generate
from ragnb.llms.base import Request, Stop, Text, Usage
from ragnb.llms.price import Price
from ragnb.resumption.policy import Retry
from ragnb.resumption.resilience import Resilience
from ragnb.routing.hold import DeclinedError, Hold, held, may_refuse, refuses
from ragnb.simulator import Status
from tests.routing.test_router import ask, routes, tiered
from tests.virtual import run

__all__ = ["tiered"]

REFUSALS = [
    "I don't know.",
    "I don’t know the answer to that.",
    "I'm sorry, but I can't help with that.",
    "**I am unable to answer this question.**",
    "As an AI, I cannot assist you there.",
    "Unfortunately, I cannot tell you that.",
    "I'm not sure.",
    "Ich weiß es nicht.",
    "Es tut mir leid, das kann ich dir nicht sagen.",
    "Je ne sais pas.",
    "Tyvärr, jag vet inte.",
    "Lo siento, no sé.",
]
RIGHT = [
    "I found no answer in these documents.",
    "I don't know: the documents do not say.",
    "I'm sorry, but the passages hold no answer.",
    "Unfortunately, I cannot find it in the documents provided.",
    "Unfortunately, a bicycle costs 15 euros.",
    "Sorry, dogs are not allowed in the dining car.",
    "I cannot recommend the upper berth; it is narrow.",
    "Es tut mir leid, in den Dokumenten steht nicht, was das kostet.",
    "Refunds are paid within five days. I don't know more.",
    "",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal(text):
    """A refusal, and that the model does not know, are seen for what they are."""
    assert refuses(text)
    assert all(may_refuse(text[:end]) for end in range(len(text)))


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_answer(text):
    """That the documents hold no answer is right, and so is what only begins as a refusal does."""
    assert not refuses(text)


@pytest.mark.parametrize("said", ["I don't know.", "I'm sorry, but I can't help with that. " * 20])
def test_a_refusal_goes_to_the_larger_tier(tiered, said):
    """The larger tier answers, nothing of the refusal is shown, and both are paid for."""
    rag, small, large = tiered(lambda signals: "small", said=said)
    answer = ask(rag)
    assert answer.text == "large"
    first, second = routes(answer)
    assert (first.tier, second.tier, second.reason) == ("small", "large", "openai:little would not answer")
    assert not list(answer.all(Retrying))
    used = list(answer.all(Used))
    assert [one.model for one in used] == ["openai:little", "openai:much"]
    assert used[0].cost > 0 and used[0].output_tokens > 3
    assert used[0].estimated == (len(said) > 100)  # a short one had ended by itself
    assert (len(small.requests), len(large.requests)) == (1, 1)


@pytest.mark.parametrize("said", RIGHT[:-1])
def test_a_right_answer_stays(tiered, said):
    """What is no refusal is shown, every character of it."""
    rag, _, large = tiered(lambda signals: "small", said=said)
    answer = ask(rag)
    assert answer.text == said
    assert not large.requests


def test_the_largest_tier_may_refuse(tiered):
    """There is nothing larger to ask, so what the largest says is shown; also where a smaller one could follow."""
    rag, small, _ = tiered(lambda signals: "large", said="fine", said_large="I don't know.")
    assert ask(rag).text == "I don't know."
    assert not small.requests


def test_after_the_larger_one_failed_a_refusal_is_shown(tiered):
    """A small tier that is asked because the large one is down says what it says."""
    rag, *_ = tiered(lambda signals: "large", said="I don't know.", large=[Status(401)])
    assert ask(rag).text == "I don't know."


def test_without_a_hold_all_is_shown(tiered):
    """Without a hold nothing is held back."""
    rag, _, large = tiered(lambda signals: "small", said="I don't know.", hold=None)
    assert ask(rag).text == "I don't know."
    assert not large.requests


def test_a_larger_tier_that_is_down(tiered):
    """Where the larger one fails too, the failure says what each did."""
    rag, *_ = tiered(lambda signals: "small", said="I don't know.", large=[Status(503)] * 2)
    answer = ask(rag)
    assert answer.status == "failed" and not answer.text
    assert "openai:little would not answer" in answer.events[-1].message
    assert "overloaded" in answer.events[-1].message


def test_an_unheld_answer_streams_at_once(tiered):
    """What cannot be a refusal is shown with its first token, though the hold could be longer."""
    rag, small, _ = tiered(
        lambda signals: "small", said="Refunds are paid.", gate=True, hold=Hold(999, 999.0)
    )
    answer = rag.start("How are refunds paid?")
    small.release(1)
    assert answer.wait(start=3, timeout=30)
    assert type(answer.events[3]) is Token
    small.release_all()
    assert answer.wait(timeout=30)
    assert answer.text == "Refunds are paid."


def test_cancelled_while_held(tiered):
    """An answer that is cancelled while its beginning is held closes the connection and shows nothing."""
    rag, small, _ = tiered(lambda signals: "small", said="I don't know.", gate=True, hold=Hold(99, 99.0))
    answer = rag.start("How are refunds paid?")
    small.release(2)
    small.wait_for_request()
    answer.cancel()
    assert answer.wait(timeout=30)
    small.wait_for_disconnect()
    assert (answer.status, answer.text) == ("cancelled", "")
    assert isinstance(answer.events[2], Routed)


async def test_what_was_held_back_is_paid_for():
    """An answer that is cancelled while its beginning is held has what that cost in its log."""
    reached = asyncio.Event()

    class Model(Little):
        citing = False
        price = Price(10, 100)

        def warm_up(self):
            pass

        async def stream(self, request):
            yield Usage(100, 1)
            yield Text("I'm sorry")
            reached.set()
            await asyncio.Event().wait()

    log = []

    async def read_all():
        care = Resilience(Retry(attempts=1))
        async for event in generate([Model()], Request("Why?"), care, holds={"little": Hold(99, 99.0)}):
            log.append(event)

    task = asyncio.create_task(read_all())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (used,) = log
    assert used.estimated and used.input_tokens == 100 and used.cost > 0


class Little:
    name = "little"


async def given(deltas, gate=None):
    """The deltas; where there is a None among them, the gate is waited for."""
    for delta in deltas:
        if delta is None:
            await gate.wait()
        else:
            yield delta


async def read(deltas, hold, gate=None):
    stream = given(deltas, gate)
    try:
        return [delta async for delta in held(stream, Little(), hold)]
    finally:
        await stream.aclose()


@pytest.mark.parametrize(
    "texts",
    [("Five", " days."), ("I", " don", "'t eat meat."), ("Sorry", ", no."), (), (" ", "\n", "Yes")],
)
async def test_nothing_is_lost(texts):
    """What is not refused comes through as it was, in its order, also from a stream that breaks off."""
    deltas = [*map(Text, texts), Usage(3, 4), Stop("stop")]
    for hold in (Hold(), Hold(1, 0.0), Hold(2, 9.0)):
        assert await read(deltas, hold) == deltas
        assert await read(deltas[:-2], hold) == deltas[:-2]


async def test_the_time_is_up():
    """When the time is over, what is there decides, and the piece that was waited for is not lost."""
    gate = asyncio.Event()
    deltas = [Text("Unfortunately"), None, Text(", it costs 15 euros."), Stop("stop")]
    stream = given(deltas, gate)
    shown = held(stream, Little(), Hold(99, 0.01))
    assert await anext(shown) == Text("Unfortunately")  # while the next piece is still to come
    gate.set()
    assert [delta async for delta in shown] == deltas[2:]
    await stream.aclose()


async def test_the_time_is_up_for_a_refusal():
    """A refusal whose end does not come in time is one by what is there."""
    with pytest.raises(DeclinedError):
        await read([Text("I don't know"), None], Hold(99, 0.01), asyncio.Event())


async def test_a_break_in_the_hold_is_a_break():
    """A fault while the beginning is held is that fault."""

    async def breaking():
        yield Text("I don't")
        raise ZeroDivisionError

    stream = breaking()
    with pytest.raises(ZeroDivisionError):
        async for _ in held(stream, Little(), Hold()):
            pass


def test_no_hold():
    """A hold of nothing is refused; None is that."""
    with pytest.raises(InvalidInputError):
        Hold(tokens=0)
    with pytest.raises(InvalidInputError):
        Hold(seconds=float("nan"))


PIECES = [
    "I'm",
    " sorry",
    ",",
    " but",
    " that",
    " is",
    " a",
    " long",
    " story",
    ":",
    " it",
    " costs",
    " 15",
    ".",
]


@pytest.mark.parametrize("seconds", [0.0, 0.25, 1.0, 3.0])
@pytest.mark.parametrize("pace", [0.0, 0.01, 0.3, 2.0])
@pytest.mark.parametrize("tokens", [1, 4, 99])
def test_the_delay_is_no_more_than_it_says(tokens, pace, seconds):
    """The first token is shown at most so many seconds after it came, and at the latest with so many pieces."""

    async def shown():
        clock = asyncio.get_running_loop().time
        came = []

        async def paced():
            await asyncio.sleep(5.0)
            for piece in PIECES:
                came.append(clock())
                yield Text(piece)
                await asyncio.sleep(pace)
            yield Stop("stop")

        stream = paced()
        deltas, shown_at, had_come = [], [], []
        async for delta in held(stream, Little(), Hold(tokens, seconds)):
            deltas.append(delta)
            shown_at.append(clock())
            had_come.append(len(came))
        await stream.aclose()
        return deltas, shown_at[0] - came[0], had_come[0]

    deltas, delay, pieces = run(shown())
    assert deltas == [*map(Text, PIECES), Stop("stop")]
    assert delay <= seconds + 1e-9
    assert pieces <= tokens


def test_what_is_no_refusal_is_not_delayed():
    """An answer that begins otherwise is shown in the moment in which it comes."""

    async def shown():
        async def paced():
            await asyncio.sleep(5.0)
            yield Text("Refunds")
            await asyncio.sleep(9.0)
            yield Stop("stop")

        stream = paced()
        deltas = held(stream, Little(), Hold(99, 99.0))
        await anext(deltas)
        at = asyncio.get_running_loop().time()
        await deltas.aclose()
        await stream.aclose()
        return at

    assert run(shown()) == pytest.approx(5.0)
