"""Each fault, as the real SDKs see it."""

from __future__ import annotations

import json

import anthropic
import httpx2
import openai
import pytest

from ragnb.simulator import (
    CleanEnd,
    Cut,
    Duplicate,
    ErrorEvent,
    Html,
    NeverAnswer,
    Reorder,
    Simulator,
    Stall,
    Status,
)
from tests.simulator.asking import chat, messages, responses

ANSWER = ["One", " two", " three"]
QUICK = httpx2.Timeout(10.0, read=0.2)


@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_cut_breaks_the_connection(openai_client, anthropic_client, how):
    """Text up to the cut arrives; then OpenAI's SDK wraps the broken connection, Anthropic's does
    not."""
    with Simulator(ANSWER, faults=[Cut(2, how)] * 3) as sim:
        of_chat = await chat(openai_client(sim))
        of_responses = await responses(openai_client(sim))
        of_messages = await messages(anthropic_client(sim))
    for heard in (of_chat, of_responses):
        assert heard.text == "One two"
        assert type(heard.error) is openai.APIConnectionError
    assert of_messages.text == "One two"
    raw = httpx2.RemoteProtocolError if how == "fin" else httpx2.ReadError
    assert isinstance(of_messages.error, raw)


@pytest.mark.parametrize(("after", "words"), [(0, 0), (1, 1), (3, 3), (9, 3)])
async def test_cut_anywhere(openai_client, after, words):
    """A cut may fall before the first token, or after the last one but before the end."""
    with Simulator(ANSWER, faults=[Cut(after)]) as sim:
        heard = await chat(openai_client(sim))
    assert heard.text == "".join(ANSWER[:words])
    assert len(heard.events) == 1 + words
    assert isinstance(heard.error, openai.APIConnectionError)


async def test_clean_end_raises_nothing(openai_client, anthropic_client):
    """A proper end of the body without the terminal marker is no error to either SDK."""
    with Simulator(ANSWER, faults=[CleanEnd(2)] * 3) as sim:
        of_chat = await chat(openai_client(sim))
        of_responses = await responses(openai_client(sim))
        of_messages = await messages(anthropic_client(sim))
    for heard in (of_chat, of_responses, of_messages):
        assert (heard.text, heard.error) == ("One two", None)
    assert of_chat.events[-1].choices[0].finish_reason is None
    assert of_responses.events[-1].type == "response.output_text.delta"
    assert of_messages.events[-1].type == "content_block_delta"


async def test_stall_runs_into_the_read_timeout(openai_client, anthropic_client):
    """Silence in mid-stream lasts until the client's own timeout; the simulator sees it go."""
    with Simulator(ANSWER, faults=[Stall(2)] * 3) as sim:
        of_chat = await chat(openai_client(sim, timeout=QUICK))
        of_responses = await responses(openai_client(sim, timeout=QUICK))
        of_messages = await messages(anthropic_client(sim, timeout=QUICK))
        sim.wait_for_disconnect(3)
    assert [h.text for h in (of_chat, of_responses, of_messages)] == ["One two"] * 3
    assert isinstance(of_chat.error, openai.APITimeoutError)
    assert isinstance(of_responses.error, openai.APITimeoutError)
    assert isinstance(of_messages.error, httpx2.ReadTimeout)


async def test_error_event_in_each_protocol(openai_client, anthropic_client):
    """Chat and messages raise the error inside the stream; Responses yields it as an event."""
    with Simulator(ANSWER, faults=[ErrorEvent(2)] * 3) as sim:
        of_chat = await chat(openai_client(sim))
        of_responses = await responses(openai_client(sim))
        of_messages = await messages(anthropic_client(sim))
    assert [h.text for h in (of_chat, of_responses, of_messages)] == ["One two"] * 3
    assert type(of_chat.error) is openai.APIError
    assert of_chat.error.body["type"] == "server_error"
    assert of_responses.error is None
    error = of_responses.events[-1]
    assert (error.type, error.code) == ("error", "server_error")
    assert error.sequence_number == len(of_responses.events) - 1
    assert isinstance(of_messages.error, anthropic.APIStatusError)
    assert of_messages.error.status_code == 200
    assert of_messages.error.body["error"]["type"] == "overloaded_error"


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
        (529, openai.InternalServerError),
    ],
)
async def test_status_of_openai(openai_client, code, raised):
    """A status comes with OpenAI's own error body."""
    with Simulator(faults=[Status(code)]) as sim:
        error = (await chat(openai_client(sim))).error
    assert type(error) is raised
    assert error.status_code == code
    assert set(error.body) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (404, "not_found_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (503, "api_error"),
        (529, "overloaded_error"),
    ],
)
async def test_status_of_anthropic(anthropic_client, code, kind):
    """A status comes with Anthropic's own error body."""
    with Simulator(faults=[Status(code)]) as sim:
        error = (await messages(anthropic_client(sim))).error
    assert isinstance(error, anthropic.APIStatusError)
    assert error.status_code == code
    assert error.body["type"] == "error"
    assert error.body["error"]["type"] == kind


