"""Answer: the log of one answer, and everything that follows from it.

The log only grows. One writer appends, from one thread; readers are as many as there are, on any
thread or event loop, each at its own position. A reader that comes late replays, then follows.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from itertools import pairwise
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from ragnb.background import BLINK
from ragnb.documents import Hit
from ragnb.events import (
    AnyEvent,
    Cancelled,
    Cited,
    Failed,
    Final,
    Finished,
    Reranked,
    Retrieved,
    Rewritten,
    Routed,
    Started,
    Token,
    Used,
    from_json,
    to_json,
)

Status = Literal["running", "interrupted", "finished", "cancelled", "failed"]
EventT = TypeVar("EventT", bound=AnyEvent)


class Timing(Struct, frozen=True):
    """Durations in seconds; None where it did not happen (yet).

    ``retrieval`` is all until the passages were there, of which ``rewrite`` is the part before the search,
    in which the question was written anew. ``ttft`` is the time from the question to the first content
    token, ``wait`` its part after the model was called. ``gaps`` are the times between consecutive tokens.
    """

    retrieval: float | None
    embed: float | None
    search: float | None
    rerank: float | None
    wait: float | None
    ttft: float | None
    total: float
    tokens: int
    tokens_per_second: float | None
    gaps: tuple[float, ...]
    rewrite: float | None = None


class Usage(Struct, frozen=True):
    """Tokens over all attempts. ``estimated`` where at least one attempt reported none."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    estimated: bool


def end_status(event: AnyEvent) -> Status | None:
    """The status that an event gives its answer as the last one; None where it is no end."""
    match event:
        case Finished():
            return "finished"
        case Cancelled():
            return "cancelled"
        case Failed():
            return "failed"
        case _:
            return None


