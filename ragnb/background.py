"""The engine's own event loop, in a thread, and the plain twins derived from the async methods.

A notebook's loop is running already, and user code may block it; a script has none. So the engine
runs on a loop of its own, whichever way it is called, and connections live across cells.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import Future, wait
from contextlib import aclosing, suppress
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, Protocol, TypeVar
from weakref import WeakSet

P = ParamSpec("P")
T = TypeVar("T")


class Closable(Protocol):
    """What holds connections."""

    async def aclose(self) -> None: ...


# Seconds. An interrupt that comes between a thread's last look and its wait for a lock does not wake it
# (CPython looks only before), so nobody waits longer than this without another look.
BLINK = 0.2

_open: WeakSet[Closable] = WeakSet()


def close_at_exit(holder: Closable) -> None:
    """Have ``holder.aclose()`` awaited on the background loop when the process ends."""
    _open.add(holder)


class _Loop:
    """One daemon thread that runs one event loop for as long as the process lives."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="ragnb", daemon=True)
        self.thread.start()
        atexit.register(self._stop)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def _stop(self) -> None:
        """Close what is still open, so that the interpreter ends without a warning."""
        if os.getpid() != self.pid:
            return
        asyncio.run_coroutine_threadsafe(self._cancel_all(), self.loop)
        self.thread.join(timeout=2.0)

    async def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(one.aclose() for one in tuple(_open)), return_exceptions=True)
        self.loop.stop()


_lock = threading.Lock()
_current: _Loop | None = None


def _loop() -> _Loop:
    """The process's loop. A forked child gets its own: threads do not survive a fork."""
    global _current
    with _lock:
        if _current is None or _current.pid != os.getpid():
            _current = _Loop()
        return _current


def is_running() -> bool:
    """Whether the caller runs on the background loop."""
    return _current is not None and threading.current_thread() is _current.thread


def spawn(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Run a coroutine on the background loop; returns at once."""
    return asyncio.run_coroutine_threadsafe(work, _loop().loop)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the background loop and block until it is done.

    An interrupt cancels it, waits until it has cleaned up, and is raised again.
    """
    if is_running():
        work.close()
        raise RuntimeError(
            "A blocking ragnb method was called on ragnb's own event loop, where it would wait for "
            "itself. Use its async twin there."
        )
    future = spawn(work)
    try:
        while not wait([future], timeout=BLINK).done:
            pass
        return future.result()
    except BaseException:
        future.cancel()
        wait([future], timeout=5.0)
        raise


def plain(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The blocking twin of a coroutine method."""

    @functools.wraps(method)
    def twin(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(method(*args, **kwargs))

    return twin


def _next(arrived: SimpleQueue[T]) -> T:
    while True:
        with suppress(Empty):
            return arrived.get(timeout=BLINK)


def plain_iterator(
    method: Callable[P, AsyncGenerator[T, None]],
) -> Callable[P, Generator[T, None, None]]:
    """The blocking twin of an async generator method.

    One task on the background loop reads the items ahead. Closing the twin cancels that task and waits
    until it has cleaned up, wherever an interrupt fell.
    """

    @functools.wraps(method)
    def twin(*args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]:
        items = method(*args, **kwargs)
        arrived: SimpleQueue[tuple[T] | BaseException | None] = SimpleQueue()
        reading: list[asyncio.Task[Any]] = []
        closed, ended = threading.Event(), threading.Event()

        async def read() -> None:
            if closed.is_set():  # before this task was there to be cancelled
                ended.set()
                return
            reading.extend(task for task in (asyncio.current_task(),) if task is not None)
            try:
                async with aclosing(items):
                    async for item in items:
                        arrived.put((item,))
                arrived.put(None)
            except BaseException as error:
                arrived.put(error)
            finally:
                ended.set()

        def cancel() -> None:
            closed.set()
            for task in reading:
                task.cancel()

        try:
            spawn(read())
            while (item := _next(arrived)) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item[0]
        finally:
            _loop().loop.call_soon_threadsafe(cancel)
            ended.wait(timeout=5.0)

    return twin
