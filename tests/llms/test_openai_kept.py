"""Responses in the background: read again from the last event, polled when too old, and cancelled."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ragnb.errors import ProviderError
from ragnb.events import Finished, Kept, Resumed, Retrying, Token, Used
from ragnb.generation import generate
from ragnb.llms.base import Cursor, Partial, Request, Stop, Text
from ragnb.llms.openai import OpenAILLM
from ragnb.resumption.policy import Retry
from ragnb.resumption.resilience import Resilience
from ragnb.simulator import (
    CleanEnd,
    Cut,
    Duplicate,
    ErrorEvent,
    Reorder,
    Simulator,
    Status,
    TooOld,
    tokenize,
)
from tests.resumption.provider import PASSAGES, events, text

ANSWER = (
    "Ha ha ha ha. Refunds 🦊 are paid within five days [1]. 退款。 A bicycle costs 15 euros [2]. Ha ha."
)
TOKENS = len(tokenize(ANSWER))


def of(log, kind):
    return [event for event in log if isinstance(event, kind)]


@pytest.fixture
async def kept():
    """Makes models whose answers are kept, on simulators of their own."""
    made = []

    def make(*, background=True, **simulator):
        sim = Simulator(simulator.pop("answer", ANSWER), **simulator).start()
        llm = OpenAILLM(
            "m", api="responses", background=background, base_url=sim.url, api_key="test", poll_interval=0.0
        )
        made.append((llm, sim))
        return llm, sim

    yield make
    for llm, sim in made:
        await llm.aclose()
        for thread in threading.enumerate():
            if thread.name == "ragnb-cancel":
                thread.join(10)
        sim.stop()


async def test_the_log_says_where_it_is_kept(kept):
    """The id comes once, before the first token; every token has the number of its event."""
    llm, sim = kept(faults=[Cut(5), Cut(4), None])
    log = await events(llm)
    assert [type(event) for event in log[:2]] == [Kept, Token]
    (where,) = of(log, Kept)
    assert where.model == llm.name
    assert {request.path for request in sim.requests[1:]} == {f"/v1/responses/{where.id}"}
    positions = [token.position for token in of(log, Token)]
    assert positions == list(range(positions[0], positions[0] + TOKENS))
    assert text(log) == ANSWER


async def test_nothing_is_kept_in_the_foreground(kept):
    """A response in the foreground has no id to come back to, and its tokens no positions."""
    llm, _ = kept(background=False)
    log = await events(llm)
    assert not of(log, Kept)
    assert {token.position for token in of(log, Token)} == {None}


@pytest.mark.parametrize("cut", range(TOKENS + 1))
async def test_polled_when_too_old(kept, cut):
    """A response that can no longer be streamed is polled, and gives the rest and the usage."""
    llm, sim = kept(faults=[(TooOld(), Cut(cut)), None])
    log = await events(llm)
    assert text(log) == ANSWER
    assert [event.strategy for event in of(log, Resumed)] == (["cursor"] if cut else [])
    assert log[-1] == Finished(reason="stop")
    assert [used.estimated for used in of(log, Used)] == [False]
    assert sim.requests[-1].query == {}


async def test_polled_while_it_is_made(kept):
    """Each look brings what is new since the last one, also after a look that failed."""
    llm, sim = kept(gate=True, faults=[(TooOld(), Cut(2)), None, None, Status(503), None])
    stream = asyncio.create_task(events(llm))
    sim.release(3)
    for n in (4, 5, 9):
        await asyncio.to_thread(sim.wait_for_request, n)
        sim.release(2)
    sim.release_all()
    log = await stream
    assert text(log) == ANSWER
    assert len(of(log, Retrying)) == 2


async def test_polling_stops_when_nobody_reads(kept):
    """Between two looks a cancellation ends it at once, and the response with it."""
    llm, sim = kept(gate=True, faults=[(TooOld(), Cut(2))])
    llm.poll_interval = 1e6
    task = asyncio.create_task(events(llm))
    sim.release(2)
    await asyncio.to_thread(sim.wait_for_request, 3)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    request = await asyncio.to_thread(sim.wait_for_request, 4)
    assert request.path.endswith("/cancel")


async def test_another_text_is_kept(kept):
    """Where the kept answer does not begin with what is out, it is not mixed with it."""
    llm, _ = kept()
    first = [delta async for delta in llm.stream(Request("How?", PASSAGES))]
    (cursor,) = [delta for delta in first if isinstance(delta, Cursor)]
    partial = Partial("Something else", cursor=Cursor(cursor.id), model=llm.name, strategy="cursor")
    with pytest.raises(ProviderError, match="does not begin with what is out") as caught:
        [delta async for delta in llm.stream(Request("How?", PASSAGES, partial))]
    assert caught.value.fault == "bad_request"


async def test_from_an_unknown_position(kept):
    """With the id alone, the text says what is new; with no text, all of it is streamed again."""
    llm, _ = kept()
    first = [delta async for delta in llm.stream(Request("How?", PASSAGES))]
    (cursor,) = [delta for delta in first if isinstance(delta, Cursor)]
    for out in ("", ANSWER[:13], ANSWER):
        partial = Partial(out, cursor=Cursor(cursor.id), model=llm.name, strategy="cursor")
        deltas = [delta async for delta in llm.stream(Request("How?", PASSAGES, partial))]
        assert out + "".join(delta.text for delta in deltas if isinstance(delta, Text)) == ANSWER
        assert deltas[-1] == Stop("stop")


async def test_a_response_that_is_gone(kept):
    """An id that the provider has forgotten is given up for an instruction."""
    llm, _ = kept(answer=ANSWER, faults=[Cut(9), Status(404), None])
    log = await events(llm)
    assert text(log) == ANSWER
    assert [event.strategy for event in of(log, Resumed)] == ["instruction"]
    assert of(log, Retrying)[1].message == "openai no longer keeps this answer."
    assert len(of(log, Kept)) == 2


async def test_a_response_that_was_cancelled(kept):
    """One that somebody cancelled at the provider is gone on with by an instruction."""
    llm, sim = kept(answer=ANSWER, gate=True, faults=[Cut(3), None, None, None])
    task = asyncio.create_task(events(llm))
    sim.release(3)
    opened = await asyncio.to_thread(sim.wait_for_request, 2)
    import openai

    async with openai.AsyncOpenAI(base_url=sim.url, api_key="test") as client:
        await client.responses.cancel(opened.path.rpartition("/")[2])
    sim.release_all()
    log = await task
    assert text(log) == ANSWER
    assert [event.strategy for event in of(log, Resumed)] == ["instruction"]


@pytest.mark.parametrize("token", range(1, TOKENS, 4))
@pytest.mark.parametrize("fault", [Duplicate, Reorder])
async def test_disorder(kept, fault, token):
    """An event that comes twice is dropped, and two that changed places change back."""
    llm, sim = kept(faults=[fault(token), None])
    assert text(await events(llm)) == ANSWER
    assert len(sim.requests) == 1


@pytest.mark.parametrize("fault", [Duplicate(4), Reorder(12)])
async def test_disorder_in_the_foreground(kept, fault):
    """What is not kept is numbered too."""
    llm, _ = kept(background=False, faults=[fault])
    log = await events(llm)
    assert text(log) == ANSWER
    assert not of(log, Retrying)


@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_cancelled_at_the_provider_too(kept, how):
    """Who stops reading a kept answer has it cancelled."""
    llm, sim = kept(gate=True)
    stream = llm.stream(Request("How?", PASSAGES))
    sim.release(1)
    assert isinstance(await anext(stream), Cursor)
    if how == "cancel":
        assert isinstance(await anext(stream), Text)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    else:
        await stream.aclose()
    request = await asyncio.to_thread(sim.wait_for_request, 2)
    assert (request.method, request.path.endswith("/cancel")) == ("POST", True)


async def test_cancelled_between_two_attempts(kept):
    """Who stops while the next attempt is waited for has it cancelled too."""
    llm, sim = kept(faults=[Cut(5), Status(503), None])
    log = []

    async def consume():
        retry = Retry(initial=1e6, maximum=1e6, budget=1e9)
        async for event in generate([llm], Request("How?", PASSAGES), Resilience(retry)):
            log.append(event)

    task = asyncio.create_task(consume())
    while len(of(log, Retrying)) < 2:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    request = await asyncio.to_thread(sim.wait_for_request, 3)
    assert request.path.endswith("/cancel")


@pytest.mark.parametrize("age", [(), (TooOld(),)])
@pytest.mark.parametrize("cut", range(1, 24, 2))
async def test_after_the_text_of_another(kept, cut, age):
    """A kept answer that goes on with the text of another model is read again by its cursor only where what
    it repeated is behind it, and is never polled, since it does not begin with what is out."""
    with Simulator(ANSWER, faults=[Cut(14), Status(401)]) as first:
        llm, sim = kept(answer=ANSWER, faults=[(*age, Cut(cut)), None])
        other = OpenAILLM("n", base_url=first.url)
        log = await events([other, llm])
        await other.aclose()
    assert text(log) == ANSWER
    strategies = [event.strategy for event in of(log, Resumed)]
    broken = [place for place, event in enumerate(log) if isinstance(event, Retrying)][2]
    if age or text(log[:broken]) == "".join(tokenize(ANSWER)[:14]):
        assert strategies[-1] == "instruction"
        assert sim.requests[-1].method == "POST"
    else:
        assert strategies == ["instruction", "cursor"]


@pytest.mark.parametrize("fault", [Cut(5), Cut(5, "rst"), CleanEnd(5), ErrorEvent(5)])
async def test_a_fault_does_not_cancel(kept, fault):
    """A stream that breaks leaves the provider at work, and so does one that is read to its end."""
    llm, sim = kept(faults=[fault, None])
    assert text(await events(llm)) == ANSWER
    assert [request.method for request in sim.requests] == ["POST", "GET"]
    assert not [thread for thread in threading.enumerate() if thread.name == "ragnb-cancel"]


async def test_a_cancellation_that_fails_is_quiet(kept):
    """Where the provider cannot be told, nothing is raised."""
    llm, sim = kept(gate=True, faults=[None, Status(500), Status(500)])
    stream = llm.stream(Request("How?", PASSAGES))
    await anext(stream)
    await stream.aclose()
    await asyncio.to_thread(sim.wait_for_request, 2)
