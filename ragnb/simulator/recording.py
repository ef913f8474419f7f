"""The requests that came in, and waiting for them from other threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class RecordedRequest:
    """A request as it came in.

    ``headers`` has lower-case names; ``json`` is None where the body is no JSON; ``at`` is
    `time.monotonic` when it was complete. ``closed_by_client`` is set when the client closed the
    connection before the response was complete: ``closed_by_client.wait(timeout)`` waits for that.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    json: Any
    at: float = field(default_factory=time.monotonic)
    closed_by_client: threading.Event = field(default_factory=threading.Event)


class Recording:
    """All requests, in the order in which they were complete. Safe to use from any thread."""

    def __init__(self) -> None:
        self._requests: list[RecordedRequest] = []
        self._changed = threading.Condition()

    @property
    def requests(self) -> list[RecordedRequest]:
        with self._changed:
            return list(self._requests)

    def add(self, request: RecordedRequest) -> None:
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()

    def disconnected(self, request: RecordedRequest) -> None:
        """The client went away before ``request`` was answered."""
        with self._changed:
            request.closed_by_client.set()
            self._changed.notify_all()

    def wait_for_request(self, n: int, timeout: float) -> RecordedRequest:
        return self._wait(lambda: self._requests, n, timeout, "requests")

    def wait_for_disconnect(self, n: int, timeout: float) -> RecordedRequest:
        def closed() -> list[RecordedRequest]:
            return [request for request in self._requests if request.closed_by_client.is_set()]

        return self._wait(closed, n, timeout, "disconnects")

    def _wait(
        self, found: Callable[[], list[RecordedRequest]], n: int, timeout: float, what: str
    ) -> RecordedRequest:
        with self._changed:
            if not self._changed.wait_for(lambda: len(found()) >= n, timeout):
                raise TimeoutError(f"{len(found())} of {n} {what} after {timeout:g} s")
            return found()[n - 1]
