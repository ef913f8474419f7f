"""The proxy that cuts real servers, in front of the simulator."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from benchmarks.peers.cutting import Cut, CuttingProxy
from ragnb.events import AnyEvent, Resumed, Token
from ragnb.generation import generate
from ragnb.llms.base import Request
from ragnb.llms.openai import OpenAILLM
from ragnb.resumption.policy import Retry
from ragnb.resumption.resilience import Resilience
from ragnb.simulator import Simulator, tokenize

ANSWER = (
    "Refunds are paid within five days [1]. 👍🏽 A Flex ticket is refunded in full until 24 hours before."
)


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(ANSWER) as running:
        yield running


async def ask(proxy: CuttingProxy) -> list[AnyEvent]:
    llm = OpenAILLM("gpt-4o-mini", base_url=f"{proxy.url}/v1", api_key="test")
    try:
        retry = Retry(attempts=3, initial=0.0, maximum=0.0)
        return [event async for event in generate([llm], Request("How?"), Resilience(retry))]
    finally:
        await llm.aclose()


def front(sim: Simulator) -> CuttingProxy:
    return CuttingProxy("127.0.0.1", int(sim.anthropic_url.rpartition(":")[2]))


def text(events: list[AnyEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


async def test_it_passes_an_answer_on_as_it_is(sim: Simulator) -> None:
    """Without a cut, the whole answer comes, and the connection is not broken."""
    async with front(sim) as proxy:
        events = await ask(proxy)
        assert text(events) == ANSWER
        assert proxy.made == 0 and len(sim.requests) == 1


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("number", [2, 5, len(tokenize(ANSWER)) + 1])
async def test_it_cuts_after_the_event(sim: Simulator, number: int, how: str) -> None:
    """So many events come, the first of which has only the role, and the answer goes on after them."""
    async with front(sim) as proxy:
        proxy.cuts.append(Cut(events=number, how=how))
        events = await ask(proxy)
        resumed = [event for event in events if isinstance(event, Resumed)]
        assert [event.offset for event in resumed] == [len("".join(tokenize(ANSWER)[: number - 1]))]
        assert text(events) == ANSWER
        assert proxy.made == 1 and len(sim.requests) == 2


@pytest.mark.parametrize("number", [0, 1, 300, 1700])
async def test_it_cuts_after_the_byte(sim: Simulator, number: int) -> None:
    """The head of the response and exactly so many bytes of its body come through."""
    async with front(sim) as proxy:
        proxy.cuts.append(Cut(bytes=number))
        assert text(await ask(proxy)) == ANSWER
        assert proxy.made == 1


async def test_a_server_that_is_not_there_is_a_closed_connection(sim: Simulator) -> None:
    """The client's connection is closed, and the proxy goes on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with CuttingProxy("127.0.0.1", taken.getsockname()[1]) as proxy:
            port = int(proxy.url.rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.setblocking(False)
                assert await asyncio.get_running_loop().sock_recv(client, 1) == b""


def test_a_cut_has_one_place() -> None:
    """Bytes and events together, or neither, are refused."""
    with pytest.raises(ValueError, match="one of the two"):
        Cut()
    with pytest.raises(ValueError, match="one of the two"):
        Cut(bytes=1, events=1)
