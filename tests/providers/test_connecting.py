"""Connections are kept from one answer to the next, and opened while passages are searched."""

from __future__ import annotations

import asyncio
import gc
from contextlib import asynccontextmanager
from functools import wraps

import pytest

from ragnb import background
from ragnb.errors import ProviderError
from ragnb.llms.anthropic import AnthropicLLM
from ragnb.llms.base import Connecting, Request, Stop
from ragnb.llms.openai import OpenAILLM
from ragnb.pipeline import RAGPipeline
from ragnb.providers import clients
from ragnb.resumption.deployments import Deployments
from ragnb.simulator import Cut, Simulator

KINDS = {"chat": OpenAILLM, "responses": OpenAILLM, "messages": AnthropicLLM}


class Counting(Simulator):
    """Counts the connections that it accepts."""

    accepted = 0

    def _accept(self, reader, writer):
        self.accepted += 1
        super()._accept(reader, writer)


@pytest.fixture(params=KINDS)
def model(request):
    """A model of each protocol, and its simulator."""
    with Counting("It is so.") as sim:
        kind = KINDS[request.param]
        url = sim.anthropic_url if kind is AnthropicLLM else sim.url
        api = {} if kind is AnthropicLLM else {"api": request.param}
        yield kind("m", base_url=url, api_key="test", **api), sim


def on_the_background_loop(test):
    """Where connections are kept."""

    @wraps(test)
    def plain(*args, **kwargs):
        background.run(test(*args, **kwargs))

    return plain


async def read(llm):
    """An answer, as far as the engine reads it."""
    stream = llm.stream(Request("How?"))
    async for delta in stream:
        if isinstance(delta, Stop):
            break
    await stream.aclose()


async def opened(llm):
    """A connection that was begun to be opened is open."""
    llm.connect()
    for task in [*llm._clients._opening.values()]:
        await task


@on_the_background_loop
async def test_a_connection_is_kept(model):
    """Several answers come over one connection."""
    llm, sim = model
    for _ in range(3):
        await read(llm)
    assert (sim.accepted, len(sim.requests)) == (1, 3)
    await llm.aclose()


def test_another_loop_is_left_clean(model):
    """Where nobody says when the loop ends, its connections end with their responses."""
    llm, sim = model

    async def twice():
        for _ in range(2):
            llm.connect()
            await read(llm)

    asyncio.run(twice())
    assert sim.accepted == len(sim.requests) == 2
    gc.collect()  # warns of a connection that is open


@on_the_background_loop
async def test_opened_before(model):
    """A request uses the connection that was opened for it; the model has seen nothing of that."""
    llm, sim = model
    assert isinstance(llm, Connecting)
    sim.faults.append(None)
    await opened(llm)
    assert (sim.accepted, sim.requests, len(sim.faults)) == (1, [], 1)
    await read(llm)
    assert (sim.accepted, len(sim.requests)) == (1, 1)
    await llm.aclose()


@on_the_background_loop
async def test_opened_once(model, monkeypatch):
    """None is opened while one is kept; one that is not kept any more is opened anew."""
    llm, _ = model
    llm.connect()
    llm.connect()
    await opened(llm)
    await read(llm)
    llm.connect()
    assert not llm._clients._opening
    monkeypatch.setattr(clients, "_KEPT", 0.0)
    llm.connect()
    assert llm._clients._opening
    await opened(llm)
    await llm.aclose()


@on_the_background_loop
async def test_the_deployment_that_is_next():
    """Of several keys, the one that will be asked has its connection opened."""
    with Counting("It is so.") as first, Counting("It is so.") as second:
        llms = [OpenAILLM("m", base_url=sim.url, api_key="test") for sim in (first, second)]
        llm = Deployments(llms)
        await read(llm)
        llm.connect()
        assert [bool(one._clients._opening) for one in llms] == [False, True]
        await asyncio.gather(*llms[1]._clients._opening.values())
        assert (first.accepted, second.accepted) == (1, 1)
        await llm.aclose()


@on_the_background_loop
async def test_what_fails_is_told_by_the_request(model, monkeypatch):
    """No server, and no key: nothing is raised before there is a request."""
    llm, sim = model
    sim.stop()
    await opened(llm)
    await llm.aclose()
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    await opened(OpenAILLM("m"))


@asynccontextmanager
async def silent():
    """A server that never answers; tells its port, and when it was asked."""
    asked, over = asyncio.Event(), asyncio.Event()

    async def wait(reader, writer):
        await reader.readline()
        asked.set()
        await over.wait()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(wait, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], asked
        over.set()


@on_the_background_loop
async def test_closed_while_it_is_opened():
    """A connection that is being opened is given up when the model is closed."""
    async with silent() as (port, asked):
        llm = OpenAILLM("m", base_url=f"http://127.0.0.1:{port}/v1", api_key="test")
        llm.connect()
        await asked.wait()
        await llm.aclose()
        assert not llm._clients._opening


@on_the_background_loop
async def test_a_server_that_does_not_end_its_response(model, monkeypatch):
    """The end of the answer does not wait long for the end of the response."""
    llm, sim = model
    monkeypatch.setattr(clients, "_REST", 0.0)
    await read(llm)
    assert len(sim.requests) == 1
    await llm.aclose()


def test_opened_while_passages_are_searched(minilm):
    """The connection is begun before the question is even embedded."""
    with Counting("It is so.") as sim:

        class Embeddings:
            def __getattr__(self, name):
                return getattr(minilm, name)

            def embed_query(self, text):
                opening = llm._clients._opening
                begun.append(bool(opening) or bool(llm._clients._clients))
                return minilm.embed_query(text)

        begun = []
        llm = OpenAILLM("m", base_url=sim.url, api_key="test")
        rag = RAGPipeline(llm, Embeddings(), "memory", "none", home=None)
        rag.add(["Refunds take five days."])
        begun.clear()
        assert rag.query("How long do refunds take?") == "It is so."
        assert begun == [True]
        rag.query("And why?")
        assert len(sim.requests) == 2


@on_the_background_loop
async def test_a_cut_connection_is_not_kept(model):
    """After a connection that broke the next answer has another."""
    llm, sim = model
    sim.faults.append(Cut(after=1))
    with pytest.raises(ProviderError):
        await read(llm)
    await read(llm)
    assert sim.accepted == 2
    await llm.aclose()
