"""An answer in a terminal or a script: printed as it comes, one answer after another."""

from __future__ import annotations

import asyncio
import atexit
import sys
import threading
from typing import TextIO
from weakref import WeakSet

from ragnb.answer import Answer
from ragnb.display import terminal

_one_at_a_time = threading.Lock()
_threads: WeakSet[threading.Thread] = WeakSet()


class Printed:
    """A thread prints the answer from its log, so that it may come late and lacks nothing."""

    def __init__(self, answer: Answer) -> None:
        self._thread = threading.Thread(target=_print, args=[answer, sys.stdout], name="ragnb-print")
        _threads.add(self._thread)
        self._thread.start()

    def finish(self, answer: Answer) -> None:
        self._thread.join()

    async def afinish(self, answer: Answer) -> None:
        await asyncio.to_thread(self._thread.join)

    def finish_unasked(self, answer: Answer) -> None:
        pass


def _print(answer: Answer, out: TextIO) -> None:
    with _one_at_a_time:
        terminal.show(answer, out)


def _finish_all() -> None:
    """A script that ends meanwhile still prints the answers it asked for."""
    for thread in tuple(_threads):
        thread.join()


# Python closes its thread pools, which an answer needs, before it waits for threads or runs atexit's
# functions; what is registered here, as its pools do themselves, comes before that.
getattr(threading, "_register_atexit", atexit.register)(_finish_all)
