"""What the providers' clients share: one client per event loop, certificates, and server-sent events."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, cast
from weakref import WeakKeyDictionary, finalize

from ragnb.background import close_at_exit
from ragnb.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

    import httpx2


class Client(Protocol):
    async def close(self) -> None: ...


ClientT = TypeVar("ClientT", bound=Client)


class PerLoop(Generic[ClientT]):
    """A client for each event loop: a connection of one loop cannot be used on another."""

    def __init__(self, connect: Callable[[], ClientT]) -> None:
        self._connect = connect
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, ClientT] = WeakKeyDictionary()

    def get(self) -> ClientT:
        """The running loop's client, made at its first use."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            client = self._clients[loop] = self._connect()
            finalize(self, _close, loop, client).atexit = False
            close_at_exit(self)
        return self._clients[loop]

    async def aclose(self) -> None:
        """Close the running loop's connections; a later `get` makes new ones."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()


def api_key(given: str | None, variable: str, base_url: str | None, provider: str) -> str:
    """The key: as given, else from the environment; a server of one's own (``base_url``) may need none.

    Raises `ConfigurationError` where there is none to be found.
    """
    key = given or os.environ.get(variable)
    if not key and base_url is None:
        raise ConfigurationError(
            f"There is no API key for {provider}.",
            f"Set the environment variable {variable}, or pass api_key=….",
        )
    return key or "none"


_loading = threading.Lock()


def load(*modules: str) -> None:
    """Import parts of an SDK, and read the certificates. One thread at a time: the warm-up and the first
    request that import parts of one SDK at once can meet a module that is half there."""
    with _loading:
        for module in modules:
            import_module(module)
        ssl_context()


@cache
def ssl_context() -> ssl.SSLContext:
    """The certificates that a client trusts by default, those of the environment included. All clients of
    the process share them: to read them takes longer than a request."""
    import httpx2

    return httpx2.create_ssl_context()


def _close(loop: asyncio.AbstractEventLoop, client: Client) -> None:
    """Close the connections of a model that nobody holds any more."""
    if loop.is_running():
        asyncio.run_coroutine_threadsafe(client.close(), loop)


async def sse(response: httpx2.Response, patience: float) -> AsyncGenerator[httpx2.ServerSentEvent, None]:
    """The server-sent events of a response.

    Raises `httpx2.SSEError` if the response is of another type, `httpx2.TransportError` if it breaks, and
    `TimeoutError` if for ``patience`` seconds nothing came but comments, pings and parts of an event.
    """
    import httpx2

    loop = asyncio.get_running_loop()
    source = cast(AsyncGenerator[httpx2.ServerSentEvent, None], aiter(httpx2.EventSource(response)))
    async with aclosing(source) as events:
        due = loop.time() + patience
        while True:
            try:
                async with asyncio.timeout_at(due):
                    event = await anext(events)
            except StopAsyncIteration:
                return
            if event.event != "ping":
                yield event
                due = loop.time() + patience
