"""Hedging: where a first token is late, the same request is made once more, and the first to answer wins.

Dean and Barroso, "The Tail at Scale", Communications of the ACM 56(2), 2013.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from ragnb.errors import InvalidInputError
from ragnb.llms.base import Delta, Stop, Text, Usage

_KEPT = 200  # times of a model, the newest


@dataclass(frozen=True, slots=True)
class Hedge:
    """When a request is made a second time: where the first token takes longer than 95 % of the model's
    last ones did, after ``fewest`` of these are known; or longer than ``after`` seconds, where that is
    given. At most the ``share`` of all requests is made twice."""

    share: float = 0.05
    fewest: int = 20
    after: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1 or self.fewest < 1 or not (self.after is None or self.after >= 0):
            raise InvalidInputError(f"{self} cannot be followed.", "share is 0 to 1, fewest 1 or more.")


class Hedging:
    """The times to the first token of each model, and how many requests were made twice. Safe to use from
    several threads."""

    def __init__(self, hedge: Hedge) -> None:
        self._hedge = hedge
        self._times: dict[str, deque[float]] = {}
        self._requests = self._twice = 0
        self._lock = threading.Lock()

    def begin(self, model: str) -> float | None:
        """A request is made: after how many seconds it may be made again, None for never."""
        with self._lock:
            self._requests += 1
            times = sorted(self._times.get(model, ()))
        if self._hedge.after is not None:
            return self._hedge.after
        return times[int(0.95 * (len(times) - 1))] if len(times) >= self._hedge.fewest else None

    def answered(self, model: str, seconds: float) -> None:
        """The first token took so long."""
        with self._lock:
            self._times.setdefault(model, deque(maxlen=_KEPT)).append(seconds)

    def claim(self) -> bool:
        """Whether a request may be made twice now; if so, it counts as that."""
        with self._lock:
            allowed = self._twice + 1 <= self._hedge.share * self._requests
            self._twice += allowed
            return allowed


@dataclass(frozen=True, slots=True)
class Lost:
    """The other request was closed; what it had reported till then."""

    usage: Usage | None


async def hedged(
    first: AsyncGenerator[Delta, None],
    after: float,
    again: Callable[[], AsyncGenerator[Delta, None] | None],
) -> AsyncGenerator[Delta | Lost, None]:
    """The deltas of the request that answers first; `Lost` comes first where there were two.

    ``again`` is called where ``first`` has no text after so many seconds, and makes the second request, or
    none. A request that fails leaves it to the other; where both do, the first one's error is raised.
    """
    begun: dict[asyncio.Task[list[Delta]], AsyncGenerator[Delta, None]] = {}
    seen: dict[AsyncGenerator[Delta, None], list[Delta]] = {}

    def begin(stream: AsyncGenerator[Delta, None]) -> asyncio.Task[list[Delta]]:
        task = asyncio.create_task(_beginning(stream, seen.setdefault(stream, [])))
        begun[task] = stream
        return task

    leading = begin(first)
    try:
        await asyncio.wait({leading}, timeout=after)
        if not leading.done() and (second := again()) is not None:
            begin(second)
        winner = await _winner(leading, set(begun))
        stream = begun.pop(winner)
        for task, other in list(begun.items()):
            await _close(task, other)
            del begun[task]
            if task.cancelled() or task.exception() is None or seen[other]:  # else it was refused
                yield Lost(next((one for one in reversed(seen[other]) if isinstance(one, Usage)), None))
        begun[winner] = stream
        for delta in winner.result():
            yield delta
        async for delta in stream:
            yield delta
    finally:
        for task, stream in begun.items():
            await _close(task, stream)


async def _beginning(stream: AsyncGenerator[Delta, None], seen: list[Delta]) -> list[Delta]:
    """The deltas up to the first with text, or all."""
    async for delta in stream:
        seen.append(delta)
        if isinstance(delta, (Text, Stop)):
            break
    return seen


async def _winner(
    leading: asyncio.Task[list[Delta]], running: set[asyncio.Task[list[Delta]]]
) -> asyncio.Task[list[Delta]]:
    """The first that has begun; the leading one where none has, all of them having failed."""
    while running:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        answered = [task for task in done if task.exception() is None]
        if answered:
            return leading if leading in answered else answered[0]
    return leading


async def _close(task: asyncio.Task[list[Delta]], stream: AsyncGenerator[Delta, None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await stream.aclose()