async def test_retry_after_and_a_body_of_ones_own(openai_client):
    """A status can say when to come back, and carry another body."""
    quota = {"error": {"message": "No credit.", "type": "insufficient_quota", "code": None}}
    with Simulator(faults=[Status(429, retry_after=1.5, body=quota)]) as sim:
        error = (await chat(openai_client(sim))).error
    assert error.response.headers["retry-after"] == "1.5"
    assert error.body["type"] == "insufficient_quota"


async def test_html_instead_of_a_stream(openai_client, anthropic_client):
    """A web page with status 200 raises nothing in the SDKs and brings nothing."""
    with Simulator(ANSWER, faults=[Html()] * 2) as sim:
        of_chat = await chat(openai_client(sim))
        of_messages = await messages(anthropic_client(sim))
    assert (of_chat.text, of_chat.events, of_chat.error) == ("", [], None)
    assert (of_messages.text, of_messages.events, of_messages.error) == ("", [], None)


async def test_never_answer_sends_nothing(openai_client, anthropic_client):
    """The request is taken, and not even a head comes back."""
    with Simulator(ANSWER, faults=[NeverAnswer()] * 2) as sim:
        of_chat = await chat(openai_client(sim, timeout=QUICK))
        of_messages = await messages(anthropic_client(sim, timeout=QUICK))
        sim.wait_for_disconnect(2)
    assert isinstance(of_chat.error, openai.APITimeoutError)
    assert isinstance(of_messages.error, anthropic.APITimeoutError)


async def test_faults_are_used_in_order(openai_client):
    """Each request meets the next fault; None and the end of the list are no fault."""
    with Simulator(ANSWER, faults=[Status(503), None, CleanEnd(1)]) as sim:
        heard = [await chat(openai_client(sim)) for _ in range(4)]
    assert [h.text for h in heard] == ["", "One two three", "One", "One two three"]


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (Cut(0), openai.APIConnectionError),
        (Cut(0, "rst"), openai.APIConnectionError),
        (CleanEnd(0), json.JSONDecodeError),
        (Stall(0), openai.APITimeoutError),
        (ErrorEvent(0), openai.InternalServerError),
    ],
)
async def test_faults_of_a_body_that_is_no_stream(openai_client, fault, raised):
    """Where nothing streams, the fault falls in the middle of the body."""
    with Simulator(faults=[fault]) as sim:
        client = openai_client(sim, timeout=QUICK)
        with pytest.raises(raised):
            await client.embeddings.create(model="text-embedding-3-small", input="a")


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Duplicate(1), "OneOne two three"),
        (Duplicate(3), "One two three three"),
        (Reorder(1), " twoOne three"),
        (Reorder(2), "One three two"),
        (Duplicate(9), "One two three"),
        (Reorder(0), "One two three"),
    ],
)
async def test_events_twice_or_out_of_order(openai_client, anthropic_client, fault, text):
    """A token's event can come twice, or after the next; the SDKs pass on what they get."""
    with Simulator(ANSWER, faults=[fault] * 3) as sim:
        heard = [
            await chat(openai_client(sim)),
            await responses(openai_client(sim)),
            await messages(anthropic_client(sim)),
        ]
    assert [(h.text, h.error) for h in heard] == [(text, None)] * 3


async def test_events_keep_their_numbers(openai_client):
    """What comes twice or out of order in a response can be told by its number."""
    with Simulator(ANSWER, faults=[Duplicate(2), Reorder(2)]) as sim:
        twice = await responses(openai_client(sim))
        turned = await responses(openai_client(sim))
    assert [e.sequence_number for e in twice.events][4:8] == [4, 5, 5, 6]
    assert [e.sequence_number for e in turned.events][4:8] == [4, 6, 5, 7]


async def test_last_token_after_what_ends_the_text(openai_client):
    """The last token can change places with the event that follows the text."""
    with Simulator(ANSWER, faults=[Reorder(3)]) as sim:
        heard = await chat(openai_client(sim))
    assert heard.text == "One two three"
    assert [c.choices[0].finish_reason for c in heard.events[-2:]] == ["stop", None]
