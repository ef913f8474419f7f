"""An answer in a marimo cell: the widget among the cell's outputs, and at the end the static rendering."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import marimo
from marimo._runtime.context import get_context

from ragnb.answer import Answer
from ragnb.display import environment
from ragnb.display.static import mimebundle
from ragnb.widget.answer import AnswerWidget

# marimo takes the looks of lists and paragraphs away, except from what it has rendered as Markdown itself.
_AS_MARKDOWN = '<div class="markdown prose dark:prose-invert contents">{}</div>'


class MarimoCell:
    """One output of the cell that runs. Once the cell has ended nothing can change it, so an answer that
    nobody waits for there keeps its widget; marimo's file holds no outputs."""

    def __init__(
        self, answer: Answer, *, blocking: bool, ask_again: Callable[[], Answer] | None, keep_live: bool
    ) -> None:
        self._keep_live = keep_live
        self._cell = _running_cell()
        self._index = len(self._cell.output)
        self._widget: AnswerWidget | None = None
        if not environment.headless():
            self._widget = AnswerWidget(answer, blocking=blocking, ask_again=ask_again, replays=False)
            marimo.output.append(self._widget)

    def finish(self, answer: Answer) -> None:
        if self._keep_live or _running_cell() is not self._cell:
            return
        marimo.output.replace_at_index(_still(answer), self._index)
        if self._widget is not None:
            self._widget.close()
            self._widget = None

    async def afinish(self, answer: Answer) -> None:
        self.finish(answer)

    def finish_unasked(self, answer: Answer) -> None:
        pass


def value(answer: Answer) -> object:
    """What an answer that is a cell's value shows: itself, live while it runs."""
    if answer.ended or answer.is_read or environment.headless():
        return _still(answer)
    return AnswerWidget(answer, replays=False)


def _still(answer: Answer) -> object:
    return marimo.Html(_AS_MARKDOWN.format(mimebundle(answer)["text/html"]))


def _running_cell() -> Any:
    return get_context().execution_context
