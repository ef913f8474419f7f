"""OpenAI's Responses API, as the real SDK reads it."""

from __future__ import annotations

import openai

from ragnb.simulator import Simulator, tokenize

ANSWER = "Refunds take five days. Cats travel free."
ASK = {"model": "gpt-4.1-mini", "input": "How do refunds work?"}


async def test_events_in_their_order(openai_client):
    """All events come in the service's order, numbered from 0 without gaps."""
    with Simulator(["One", " two"]) as sim:
        stream = await openai_client(sim).responses.create(**ASK, stream=True)
        events = [event async for event in stream]
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(10))
    final = events[-1].response
    assert final.output_text == "One two"
    assert (final.status, final.id) == ("completed", events[0].response.id)
    assert (final.usage.input_tokens, final.usage.output_tokens) == (5, 2)


def test_sync_helper_assembles_the_answer():
    """The SDK's stream helper, which checks the order of events, gives the whole answer."""
    with (
        Simulator(ANSWER) as sim,
        openai.OpenAI(base_url=sim.url, api_key="test", max_retries=0) as client,
        client.responses.stream(**ASK) as stream,
    ):
        assert stream.get_final_response().output_text == ANSWER


async def test_token_limit_is_incomplete(openai_client):
    """An answer longer than max_output_tokens ends with response.incomplete and the reason."""
    with Simulator(ANSWER) as sim:
        stream = await openai_client(sim).responses.create(**ASK, stream=True, max_output_tokens=3)
        *_, last = [event async for event in stream]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details.reason == "max_output_tokens"
    assert last.response.output_text == "".join(tokenize(ANSWER)[:3])
    assert last.response.usage.output_tokens == 3


async def test_whole_response(openai_client):
    """Without stream, one JSON body is the finished response."""
    with Simulator(ANSWER) as sim:
        response = await openai_client(sim).responses.create(**ASK)
    assert response.output_text == ANSWER
    assert response.status == "completed"
