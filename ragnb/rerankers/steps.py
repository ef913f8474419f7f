"""Work of which an answer waits only for as much as is done in time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

Step = Callable[[], object]
Wait = Callable[[threading.Event, float], object]

_JOBS = 64  # that wait; older ones are given up


class Steps:
    """Does steps of work in a thread of its own, which goes on when the caller no longer waits.

    What was given last is done first, since a reader waits for that. The thread ends with the work, and
    after the step under way when the process ends. ``wait`` waits for an event, up to so many seconds.
    """

    def __init__(self, wait: Wait = threading.Event.wait) -> None:
        self._wait = wait
        self._lock = threading.Lock()
        self._jobs: deque[_Job] = deque(maxlen=_JOBS)
        self._thread: threading.Thread | None = None

    def do(self, steps: Iterable[Step], seconds: float) -> None:
        """Do some steps, and return when all are done or the time is over; the rest is done afterwards.

        Raises what a step raised in that time; the steps after it are left out.
        """
        job = _Job(steps)
        if not job.left:
            return
        with self._lock:
            self._jobs.append(job)
            if self._thread is None or not self._thread.is_alive():  # it does not live through a fork
                # No daemon: torch aborts a process that ends while a thread is in it.
                self._thread = threading.Thread(target=self._work, name="ragnb-rerank")
                self._thread.start()
        self._wait(job.ended, max(0.0, seconds))
        if job.error is not None:
            raise job.error

    def stop(self) -> None:
        """Leave out what is not begun yet."""
        with self._lock:
            self._jobs.clear()

    def _work(self) -> None:
        while (begun := self._next()) is not None:
            job, step = begun
            try:
                step()
            except BaseException as error:
                job.error = error
                job.left.clear()
            if not job.left:
                job.ended.set()

    def _next(self) -> tuple[_Job, Step] | None:
        with self._lock:
            while self._jobs and not self._jobs[-1].left:
                self._jobs.pop()
            if self._jobs and threading.main_thread().is_alive():
                job = self._jobs[-1]
                return job, job.left.popleft()
            self._jobs.clear()
            self._thread = None
            return None


class _Job:
    def __init__(self, steps: Iterable[Step]) -> None:
        self.left = deque(steps)
        self.ended = threading.Event()
        self.error: BaseException | None = None