class Answer:
    """One question's log. Text, citations, sources, timing, usage, cost and status follow from it.

    ``notes`` are sentences on what is wrong with the log itself: where its file was damaged, or could not
    be written. ``is_read`` says that it was read from a file, and grows no more; ``is_interrupted`` that
    its process is known to have ended before it did.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        journal: Callable[[AnyEvent], None] | None = None,
    ) -> None:
        self._events: list[AnyEvent] = []
        self._clock = clock
        self._zero = clock()
        self._journal = journal
        self._lock = threading.Lock()
        self._sleepers: list[Callable[[], None]] = []
        self._on_cancel: Callable[[], object] | None = None
        self._is_unwanted = False
        self.notes: tuple[str, ...] = ()
        self.is_read = False
        self.is_interrupted = False

    # ---- writing -------------------------------------------------------------------------------

    def append(self, event: AnyEvent) -> AnyEvent:
        """Give the event its place and time, write it to the journal, then show it to readers.

        Raises RuntimeError if the log has ended already.
        """
        if self.ended:
            raise RuntimeError("the log of this answer has ended; nothing can be appended to it")
        stamped = msgspec.structs.replace(
            event, seq=len(self._events), at=round(self._clock() - self._zero, 6)
        )
        if self._journal is not None:
            self._journal(stamped)
        with self._lock:
            self._events.append(stamped)
            sleepers, self._sleepers = self._sleepers, []
        for wake in sleepers:
            wake()
        return stamped

    def write_to(self, journal: Callable[[AnyEvent], None] | None) -> None:
        """From here on each event goes to ``journal``, if there is one, before it is shown.

        A log that was read can so be written on: ``seq`` and ``at`` go on from its last event.
        """
        self._journal = journal
        self._zero = self._clock() - (self._events[-1].at if self._events else 0.0)
        self.is_read = self.is_interrupted = False

    def on_cancel(self, cancel: Callable[[], object]) -> None:
        """The writer's way to hear of `cancel`, also of one that came before. Called from any thread,
        possibly more than once."""
        self._on_cancel = cancel
        if self._is_unwanted:
            cancel()

    # ---- reading -------------------------------------------------------------------------------

    @property
    def events(self) -> Sequence[AnyEvent]:
        """All events so far, in order."""
        return tuple(self._events)

    @property
    def ended(self) -> bool:
        """Whether the last event, its end, is there."""
        return bool(self._events) and isinstance(self._events[-1], Final)

    async def follow(self, start: int = 0) -> AsyncGenerator[AnyEvent, None]:
        """Every event from ``seq == start`` on: those that are there, then each as it comes."""
        loop = asyncio.get_running_loop()
        position = start
        while True:
            while position < len(self._events):
                event = self._events[position]
                position += 1
                yield event
                if isinstance(event, Final):
                    return
            if self.ended:
                return
            arrived = loop.create_future()
            if self._when_longer_than(position, _waker(loop, arrived)):
                await arrived

    def wait(self, start: int | None = None, timeout: float | None = None) -> bool:
        """Block this thread until there is an event with ``seq >= start`` (None: the last one).

        Returns False if ``timeout`` seconds went by without it.
        """
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while not self.ended and (start is None or len(self._events) <= start):
            arrived = threading.Event()
            if self._when_longer_than(len(self._events) if start is None else start, arrived.set):
                while not arrived.wait(
                    BLINK if deadline is None else min(BLINK, deadline - time.monotonic())
                ):
                    if deadline is not None and time.monotonic() >= deadline:
                        return False
        return True

    def __await__(self) -> Generator[Any, None, Answer]:
        """``await answer`` waits until it has ended and its cell shows it whole, and gives it.

        Cancelling that wait cancels the answer, as it would a task.
        """
        from ragnb.widget.cell import ended  # a reader, met only when one is asked for

        return ended(self).__await__()

    def _when_longer_than(self, length: int, wake: Callable[[], None]) -> bool:
        """Have ``wake`` called at the next event; False if the log is longer than that already."""
        with self._lock:
            if len(self._events) > length:
                return False
            self._sleepers.append(wake)
            return True

    def cancel(self) -> None:
        """Ask for the end: the provider's connection is closed and the log ends with `Cancelled`.

        Returns at once. Does nothing to an answer that has ended.
        """
        self._is_unwanted = True
        if self._on_cancel is not None and not self.ended:
            self._on_cancel()

    # ---- as a file -----------------------------------------------------------------------------

    def to_jsonl(self) -> bytes:
        """The whole log as JSON Lines, one event a line."""
        return b"".join(to_json(event) + b"\n" for event in self._events)

    @classmethod
    def from_jsonl(cls, lines: bytes) -> Answer:
        """The answer whose log was written by `to_jsonl` or by the journal, as far as it can be read.

        A last line without its end was never shown to a reader, and is left out. At a line that is no
        event, or not the next one, reading stops, and ``notes`` says so.
        """
        answer = cls()
        answer.is_read = True
        for line in filter(None, lines.split(b"\n")[:-1]):
            try:
                event = from_json(line)
            except msgspec.DecodeError:
                answer.notes = (answer._breaking("what comes next is no event"),)
                break
            if event.seq != len(answer._events):
                answer.notes = (answer._breaking(f"event {event.seq} comes next"),)
                break
            answer._events.append(event)
        return answer

    def unended(self, answer_id: str) -> Answer:
        """The same log under another id and without its end, to be written on; see `write_to`."""
        copied = Answer()
        copied.is_read = True
        events = [event for event in self._events if not isinstance(event, Final)]
        copied._events = [
            msgspec.structs.replace(event, answer_id=answer_id) if isinstance(event, Started) else event
            for event in events
        ]
        return copied

    def _breaking(self, reason: str) -> str:
        last = f"after event {len(self._events) - 1}" if self._events else "before its first event"
        return f"The log breaks off {last}: {reason}."

    # ---- what follows from the log -------------------------------------------------------------

    @property
    def id(self) -> str:
        """The answer's id in the journal; empty before the first event."""
        started = self.first(Started)
        return started.answer_id if started else ""

    @property
    def question(self) -> str:
        """The question as it was asked; empty before the first event."""
        started = self.first(Started)
        return started.question if started else ""

    @property
    def chat(self) -> str:
        """The id of the chat that this is a turn of; empty where it is of none."""
        started = self.first(Started)
        return started.chat if started and isinstance(started.chat, str) else ""

    @property
    def text(self) -> str:
        """The answer so far: the texts of all tokens, joined."""
        return "".join(event.text for event in self._events if type(event) is Token)

    @property
    def citations(self) -> tuple[Cited, ...]:
        """What was cited so far, in the order in which it was known: spans of the text and their quotes."""
        return tuple(self.all(Cited))

    @property
    def candidates(self) -> tuple[Hit, ...]:
        """Every hit of retrieval, in the latest order."""
        order = self.last(Reranked) or self.last(Retrieved)
        return order.hits if order else ()

    @property
    def sources(self) -> tuple[Hit, ...]:
        """The passages given to the model. Source number n of a citation is ``sources[n - 1]``."""
        started = self.first(Started)
        return self.candidates[: started.k] if started else ()

    @property
    def model(self) -> str:
        """The model that was used last, or an empty string before one is chosen."""
        routed = self.last(Routed)
        return routed.model if routed else ""

    @property
    def tier(self) -> str:
        """The name of its tier, or an empty string where no router chose it."""
        routed = self.last(Routed)
        return routed.tier if routed else ""

    @property
    def status(self) -> Status:
        """Whether it runs, was interrupted, or how it ended."""
        ended = end_status(self._events[-1]) if self._events else None
        return ended or ("interrupted" if self.is_interrupted else "running")

    @property
    def timing(self) -> Timing:
        """Where the time went, in seconds; see `Timing`."""
        started = self.first(Started)
        zero = started.at if started else 0.0
        rewritten = self.last(Rewritten)
        retrieved, reranked, routed = self.last(Retrieved), self.last(Reranked), self.first(Routed)
        arrivals = [event.at for event in self._events if type(event) is Token]
        ttft = arrivals[0] - zero if arrivals else None
        seconds = arrivals[-1] - arrivals[0] if arrivals else 0.0
        return Timing(
            retrieval=retrieved.at - zero if retrieved else None,
            embed=retrieved.embed_seconds if retrieved else None,
            search=retrieved.search_seconds if retrieved else None,
            rerank=reranked.at - retrieved.at if reranked and retrieved else None,
            wait=arrivals[0] - routed.at if arrivals and routed else None,
            ttft=ttft,
            total=self._events[-1].at - zero if self._events else 0.0,
            tokens=len(arrivals),
            tokens_per_second=(len(arrivals) - 1) / seconds if seconds > 0 else None,
            gaps=tuple(b - a for a, b in pairwise(arrivals)),
            rewrite=rewritten.at - zero if rewritten else None,
        )

    @property
    def usage(self) -> Usage:
        """Tokens over all attempts, those that broke off included."""
        used = list(self.all(Used))
        return Usage(
            input_tokens=sum(event.input_tokens for event in used),
            output_tokens=sum(event.output_tokens for event in used),
            cached_tokens=sum(event.cached_tokens for event in used),
            estimated=any(event.estimated for event in used),
        )

    @property
    def cost(self) -> float | None:
        """USD over all attempts; None if any attempt's price is unknown or none was made."""
        costs = [event.cost for event in self.all(Used)]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if known and len(known) == len(costs) else None

    @property
    def known_cost(self) -> float:
        """USD over all attempts whose price is known."""
        return sum(event.cost or 0.0 for event in self.all(Used))

    # ---- shown -----------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<Answer {self.id!r} {self.status}: {self.text[:60]!r}>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        from ragnb.display.static import mimebundle  # a reader, met only when one is asked for

        return mimebundle(self)

    def _ipython_display_(self) -> None:
        from ragnb.widget.cell import display_once

        display_once(self)

    def _display_(self) -> object:
        from ragnb.widget.marimo import value  # marimo asks

        return value(self)

    # ---- events by kind ----------------------------------------------------------------------------

    def all(self, kind: type[EventT]) -> Iterable[EventT]:
        """All events of one kind, in order."""
        return (event for event in tuple(self._events) if isinstance(event, kind))

    def first(self, kind: type[EventT]) -> EventT | None:
        """The first event of one kind, None if there is none."""
        return next(iter(self.all(kind)), None)

    def last(self, kind: type[EventT]) -> EventT | None:
        """The last event of one kind, None if there is none."""
        return next((e for e in reversed(tuple(self._events)) if isinstance(e, kind)), None)


def _waker(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> Callable[[], None]:
    """Resolve a future from whatever thread the writer is on."""

    def resolve() -> None:
        if not future.done():
            future.set_result(None)

    def wake() -> None:
        try:
            loop.call_soon_threadsafe(resolve)
        except RuntimeError:  # the reader's loop was closed in the meantime
            pass

    return wake
