"""When the next token may go: a steady pace, and a gate that tests open."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Sleep = Callable[[float], Awaitable[object]]
"""Waits so many seconds, as `asyncio.sleep` does."""


class Gate:
    """Lets tokens pass as they are released, in the order in which they came to it."""

    def __init__(self, *, closed: bool) -> None:
        self._permits: float = 0 if closed else math.inf
        self._waiting: list[asyncio.Future[None]] = []

    def release(self, tokens: float) -> None:
        """Let so many more tokens pass. Call it on the loop of those who wait."""
        self._permits += tokens
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    async def enter(self) -> None:
        """Wait until one more token may pass."""
        while self._permits < 1:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            try:
                await waiting
            finally:
                self._waiting.remove(waiting)
        self._permits -= 1


@dataclass(frozen=True, slots=True)
class Pace:
    """How tokens follow one another in a stream; None is as fast as it goes."""

    gate: Gate
    tokens_per_second: float | None = None
    first_token_delay: float = 0.0
    sleep: Sleep = asyncio.sleep

    async def turn(self, number: int, started: float) -> None:
        """Wait until token ``number`` (from 0) of a response begun at ``started`` may go."""
        after = number / self.tokens_per_second if self.tokens_per_second else 0.0
        due = started + self.first_token_delay + after
        # At least one round of the loop, so that answers of several connections interleave.
        await self.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        await self.gate.enter()
