"""An answer in a notebook cell: live while somebody watches, one display where nobody does."""

from __future__ import annotations

import sys
import time
from typing import Any
from weakref import WeakKeyDictionary

from ragnb.answer import Answer
from ragnb.display import environment, terminal
from ragnb.display.static import mimebundle

_SHORTEST = 0.1  # seconds between two renderings
_SHARE = 5.0  # a rendering takes at most one part in so many of the time

# In which cell an answer was shown: as the cell's last expression it is not shown again.
_shown: WeakKeyDictionary[Answer, int | None] = WeakKeyDictionary()


def show(answer: Answer) -> None:
    """Show the answer until it ends; blocks. An interrupt cancels the answer and is not passed on."""
    _shown[answer] = environment.execution_count()
    try:
        if not environment.in_notebook():
            terminal.show(answer, sys.stdout)
        elif environment.headless():
            answer.wait()
            _display(answer)
        else:
            _live(answer)
    except KeyboardInterrupt:
        answer.cancel()
        answer.wait()
        if environment.in_notebook():
            _display(answer)


def display_once(answer: Answer) -> None:
    """Show an answer that is a cell's last expression, unless this cell has shown it already."""
    if _shown.get(answer, -1) != environment.execution_count():
        _display(answer)


def _live(answer: Answer) -> None:
    """Render the answer as it grows; the last rendering is what stays in the notebook."""
    handle = _display(answer)
    pause = _SHORTEST
    try:
        while not answer.ended:
            answer.wait(start=len(answer.events))
            if not answer.ended and not answer.wait(timeout=pause):
                begin = time.monotonic()
                handle.update(mimebundle(answer), raw=True)
                pause = max(_SHORTEST, _SHARE * (time.monotonic() - begin))
    except KeyboardInterrupt:
        answer.cancel()
        answer.wait()
    handle.update(mimebundle(answer), raw=True)


def _display(answer: Answer) -> Any:
    from IPython.display import display

    is_live = not answer.ended
    return display(mimebundle(answer), raw=True, display_id=True if is_live else None)
