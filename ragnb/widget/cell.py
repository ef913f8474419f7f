"""Showing an answer where the code runs: a notebook's cell, a run that nobody watches, a terminal.

Each of these is a place. An answer takes one when it begins, the place shows it in its own way, and is
finished when the answer has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol
from weakref import WeakKeyDictionary

from ragnb.answer import Answer
from ragnb.background import spawn
from ragnb.display import environment
from ragnb.widget.ending import Stopped, end_of

AskAgain = Callable[[], Answer]


class Place(Protocol):
    """Where one answer is shown. ``finish`` and ``afinish`` are called when it has ended, by the code that
    waited for it, and again by whoever awaits it later."""

    def finish(self, answer: Answer) -> None:
        """Show it whole; returns when that is done."""

    async def afinish(self, answer: Answer) -> None:
        """The same, without blocking the caller's loop."""

    def finish_unasked(self, answer: Answer) -> None:
        """The same, on the background loop, for an answer that nobody waits for."""


_places: WeakKeyDictionary[Answer, Place] = WeakKeyDictionary()

# In which cell an answer was shown: as the cell's last expression it is not shown again.
_cells: WeakKeyDictionary[Answer, int | None] = WeakKeyDictionary()


def show(answer: Answer, *, ask_again: AskAgain | None = None, keep_live: bool = False) -> None:
    """Show the answer until it ends; blocks. An interrupt cancels the answer and is not passed on."""
    place = None
    try:
        place = _take_place(answer, blocking=True, ask_again=ask_again, keep_live=keep_live)
        answer.wait()
        place.finish(answer)
    except KeyboardInterrupt:
        answer.cancel()
        answer.wait()
        if place is not None:
            place.finish(answer)


async def ashow(answer: Answer, *, ask_again: AskAgain | None = None, keep_live: bool = False) -> None:
    """Show the answer until it ends. Cancelling the task cancels the answer, and is passed on."""
    place = _take_place(answer, blocking=False, ask_again=ask_again, keep_live=keep_live)
    try:
        await end_of(answer)
    except asyncio.CancelledError:
        answer.cancel()
        await end_of(answer)
        raise Stopped from None
    finally:
        await place.afinish(answer)


def show_soon(answer: Answer, *, ask_again: AskAgain | None = None, keep_live: bool = False) -> None:
    """Show the answer while other code runs; returns at once."""
    place = _take_place(answer, blocking=False, ask_again=ask_again, keep_live=keep_live)

    async def watch() -> None:
        await end_of(answer)
        place.finish_unasked(answer)

    spawn(watch())


async def ended(answer: Answer) -> Answer:
    """Wait until the answer has ended and is shown whole, if it is shown at all. Cancelling this cancels
    the answer, as it would a task."""
    try:
        await end_of(answer)
    except asyncio.CancelledError:
        answer.cancel()
        raise Stopped from None
    if place := _places.get(answer):
        await place.afinish(answer)
    return answer


def display_once(answer: Answer) -> None:
    """Show an answer that is a cell's last expression, unless this cell has shown it already."""
    if _cells.get(answer, -1) == environment.execution_count():
        return
    if answer.ended or answer.is_read or not environment.in_notebook():
        from ragnb.widget.still import display_static

        display_static(answer)
    else:
        show_soon(answer)


def _take_place(answer: Answer, *, blocking: bool, ask_again: AskAgain | None, keep_live: bool) -> Place:
    _cells[answer] = environment.execution_count()
    place = _place(answer, blocking, ask_again, keep_live)
    _places[answer] = place
    return place


def _place(answer: Answer, blocking: bool, ask_again: AskAgain | None, keep_live: bool) -> Place:
    if environment.in_marimo():
        from ragnb.widget.marimo import MarimoCell

        return MarimoCell(answer, blocking=blocking, ask_again=ask_again, keep_live=keep_live)
    if not environment.in_notebook():
        from ragnb.widget.printed import Printed

        return Printed(answer)
    if environment.headless():
        from ragnb.widget.unwatched import Unwatched

        return Unwatched(answer)
    from ragnb.widget.jupyter import JupyterCell

    return JupyterCell(answer, blocking=blocking, ask_again=ask_again, keep_live=keep_live)
