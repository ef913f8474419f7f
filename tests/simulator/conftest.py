"""The real clients of both providers, pointed at a simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import anthropic
import openai
import pytest

from ragnb.simulator import Simulator


@pytest.fixture
async def openai_client() -> AsyncIterator[Callable[..., openai.AsyncOpenAI]]:
    clients: list[openai.AsyncOpenAI] = []

    def connect(sim: Simulator, **options: object) -> openai.AsyncOpenAI:
        settings = {"api_key": "test", "max_retries": 0, "timeout": 10.0, **options}
        clients.append(openai.AsyncOpenAI(base_url=sim.url, **settings))  # type: ignore[arg-type]
        return clients[-1]

    yield connect
    for client in clients:
        await client.close()


@pytest.fixture
async def anthropic_client() -> AsyncIterator[Callable[..., anthropic.AsyncAnthropic]]:
    clients: list[anthropic.AsyncAnthropic] = []

    def connect(sim: Simulator, **options: object) -> anthropic.AsyncAnthropic:
        settings = {"api_key": "test", "max_retries": 0, "timeout": 10.0, **options}
        client = anthropic.AsyncAnthropic(base_url=sim.anthropic_url, **settings)  # type: ignore[arg-type]
        clients.append(client)
        return client

    yield connect
    for client in clients:
        await client.close()
