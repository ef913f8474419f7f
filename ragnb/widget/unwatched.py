"""An answer in a notebook that nobody watches: one output, when it has ended.

The saved notebook must be the same each time, so answers are shown in the order in which they were asked,
however long each takes. One that nobody has waited for is shown at the end of its cell.
"""

from __future__ import annotations

from collections import deque

from ragnb.answer import Answer
from ragnb.display import environment
from ragnb.widget.ending import end_of
from ragnb.widget.still import display_static

_asked: deque[Answer] = deque()


class Unwatched:
    """A place in the queue of this cell's answers."""

    def __init__(self, answer: Answer) -> None:
        _asked.append(answer)
        environment.when_cell_ends(_show_all)

    def finish(self, answer: Answer) -> None:
        while answer in _asked:
            first = _asked[0]
            first.wait()
            _show(first)

    async def afinish(self, answer: Answer) -> None:
        while answer in _asked:
            first = _asked[0]
            await end_of(first)
            _show(first)

    def finish_unasked(self, answer: Answer) -> None:
        pass


def _show_all(_: object) -> None:
    """At the end of a cell. An interrupt cancels what still runs."""
    while _asked:
        first = _asked[0]
        try:
            first.wait()
        except KeyboardInterrupt:
            for answer in _asked:
                answer.cancel()
            first.wait()
        _show(first)


def _show(answer: Answer) -> None:
    # Two tasks may have waited for the same one.
    if _asked and _asked[0] is answer:
        _asked.popleft()
        display_static(answer)
