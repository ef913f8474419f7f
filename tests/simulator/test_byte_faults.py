"""Faults that are counted in bytes of the body, and faults of the bytes themselves."""

from __future__ import annotations

import json
import ssl

import httpx2
import openai
import pytest

from ragnb.simulator import CleanEnd, Cut, Drip, Garbage, Simulator, Stall
from tests.simulator.asking import PATHS, chat, messages, responses

ANSWER = ["Né", " 東👩‍🚀"]
TEXT = "".join(ANSWER)
NO_TLS = ssl.create_default_context()
QUICK = httpx2.Timeout(10.0, read=0.2)


def body(sim: Simulator, path: str) -> bytes:
    """All that comes of a stream before it ends or breaks."""
    data = b""
    try:
        with httpx2.stream("POST", sim.anthropic_url + path, json=PATHS[path], verify=NO_TLS) as response:
            for chunk in response.iter_raw():
                data += chunk
    except (httpx2.RemoteProtocolError, httpx2.ReadError):
        pass
    return data


def whole(path: str) -> bytes:
    with Simulator(ANSWER) as sim:
        return body(sim, path)


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("path", PATHS)
def test_a_cut_leaves_so_many_bytes(path, how):
    """Exactly the asked number of bytes arrives, wherever in an event, a line or a character it ends."""
    size = len(whole(path))
    places = [0, 1, *range(2, size, 41), size - 1, size, size + 9]
    with Simulator(ANSWER, faults=[Cut(how=how, after_bytes=place) for place in places]) as sim:
        lengths = [len(body(sim, path)) for _ in places]
    assert lengths == [min(place, size) for place in places]


async def test_chat_cut_at_every_byte(openai_client):
    """At every byte OpenAI's SDK gives the start of the text, and then its connection error."""
    size = len(whole("/v1/chat/completions"))
    done = size - len(b"data: [DONE]\n\n")
    with Simulator(ANSWER, faults=[Cut(after_bytes=n) for n in range(size)]) as sim:
        client = openai_client(sim)
        heard = [await chat(client) for _ in range(size)]
    assert all(TEXT.startswith(h.text) for h in heard)
    assert {h.text for h in heard} == {"", "Né", TEXT}
    assert {type(h.error) for h in heard[:done]} == {openai.APIConnectionError}


async def test_messages_cut_at_every_byte(anthropic_client):
    """At every byte Anthropic's SDK gives the start of the text, and then the raw error."""
    data = whole("/v1/messages")
    last = data.index(b"event: message_stop")
    with Simulator(ANSWER, faults=[Cut(after_bytes=n) for n in range(len(data))]) as sim:
        client = anthropic_client(sim)
        heard = [await messages(client) for _ in range(len(data))]
    assert {h.text for h in heard} == {"", "Né", TEXT}
    assert {type(h.error) for h in heard[:last]} == {httpx2.RemoteProtocolError}


async def test_responses_cut_at_every_byte_of_the_text(openai_client):
    """At every byte of the events that carry text, the SDK gives the start of it, then its error."""
    data = whole("/v1/responses")
    first, last = (
        data.index(b"event: response.output_text.delta"),
        data.index(b"event: response.output_text.done"),
    )
    places = range(first, last + 1)
    with Simulator(ANSWER, faults=[Cut(after_bytes=n) for n in places]) as sim:
        client = openai_client(sim)
        heard = [await responses(client) for _ in places]
    assert {h.text for h in heard} == {"", "Né", TEXT}
    assert {type(h.error) for h in heard} == {openai.APIConnectionError}


async def test_clean_end_inside_a_character(openai_client):
    """A body may end properly in the middle of anything; what the SDK makes of it is its own."""
    data = whole("/v1/chat/completions")
    character = data.index("東".encode())
    places = [0, character, character + 1, character + 2, len(data) - 1]
    with Simulator(ANSWER, faults=[CleanEnd(after_bytes=n) for n in places]) as sim:
        client = openai_client(sim)
        heard = [await chat(client) for _ in places]
    assert [h.text for h in heard] == ["", "Né", "Né", "Né", TEXT]
    assert all(not isinstance(h.error, openai.APIConnectionError) for h in heard)


async def test_stall_inside_a_character(openai_client):
    """Silence can begin inside a character; the client's timeout ends it."""
    place = whole("/v1/chat/completions").index("東".encode()) + 1
    with Simulator(ANSWER, faults=[Stall(after_bytes=place)]) as sim:
        heard = await chat(openai_client(sim, timeout=QUICK))
    assert heard.text == "Né"
    assert isinstance(heard.error, openai.APITimeoutError)


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_drip_loses_nothing(openai_client, anthropic_client, size):
    """Bytes that come a few at a time, split characters included, are the same text."""
    with Simulator(ANSWER, faults=[Drip(size)] * 3) as sim:
        heard = [
            await chat(openai_client(sim)),
            await responses(openai_client(sim)),
            await messages(anthropic_client(sim)),
        ]
    assert [(h.text, h.error) for h in heard] == [(TEXT, None)] * 3


def test_drip_waits_before_each_chunk():
    """The delay comes before each chunk, through the simulator's own sleep."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    with Simulator(["One"], faults=[Drip(100, delay=7.5)], sleep=sleep) as sim:
        size = len(body(sim, "/v1/messages"))
    assert waited.count(7.5) >= size / 100


async def test_faults_at_once(openai_client):
    """A tuple is several faults in one request: a drip that breaks off."""
    with Simulator(ANSWER, faults=[(Drip(5), Cut(1, "rst"))]) as sim:
        heard = await chat(openai_client(sim))
    assert heard.text == "Né"
    assert isinstance(heard.error, openai.APIConnectionError)


async def test_garbage_in_the_stream(openai_client, anthropic_client):
    """Words that are no event are passed over by the SDKs, and the stream ends without its marker."""
    with Simulator(ANSWER, faults=[Garbage(1)] * 2) as sim:
        of_chat = await chat(openai_client(sim))
        of_messages = await messages(anthropic_client(sim))
    assert [(h.text, h.error) for h in (of_chat, of_messages)] == [("Né", None)] * 2
    assert of_chat.events[-1].choices[0].finish_reason is None


async def test_garbage_that_looks_like_an_event(openai_client):
    """An event whose data is no JSON raises in the SDK."""
    with Simulator(ANSWER, faults=[Garbage(1, b"data: {oops\n\n")]) as sim:
        heard = await chat(openai_client(sim))
    assert heard.text == "Né"
    assert isinstance(heard.error, json.JSONDecodeError)


def test_garbage_is_on_the_wire():
    """The bytes of a proxy's complaint stand after the last event."""
    with Simulator(ANSWER, faults=[Garbage()]) as sim:
        data = body(sim, "/v1/chat/completions")
    assert data.endswith(b"reset reason: connection termination\n\n")
    assert b"content" in data and b'finish_reason":"stop' not in data


@pytest.mark.parametrize("fault", [Cut, CleanEnd, Stall])
def test_tokens_or_bytes(fault):
    """A fault is counted in tokens or in bytes, and says so when it is given both."""
    with pytest.raises(ValueError, match="tokens or so many bytes"):
        fault(2, after_bytes=3)
