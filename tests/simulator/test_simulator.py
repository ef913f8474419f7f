"""The server itself: recording, waiting, gate, pace, refusals, and going away cleanly."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from pathlib import Path

import anthropic
import httpx2
import openai
import pytest

from ragnb.simulator import NeverAnswer, Simulator, Stall, Status, tokenize

TURNS = [{"role": "user", "content": "Count."}]
CHAT = {"model": "gpt-4o-mini", "messages": TURNS, "stream": True}
MESSAGES = {"model": "claude-opus-4-6", "max_tokens": 100, "messages": TURNS}


async def next_text(stream) -> str:
    """The next text of a chat stream, role chunks left out."""
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            return chunk.choices[0].delta.content
    return ""


async def test_requests_are_recorded(openai_client, anthropic_client):
    """Path, headers, JSON and order of all requests are kept."""
    with Simulator("Yes.") as sim:
        await openai_client(sim, api_key="one").embeddings.create(model="m", input="a")
        await anthropic_client(sim, api_key="two").messages.create(**MESSAGES)
        first, second = sim.requests
    assert (first.method, first.path) == ("POST", "/v1/embeddings")
    assert first.headers["authorization"] == "Bearer one"
    assert first.json["input"] == "a"
    assert (second.path, second.headers["authorization"]) == ("/v1/messages", "Bearer two")
    assert second.json["messages"] == TURNS
    assert first.at < second.at
    assert not first.closed_by_client.is_set() and not second.closed_by_client.is_set()


async def test_gate_lets_tokens_out_one_by_one(openai_client):
    """Nothing passes the gate until it is released, and then no more than that."""
    with Simulator(["One", " two", " three"], gate=True) as sim:
        stream = await openai_client(sim).chat.completions.create(**CHAT)
        assert (await anext(stream)).choices[0].delta.role == "assistant"
        sim.release()
        assert await next_text(stream) == "One"
        waiting = asyncio.ensure_future(next_text(stream))
        await asyncio.to_thread(sim.wait_for_request)
        assert not waiting.done()
        sim.release(1)
        assert await waiting == " two"
        sim.release_all()
        assert await next_text(stream) == " three"
        assert await next_text(stream) == ""


async def test_gate_may_be_opened_before_the_request(openai_client):
    """Tokens released early are not lost."""
    with Simulator(["One", " two"], gate=True) as sim:
        sim.release(2)
        stream = await openai_client(sim).chat.completions.create(**CHAT)
        assert [await next_text(stream) for _ in range(3)] == ["One", " two", ""]


async def test_client_that_leaves_is_noticed(openai_client, anthropic_client):
    """A stream that the client closes in the middle is marked, whichever SDK closes it."""
    with Simulator(["One", " two"], gate=True) as sim:
        stream = await openai_client(sim).chat.completions.create(**CHAT)
        sim.release()
        assert await next_text(stream) == "One"
        await stream.close()
        first = await asyncio.to_thread(sim.wait_for_disconnect)
        async with anthropic_client(sim).messages.stream(**MESSAGES) as messages:
            sim.release()
            assert await anext(aiter(messages.text_stream)) == "One"
        second = await asyncio.to_thread(sim.wait_for_disconnect, 2)
    assert first is sim.requests[0] and first.closed_by_client.is_set()
    assert second is sim.requests[1] and second.closed_by_client.is_set()


def test_sync_client_that_leaves_is_noticed():
    """The sync client's close is noticed too."""
    with (
        Simulator(["One", " two"], gate=True) as sim,
        openai.OpenAI(base_url=sim.url, api_key="test", max_retries=0) as client,
    ):
        with client.chat.completions.create(**CHAT):
            assert not sim.wait_for_request().closed_by_client.is_set()
        assert sim.wait_for_disconnect().closed_by_client.wait(0)


async def test_finished_answer_is_no_disconnect(openai_client):
    """A client that reads to the end and then closes has not left early."""
    with Simulator("Yes.") as sim:
        client = openai_client(sim)
        for _ in range(20):
            stream = await client.chat.completions.create(**CHAT)
            assert "".join([c.choices[0].delta.content or "" async for c in stream]) == "Yes."
        await client.close()
        with pytest.raises(TimeoutError, match="0 of 1 disconnects"):
            sim.wait_for_disconnect(timeout=0)


