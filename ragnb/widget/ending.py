"""Waiting for an answer on a loop that is not ours."""

from __future__ import annotations

import asyncio

from ragnb.answer import Answer


class Stopped(asyncio.CancelledError):
    """The waiting for an answer was cancelled, and the answer with it: where its cell was interrupted,
    IPython shows this one line and no traceback."""

    def __init__(self) -> None:
        super().__init__("Stopped waiting for the answer; what there is of it is kept.")

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


async def end_of(answer: Answer) -> None:
    """Wait for the log's end, on any loop."""
    # It is looked for, up to 20 times a second: ipykernel 7.4 notices an interrupt of an async cell only
    # when the cell's loop wakes up, and waking it for every token would cost more.
    pause = 0.001
    while not (answer.ended or answer.is_read):
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.05)
