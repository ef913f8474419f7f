"""An answer in a Jupyter cell that somebody watches: live, then frozen into plain HTML.

What stays in the notebook's file must read without a kernel and without the widget, so at the end the
static rendering takes the cell over, and the widget goes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from ragnb.answer import Answer
from ragnb.background import spawn
from ragnb.display.static import mimebundle
from ragnb.widget.answer import AnswerWidget
from ragnb.widget.ending import end_of

_GRACE = 10.0  # seconds in which a page that is being loaded anew still finds the widget


class JupyterCell:
    """The widget, and beside it the static rendering for readers that have no widgets."""

    def __init__(
        self, answer: Answer, *, blocking: bool, ask_again: Callable[[], Answer] | None, keep_live: bool
    ) -> None:
        from IPython.display import display

        self._keep_live = keep_live
        self._ask_again = ask_again
        self._lock = threading.Lock()
        self._finished = False
        again = None if ask_again is None else self._again
        self._widget: AnswerWidget | None = AnswerWidget(answer, blocking=blocking, ask_again=again)
        self._view, self._metadata = self._widget.view()
        self._handle = display(
            mimebundle(answer) | self._view, metadata=self._metadata, raw=True, display_id=True
        )

    def finish(self, answer: Answer) -> None:
        with self._lock:
            if self._finished:
                return
            assert self._widget is not None
            self._widget.blocking = False
            if self._keep_live:
                self._keep(answer)
            else:
                self._handle.update(mimebundle(answer), raw=True)
                spawn(_close(self._widget))
            self._finished = True
            if not self._keep_live:
                # Places are kept as long as answers are, so they must not hold them.
                self._widget = self._ask_again = None

    async def afinish(self, answer: Answer) -> None:
        self.finish(answer)

    def finish_unasked(self, answer: Answer) -> None:
        self.finish(answer)

    def _keep(self, answer: Answer) -> None:
        """Leave the widget, and put what it shows into the notebook's file for those who have no kernel."""
        assert self._widget is not None
        self._widget.save()
        self._handle.update(mimebundle(answer) | self._view, metadata=self._metadata, raw=True)

    def _again(self) -> Answer:
        assert self._ask_again is not None
        answer = self._ask_again()

        async def keep() -> None:
            await end_of(answer)
            self._keep(answer)

        if self._keep_live:
            spawn(keep())
        return answer


async def _close(widget: AnswerWidget) -> None:
    """Close the widget, unless a second page has drawn it: that one has not heard of the static rendering,
    and would say that the widget is gone."""
    await widget.all_sent()
    await asyncio.sleep(_GRACE)
    if widget.hellos < 2:
        widget.close()
