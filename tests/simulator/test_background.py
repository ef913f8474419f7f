"""Responses in the background: taken up again from any event, polled, cancelled, too old."""

from __future__ import annotations

import asyncio

import httpx2
import openai
import pytest

from ragnb.simulator import Cut, Drip, ErrorEvent, Simulator, Stall, Status, TooOld
from tests.simulator.asking import RESPONSES, responses, retrieved

ANSWER = ["One", " 東京", " three", " four"]
TEXT = "".join(ANSWER)
BACKGROUND = {"background": True}
DELTA = "response.output_text.delta"


def numbers(heard) -> list[int]:
    return [event.sequence_number for event in heard.events]


async def test_events_of_a_background_response(openai_client):
    """It is queued first, and every event is numbered from 0 without gaps."""
    with Simulator(ANSWER) as sim:
        heard = await responses(openai_client(sim), **BACKGROUND)
    kinds = [event.type for event in heard.events]
    assert kinds[:3] == ["response.created", "response.queued", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert [event.response.status for event in heard.events[:3]] == ["queued", "queued", "in_progress"]
    assert heard.events[0].response.background is True
    assert numbers(heard) == list(range(len(kinds)))
    assert heard.text == TEXT


async def test_taken_up_after_every_event(openai_client):
    """retrieve with starting_after gives exactly the events with a higher number, as they were."""
    with Simulator(ANSWER) as sim:
        client = openai_client(sim)
        whole = await responses(client, **BACKGROUND)
        response_id = whole.events[0].response.id
        for after in range(len(whole.events) + 1):
            rest = await retrieved(client, response_id, starting_after=after)
            assert rest.events == whole.events[after + 1 :]
        again = await retrieved(client, response_id)
    assert again.events == whole.events


@pytest.mark.parametrize("fault", [Cut, Stall, ErrorEvent, lambda n: Cut(n, "rst")])
@pytest.mark.parametrize("after", range(5))
async def test_broken_and_taken_up(openai_client, fault, after):
    """After any fault the rest comes under the last number that was seen, and nothing twice."""
    with Simulator(ANSWER, faults=[fault(after)]) as sim:
        client = openai_client(sim, timeout=httpx2.Timeout(10.0, read=0.2))
        first = await responses(client, **BACKGROUND)
        last = first.events[-1].sequence_number
        rest = await retrieved(client, first.events[0].response.id, starting_after=last)
    assert first.text == "".join(ANSWER[:after])
    assert first.text + rest.text == TEXT
    assert rest.events[-1].type == "response.completed"
    assert numbers(rest)[0] == last + 1


async def test_broken_again_and_again(openai_client):
    """Streams that are taken up meet faults of their own, counted from where they begin."""
    faults = [Cut(1), Cut(1, "rst"), Status(503), (Drip(3), Cut(0)), ErrorEvent(1)]
    with Simulator(ANSWER, faults=faults) as sim:
        client = openai_client(sim)
        heard = await responses(client, **BACKGROUND)
        response_id, last, text = heard.events[0].response.id, 0, heard.text
        for _ in faults:
            last = heard.events[-1].sequence_number if heard.events else last
            heard = await retrieved(client, response_id, starting_after=last)
            text += heard.text
    assert text == TEXT
    assert heard.events[-1].type == "response.completed"


async def test_it_goes_on_when_nobody_listens(openai_client):
    """A client that goes does not stop it: a plain retrieve shows how far it has come."""
    with Simulator(ANSWER, gate=True) as sim:
        client = openai_client(sim)
        stream = await client.responses.create(**{**RESPONSES, **BACKGROUND})
        response_id = (await anext(stream)).response.id
        sim.release(1)
        while (event := await anext(stream)).type != DELTA:
            pass
        seen = await client.responses.retrieve(response_id)
        assert (seen.status, seen.output_text) == ("in_progress", "One")
        await stream.close()
        await asyncio.to_thread(sim.wait_for_disconnect)
        sim.release_all()
        rest = await retrieved(client, response_id, starting_after=event.sequence_number)
        done = await client.responses.retrieve(response_id)
    assert "One" + rest.text == TEXT
    assert (done.status, done.output_text, done.usage.output_tokens) == ("completed", TEXT, 4)
    assert done == rest.events[-1].response


async def test_two_readers_see_the_same(openai_client):
    """Several streams of one response get the same events, made once."""
    with Simulator(ANSWER, gate=True) as sim:
        client = openai_client(sim)
        made = await client.responses.create(**{**RESPONSES, **BACKGROUND})
        response_id = (await anext(made)).response.id
        readers = [asyncio.ensure_future(retrieved(client, response_id)) for _ in range(3)]
        await asyncio.to_thread(sim.wait_for_request, 4)
        sim.release(len(ANSWER))
        heard = await asyncio.gather(*readers)
        await made.close()
    assert [h.text for h in heard] == [TEXT] * 3
    assert heard[0].events == heard[1].events == heard[2].events


async def test_without_a_stream(openai_client):
    """A response created without a stream is queued, can be polled, and cannot be streamed."""
    with Simulator(ANSWER, gate=True) as sim:
        client = openai_client(sim)
        made = await client.responses.create(**{**RESPONSES, **BACKGROUND, "stream": False})
        streamed = await retrieved(client, made.id)
        cancelled = await client.responses.cancel(made.id)
    assert (made.status, made.output) == ("queued", [])
    assert isinstance(streamed.error, openai.BadRequestError)
    assert cancelled.status == "cancelled"


@pytest.mark.parametrize("faults", [[Cut(2), TooOld()], [(TooOld(), Cut(2))]])
async def test_too_old_to_be_streamed(openai_client, faults):
    """After five minutes a stream is refused for good, and polling still brings the whole text."""
    with Simulator(ANSWER, faults=faults) as sim:
        client = openai_client(sim)
        first = await responses(client, **BACKGROUND)
        response_id = first.events[0].response.id
        refused = [await retrieved(client, response_id, starting_after=6) for _ in range(2)]
        polled = await client.responses.retrieve(response_id)
    for heard in refused:
        assert isinstance(heard.error, openai.BadRequestError)
        assert "can no longer be streamed because it is more than 5 minutes old" in str(heard.error)
    assert polled.output_text == TEXT


async def test_too_old_leaves_others_alone(openai_client):
    """Only a stream of a background response can be too old."""
    with Simulator(ANSWER, faults=[TooOld()] * 2) as sim:
        heard = await responses(openai_client(sim))
        again = await responses(openai_client(sim))
    assert (heard.text, again.text) == (TEXT, TEXT)


async def test_cancel(openai_client):
    """A cancelled response says no more; its streams end, its text so far stays, and twice is once."""
    with Simulator(ANSWER, gate=True) as sim:
        client = openai_client(sim)
        stream = await client.responses.create(**{**RESPONSES, **BACKGROUND})
        response_id = (await anext(stream)).response.id
        sim.release(1)
        while (await anext(stream)).type != DELTA:
            pass
        cancelled = await client.responses.cancel(response_id)
        left = [event async for event in stream]
        sim.release_all()
        twice = await client.responses.cancel(response_id)
        seen = await client.responses.retrieve(response_id)
    assert left == []
    assert cancelled == twice == seen
    assert (seen.status, seen.output_text) == ("cancelled", "One")


async def test_cancel_after_the_end(openai_client):
    """A finished response stays finished."""
    with Simulator(ANSWER) as sim:
        client = openai_client(sim)
        heard = await responses(client, **BACKGROUND)
        after = await client.responses.cancel(heard.events[0].response.id)
    assert (after.status, after.output_text) == ("completed", TEXT)


async def test_foreground_is_cancelled_by_closing(openai_client):
    """A response in the foreground cannot be cancelled or retrieved; closing the stream ends it."""
    with Simulator(ANSWER, gate=True) as sim:
        client = openai_client(sim)
        stream = await client.responses.create(**RESPONSES)
        response_id = (await anext(stream)).response.id
        with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
            await client.responses.cancel(response_id)
        with pytest.raises(openai.NotFoundError, match="not found"):
            await client.responses.retrieve(response_id)
        await stream.close()
        gone = await asyncio.to_thread(sim.wait_for_disconnect)
    assert gone is sim.requests[0]


async def test_refusals(openai_client):
    """Unknown ids, wrong keys, wrong methods, odd cursors and unstored responses are refused."""
    with Simulator(ANSWER, api_keys=["right"]) as sim:
        client = openai_client(sim, api_key="right")
        with pytest.raises(openai.NotFoundError, match="'resp_none' not found"):
            await client.responses.retrieve("resp_none")
        with pytest.raises(openai.NotFoundError):
            await client.responses.cancel("resp_none")
        with pytest.raises(openai.AuthenticationError):
            await openai_client(sim, api_key="wrong").responses.retrieve("resp_none")
        with pytest.raises(openai.BadRequestError, match="must be stored"):
            await client.responses.create(**{**RESPONSES, **BACKGROUND, "store": False})
        heard = await responses(client, **BACKGROUND)
        path = f"{sim.url}/responses/{heard.events[0].response.id}"
        key = {"authorization": "Bearer right"}
        odd = httpx2.get(path, params={"stream": "true", "starting_after": "x"}, headers=key)
        wrong = httpx2.post(path, headers=key, json={})
    assert (odd.status_code, wrong.status_code) == (400, 405)


async def test_it_stops_with_the_simulator(openai_client):
    """Stopping leaves nothing of it, and a simulator that starts again knows it no more."""
    sim = Simulator(ANSWER, gate=True).start()
    client = openai_client(sim)
    stream = await client.responses.create(**{**RESPONSES, **BACKGROUND})
    response_id = (await anext(stream)).response.id
    sim.stop()
    with pytest.raises(openai.APIConnectionError):
        _ = [event async for event in stream]
    with sim, pytest.raises(openai.NotFoundError):
        await openai_client(sim).responses.retrieve(response_id)
