"""Processes that read files beside the embedding, so that a parser that hangs or dies takes only its file.

They are started as programs of their own: a process pool would run the user's script again in each.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from ragnb.ingest.loaders import is_built_in
from ragnb.ingest.parsing import Closed, Message, Task, Trouble, parse
from ragnb.ingest.worker import read, write

T = TypeVar("T", bound=Task)

_WAITING = 4  # messages of a worker that are held here; more stay in the pipe, and stop it
_PATIENCE = 300.0  # seconds without a message before a parser is taken to hang
# Not ``-m``: it would look for modules in the current folder first, where a user may have an email.py.
_START = "import sys; sys.path.append(sys.argv[1]); from ragnb.ingest.worker import main; main()"


class Workers(AbstractContextManager["Workers"]):
    """Reads files in ``count`` processes, until ``over`` is set. ``patience`` is in seconds."""

    def __init__(self, count: int, over: threading.Event, patience: float = _PATIENCE) -> None:
        self._count = count
        self._over = over
        self._patience = patience
        self._idle: list[_Worker] = []
        self._all: list[_Worker] = []

    def __exit__(self, *_: object) -> None:
        for worker in self._all:
            worker.stop()

    def read(self, tasks: Iterable[T]) -> Iterator[tuple[T, Iterator[Message]]]:
        """Each task with its messages, in the order of the tasks; those of one have to be read to their end
        before the next. Formats that are read by a loader of the user's own are read in this process."""
        remaining = iter(tasks)
        ahead: deque[tuple[T, Iterator[Message]]] = deque()
        while True:
            while len(ahead) < self._count and (task := next(remaining, None)) is not None:
                ahead.append((task, self._begin(task)))
            if not ahead:
                return
            yield ahead.popleft()

    def _begin(self, task: Task) -> Iterator[Message]:
        if not is_built_in(Path(task.path).suffix):
            return parse(task)
        worker = self._idle.pop() if self._idle else _Worker()
        if worker not in self._all:
            self._all.append(worker)
        worker.begin(task)
        return self._messages(worker)

    def _messages(self, worker: _Worker) -> Iterator[Message]:
        while True:
            try:
                message = worker.next(self._patience, self._over)
            except _Lost as lost:
                worker.stop()
                self._all.remove(worker)
                yield Trouble(str(lost))
                return
            is_last = isinstance(message, Closed) or (isinstance(message, Trouble) and not message.member)
            if is_last:
                self._idle.append(worker)
            yield message
            if is_last:
                return


class _Lost(Exception):
    """A worker died, or says nothing any more."""


class _Worker:
    """One process, and the thread that takes in what it says."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, str(Path(__file__).parents[2])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # an interrupt is for this process alone, which then stops them
        )
        self._messages: queue.Queue[Message | None] = queue.Queue(_WAITING)
        self._stopped = threading.Event()
        threading.Thread(target=self._take_in, name="ragnb-worker", daemon=True).start()

    def begin(self, task: Task) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # it died: that is told when its messages are asked for
            write(self._process.stdin, msgspec.msgpack.encode(Task(task.path, task.source)))
            self._process.stdin.flush()

    def next(self, patience: float, over: threading.Event) -> Message:
        """Its next message. Raises `_Lost` if it died, if it says nothing for so many seconds, or if nobody
        wants to know any more."""
        deadline = time.monotonic() + patience
        while True:
            with suppress(queue.Empty):
                message = self._messages.get(timeout=0.2)
                break
            if over.is_set():
                raise _Lost("The ingest was stopped.")
            if time.monotonic() > deadline:
                raise _Lost(f"Reading it took over {patience:.0f} seconds without a result.")
        if message is None:
            raise _Lost("The parser crashed on it.")
        return message

    def stop(self) -> None:
        self._stopped.set()
        self._process.kill()
        while not self._messages.empty():  # the thread may wait for room
            with suppress(queue.Empty):
                self._messages.get_nowait()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _take_in(self) -> None:
        decoder = msgspec.msgpack.Decoder(Message)
        assert self._process.stdout is not None
        with suppress(OSError, ValueError):
            while (content := read(self._process.stdout)) is not None:
                self._put(decoder.decode(content))
        self._put(None)

    def _put(self, message: Message | None) -> None:
        while not self._stopped.is_set():
            with suppress(queue.Full):
                self._messages.put(message, timeout=1.0)
                return