def test_waiting_gives_up():
    """Waiting for a request that does not come ends with a TimeoutError."""
    with Simulator() as sim, pytest.raises(TimeoutError, match="0 of 2 requests"):
        sim.wait_for_request(2, timeout=0)


def test_connections_are_kept_alive():
    """One connection serves request after request."""
    with Simulator("Yes.") as sim:
        limits = httpx2.Limits(max_connections=1)
        with httpx2.Client(base_url=sim.url, limits=limits) as client:
            ports = set()
            for _ in range(3):
                with client.stream("POST", "/chat/completions", json=CHAT) as response:
                    response.read()
                    ports.add(response.extensions["network_stream"].get_extra_info("client_addr"))
    assert len(sim.requests) == 3
    assert len(ports) == 1


async def test_two_simulators_at_once(openai_client):
    """Simulators know nothing of each other."""
    with Simulator("First.") as first, Simulator("Second.") as second:
        asked = (openai_client(sim).chat.completions.create(**CHAT) for sim in (first, second))
        streams = await asyncio.gather(*asked)
        texts = ["".join([c.choices[0].delta.content or "" async for c in s]) for s in streams]
    assert texts == ["First.", "Second."]
    assert len(first.requests) == len(second.requests) == 1


async def test_many_streams_interleave(openai_client):
    """One simulator serves many streams at the same time."""
    with Simulator("One two three four.", tokens_per_second=500) as sim:
        client = openai_client(sim)

        async def ask() -> str:
            stream = await client.chat.completions.create(**CHAT)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        assert await asyncio.gather(*(ask() for _ in range(20))) == ["One two three four."] * 20


async def test_pace(openai_client):
    """Tokens keep the pace, after the delay of the first."""
    clock = asyncio.get_running_loop().time
    with Simulator(["a"] * 5, tokens_per_second=50, first_token_delay=0.05) as sim:
        stream = await openai_client(sim).chat.completions.create(**CHAT)
        started = clock()
        assert await next_text(stream) == "a"
        first = clock() - started
        while await next_text(stream):
            pass
        last = clock() - started
    assert 0.03 < first < last
    assert last > 0.1


def test_anthropic_keys_come_in_either_header():
    """Anthropic's older clients send the key as x-api-key, newer ones as a bearer token."""
    with (
        Simulator("Yes.", api_keys=["right"]) as sim,
        httpx2.Client(base_url=sim.anthropic_url) as client,
    ):
        for headers in ({"x-api-key": "right"}, {"authorization": "Bearer right"}):
            assert client.post("/v1/messages", json=MESSAGES, headers=headers).status_code == 200
        assert client.post("/v1/messages", json=MESSAGES).status_code == 401


