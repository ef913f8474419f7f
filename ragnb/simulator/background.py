"""Responses that go on being made when nobody listens: background mode.

https://platform.openai.com/docs/guides/background
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Literal

from ragnb.simulator.pacing import Pace
from ragnb.simulator.wire import Json, Piece

State = Literal["queued", "in_progress", "finished", "cancelled"]


class Run:
    """One response in the making. Its events are known from the start, and happen at the pace and
    behind the gate, whoever reads them. Use it on the server's loop only.

    ``snapshot`` gives the response object when so many tokens are out, in a state.
    """

    def __init__(
        self, pieces: Iterable[Piece], snapshot: Callable[[int, State], Json], *, streamed: bool
    ) -> None:
        self.pieces = tuple(pieces)
        self.streamed = streamed
        self.too_old = False
        self._snapshot = snapshot
        self._happened = 0
        self._tokens = 0
        self._state: State = "queued"
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, pace: Pace) -> None:
        """Begin, unless it has begun."""
        if self._task is None:
            self._task = asyncio.create_task(self._make(pace))

    async def reaches(self, number: int) -> bool:
        """Wait for the event of this number. False if it never comes, because of a cancellation."""
        while self._happened <= number:
            if self._state == "cancelled":
                return False
            await self._changed.wait()
        return True

    def cancel(self) -> None:
        """Stop making it. What is finished stays finished."""
        if self._state in ("queued", "in_progress"):
            self._state = "cancelled"
            self.abandon()
            self._tell()

    def abandon(self) -> None:
        """Let go of the task, because the server stops."""
        if self._task is not None:
            self._task.cancel()

    def response(self) -> Json:
        """The response object as it is now."""
        return self._snapshot(self._tokens, self._state)

    async def _make(self, pace: Pace) -> None:
        started = asyncio.get_running_loop().time()
        for piece in self.pieces:
            if piece.token:
                await pace.turn(self._tokens, started)
                self._tokens += 1
            self._happened += 1
            self._state = "finished" if self._happened == len(self.pieces) else "in_progress"
            self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Kept:
    """The background responses that can be retrieved, by their ids."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self.foreground: set[str] = set()

    def add(self, response_id: str, run: Run) -> None:
        self._runs[response_id] = run

    def get(self, response_id: str) -> Run | None:
        return self._runs.get(response_id)

    def clear(self) -> None:
        """Forget all, as the server stops."""
        for run in self._runs.values():
            run.abandon()
        self._runs.clear()
        self.foreground.clear()
