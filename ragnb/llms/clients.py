"""What the providers' clients share: one client per event loop, and server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import httpx2

ClientT = TypeVar("ClientT")


class PerLoop(Generic[ClientT]):
    """A client for each event loop: a connection of one loop cannot be used on another."""

    def __init__(self, connect: Callable[[], ClientT]) -> None:
        self._connect = connect
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, ClientT] = WeakKeyDictionary()

    def get(self) -> ClientT:
        """The running loop's client, made at its first use."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = self._connect()
        return self._clients[loop]


def sse(response: httpx2.Response) -> AsyncIterator[httpx2.ServerSentEvent]:
    """The server-sent events of a response.

    Raises `httpx2.SSEError` if the response is of another type, `httpx2.TransportError` if it breaks.
    """
    import httpx2

    return aiter(httpx2.EventSource(response))