def test_unknown_path_and_method():
    """What does not exist gets each provider's own JSON."""
    with Simulator() as sim, httpx2.Client(base_url=sim.anthropic_url) as client:
        missing = client.post("/v1/chat", json={})
        other = client.post("/v1/nothing", json={}, headers={"anthropic-version": "2023-06-01"})
        wrong = client.get("/v1/chat/completions")
        head = client.head("/v1/messages")
        broken = client.post("/v1/messages", content=b"{")
    assert missing.status_code == 404
    assert missing.json()["error"]["message"] == "Invalid URL (POST /v1/chat)"
    assert (other.status_code, other.json()["error"]["type"]) == (404, "not_found_error")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_supported")
    assert (head.status_code, head.content) == (405, b"")
    assert (broken.status_code, broken.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_other_keys_are_refused(openai_client, anthropic_client):
    """With api_keys, others get the provider's 401, which uses up no fault."""
    with Simulator("Yes.", api_keys=["right"], faults=[Status(503)]) as sim:
        with pytest.raises(openai.AuthenticationError, match="Incorrect API key") as of_openai:
            await openai_client(sim, api_key="wrong").chat.completions.create(**CHAT)
        with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
            await anthropic_client(sim, api_key="wrong").messages.create(**MESSAGES)
        with pytest.raises(openai.InternalServerError):
            await openai_client(sim, api_key="right").chat.completions.create(**CHAT)
        assert (await anthropic_client(sim, api_key="right").messages.create(**MESSAGES)).content
    assert of_openai.value.code == "invalid_api_key"


async def test_unknown_models_are_refused(openai_client, anthropic_client):
    """With models, others get the provider's 404."""
    with Simulator("Yes.", models=["known"]) as sim:
        with pytest.raises(openai.NotFoundError, match="does not exist or you do not") as error:
            await openai_client(sim).chat.completions.create(**CHAT)
        with pytest.raises(anthropic.NotFoundError, match="model: claude-opus-4-6"):
            await anthropic_client(sim).messages.create(**MESSAGES)
        assert await openai_client(sim).chat.completions.create(**{**CHAT, "model": "known"})
    assert error.value.code == "model_not_found"


async def test_answer_that_raises_is_a_500_that_says_so(openai_client):
    """An error in a scripted answer reaches the test instead of hanging it."""

    def broken(request: dict) -> str:
        raise ValueError("no such scene")

    raised = pytest.raises(openai.InternalServerError, match="ValueError: no such scene")
    with Simulator(broken) as sim, raised:
        await openai_client(sim).chat.completions.create(**CHAT)


@pytest.mark.parametrize("fault", [None, Stall(1), NeverAnswer()])
async def test_stop_ends_open_streams(openai_client, fault):
    """Stopping closes connections in whatever state they are, and leaves no thread."""
    sim = Simulator(["One", " two"], gate=True, faults=[fault]).start()
    sim.release()
    asking = asyncio.ensure_future(openai_client(sim).chat.completions.create(**CHAT))
    await asyncio.to_thread(sim.wait_for_request)
    sim.stop()
    with pytest.raises(openai.APIConnectionError):
        stream = await asking
        while await next_text(stream):
            pass
    assert "ragnb-simulator" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(RuntimeError, match="not running"):
        _ = sim.url


def test_stop_twice_and_start_again():
    """Stopping twice is harmless, starting twice is an error, and a stopped one can start again."""
    sim = Simulator("Yes.").start()
    with pytest.raises(RuntimeError, match="already"):
        sim.start()
    sim.stop()
    sim.stop()
    with sim, httpx2.Client(base_url=sim.url) as client:
        assert client.post("/chat/completions", json=CHAT).status_code == 200


def test_client_that_speaks_no_http_is_dropped():
    """Bytes that are no HTTP end that connection and nothing else."""
    with Simulator("Yes.") as sim:
        address = httpx2.URL(sim.url)
        with socket.create_connection((address.host, address.port)) as client:
            client.sendall(b"\x00\x01\x02\r\n\r\n")
            assert client.recv(1) == b""
        with httpx2.Client(base_url=sim.url) as other:
            assert other.post("/chat/completions", json=CHAT).status_code == 200


def test_no_warnings_are_left():
    """A process that stops simulators in every state ends without a word, warnings being errors."""
    script = """
import httpx2
from ragnb.simulator import Cut, Drip, Garbage, Simulator, Stall
ask = {"model": "m", "messages": [], "stream": True}
drips = (Drip(1), Stall(1))
for fault in (None, Cut(1), Cut(1, "rst"), Cut(after_bytes=400), Stall(1), Garbage(1), drips):
    with Simulator("One two.", faults=[fault]) as sim, httpx2.Client(base_url=sim.url) as client:
        with client.stream("POST", "/chat/completions", json=ask) as response:
            next(response.iter_lines())
ask = {"model": "m", "input": "a", "stream": True, "background": True}
with Simulator("One two.", gate=True) as sim, httpx2.Client(base_url=sim.url) as client:
    with client.stream("POST", "/responses", json=ask) as response:
        next(response.iter_lines())
import gc, socket
for _ in range(20):
    with Simulator("One two.") as sim:
        address = httpx2.URL(sim.url)
        clients = [socket.create_connection((address.host, address.port)) for _ in range(3)]
    for client in clients:
        client.close()
gc.collect()
"""
    flags = ["-X", "dev", "-W", "error"]
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, *flags, "-c", script], capture_output=True, text=True, cwd=root)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("text", ["", "a", "  a  b ", "Grüße,\n\n– 東京 [1][2].", "antidisestablish"])
def test_tokens_joined_are_the_text(text):
    """Cutting loses no character."""
    assert "".join(tokenize(text)) == text


def test_tokens_look_like_a_model_s():
    """Words keep the space before them, and long ones are cut."""
    assert tokenize("Ask transportation [1].") == ("Ask", " transpor", "tation", " [", "1", "].")
