"""What goes over the wire to the cell: the log in batches, as it grows or from where a reader stands.

Each message costs about 650 bytes of Jupyter's own, so the events of 33 ms share one; and a run of tokens
is packed as one item, which is a third of the bytes of one object a token.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Any

import msgspec

from ragnb.answer import Answer
from ragnb.events import AnyEvent, Token, to_json

VERSION = 1
FLUSH = 0.033  # seconds between two batches at least
ALIVE = 5.0  # seconds of silence after which a running answer says that it still runs

Message = dict[str, Any]

_HALVES = re.compile("[\ud800-\udfff]")


def packed(events: Iterable[AnyEvent]) -> list[Message]:
    """Events as JSON objects, a run of tokens as one: ``{"type": "Tokens", "at": […], "texts": […]}``."""
    items: list[Message] = []
    run: Message | None = None
    for event in events:
        if type(event) is not Token:
            run = None
            items.append(msgspec.json.decode(to_json(event)))
            continue
        if run is None:
            run = {"type": "Tokens", "at": [], "texts": []}
            items.append(run)
        run["at"].append(event.at)
        run["texts"].append(_whole(event.text))
    return items


def _whole(text: str) -> str:
    """Half characters, which no JSON carries, each as U+FFFD, so that positions stay."""
    return text if text.isascii() else _HALVES.sub("\ufffd", text)


class Batches:
    """Sends the log of one answer, from ``start`` on. All methods run on one event loop."""

    def __init__(
        self,
        answer: Answer,
        send: Callable[[Message], None],
        start: int = 0,
        *,
        alive: float = ALIVE,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.answer = answer
        self.position = start  # events that have been sent
        self._noted: tuple[str, ...] = ()  # notes that have been sent
        self._send = send
        self._alive = alive
        self._pause = pause

    async def run(self) -> None:
        """Send what is new until the log ends: at once after silence, else every 33 ms."""
        while self._may_grow() or self.position < len(self.answer.events):
            if await self._is_longer():
                self._send_events(self.position, len(self.answer.events))
                self._send_notes(self._noted)
                await self._pause(FLUSH)
            else:
                self._send({"v": VERSION, "type": "alive"})

    def send_from(self, seq: int) -> None:
        """Send again what a reader lacks that has ``seq`` events. One that has more than there are holds
        another log, and starts anew."""
        if seq > len(self.answer.events):
            self.send_restart()
            seq = 0
        self._send_events(seq, self.position)
        self._send_notes()

    def send_restart(self) -> None:
        self._send({"v": VERSION, "type": "restart"})

    def _send_events(self, start: int, end: int) -> None:
        self.position = max(self.position, end)
        if events := packed(self.answer.events[start:end]):
            self._send({"v": VERSION, "type": "events", "seq": start, "events": events})

    def _send_notes(self, known: tuple[str, ...] = ()) -> None:
        """What is wrong with the log's file, if the reader does not know it."""
        self._noted = self.answer.notes
        if self._noted != known:
            self._send({"v": VERSION, "type": "notes", "notes": list(self._noted)})

    def _may_grow(self) -> bool:
        return not self.answer.ended and not self.answer.is_read

    async def _is_longer(self) -> bool:
        """Wait for the next event; False if there was none for a while."""

        async def arrival() -> None:
            async with aclosing(self.answer.follow(self.position)) as events:
                async for _ in events:
                    return

        if self.position >= len(self.answer.events):
            try:
                await asyncio.wait_for(arrival(), self._alive)
            except TimeoutError:
                pass
        return len(self.answer.events) > self.position
