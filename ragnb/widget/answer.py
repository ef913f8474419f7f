"""AnswerWidget: a reader of an answer's log that draws it in a notebook's page."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from ragnb.answer import Answer
from ragnb.background import spawn
from ragnb.widget.batches import VERSION, Batches, Message, packed

_VIEW = "application/vnd.jupyter.widget-view+json"
_STATIC = Path(__file__).parent / "static"


class AnswerWidget(anywidget.AnyWidget):
    """Draws one answer, live; begins to read at once.

    Parameters
    ----------
    answer
        Running or ended.
    blocking
        Whether the cell that shows it keeps the kernel busy until the answer ends. A front end whose
        ``cancel`` is not heard then interrupts the kernel.
    ask_again
        Starts another answer to the same question, which takes this one's place. None: no such button.
    replays
        Whether the host gives messages that were sent before a page was loaded to that page later. Where it
        does not, the trait ``events`` is brought up to date now and then.

    Handlers may run on any thread, and all that is sent is sent from the background loop.
    """

    _esm = _STATIC / "answer.js"
    _css = _STATIC / "answer.css"

    events: t.List[Any] = t.List().tag(sync=True, to_json=lambda _, widget: packed(widget.answer.events))
    blocking = t.Bool().tag(sync=True)
    can_ask_again = t.Bool().tag(sync=True)

    def __init__(
        self,
        answer: Answer,
        *,
        blocking: bool = False,
        ask_again: Callable[[], Answer] | None = None,
        replays: bool = True,
    ) -> None:
        self.answer = answer
        self.hellos = 0  # pages that have drawn it
        self._ask_again = ask_again
        self._replays = replays
        self._saved = 0  # events in the trait ``events`` as the page has it
        self._lock = threading.RLock()
        self._batches = Batches(answer, self._post, start=len(answer.events))
        self._reading: Future[None] | None = None
        super().__init__(blocking=blocking, can_ask_again=ask_again is not None)
        # ipykernel 7.4 hands a comm's messages to the thread that sent last, here the one that the cell
        # keeps busy, and not to the subshell that the front end chose so that they are heard.
        self.comm._reply_subshell_for = lambda data, chosen: chosen
        self.on_msg(self._on_message)
        self._reading = spawn(self._read(self._batches))

    def show(self, answer: Answer) -> None:
        """Draw another answer from now on, in the same place."""
        with self._lock:
            if self._reading is not None:
                self._reading.cancel()
            self.answer = answer
            self._batches = Batches(answer, self._post)
            self.blocking = False
            self._reading = spawn(self._read(self._batches, restart=True))

    def view(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What to display for the widget alone: data and metadata by MIME type."""
        bundle = self._repr_mimebundle_()
        assert bundle is not None
        data, metadata = bundle
        return {_VIEW: data[_VIEW]}, metadata

    def save(self) -> None:
        """Bring the trait ``events`` up to date, for a page that keeps the widget's state."""
        with self._lock:
            if self.comm is not None:
                self.send_state("events")

    async def all_sent(self) -> None:
        """Wait until the page has been sent the whole log."""
        if self._reading is not None:
            await asyncio.wait([asyncio.wrap_future(self._reading)])

    def close(self) -> None:
        """Stop reading and take the widget off the page. The answer goes on."""
        with self._lock:
            if self._reading is not None:
                self._reading.cancel()
            if self.comm is not None:
                self.layout.close()
            super().close()

    def _post(self, message: Message) -> None:
        with self._lock:
            if self.comm is None:
                return
            self.send(message)
            # Whenever the log has doubled, so that all snapshots together are no more than twice the log.
            due = 2 * self._saved if not self.answer.ended else self._saved + 1
            if not self._replays and self._batches.position >= due:
                self._saved = self._batches.position
                self.save()

    async def _read(self, batches: Batches, restart: bool = False) -> None:
        if restart:
            batches.send_restart()
        await batches.run()

    def _on_message(self, _: object, content: Any, buffers: object) -> None:
        if not isinstance(content, dict) or content.get("v") != VERSION:
            return
        match content:
            case {"type": "hello", "seq": int(seq)}:
                self.hellos += 1
                spawn(self._send_from(max(0, seq)))
            case {"type": "resync", "seq": int(seq)}:
                spawn(self._send_from(max(0, seq)))
            case {"type": "cancel"}:
                self.answer.cancel()
            case {"type": "ask_again"} if self._ask_again is not None and self.answer.ended:
                self.show(self._ask_again())

    async def _send_from(self, seq: int) -> None:
        self._batches.send_from(seq)
