"""What the providers' clients share: one client per event loop, certificates, and server-sent events."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from functools import cache
from importlib import import_module
from math import inf
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, cast
from weakref import WeakKeyDictionary, finalize

from ragnb import background
from ragnb.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

    import httpx2


class Client(Protocol):
    @property
    def base_url(self) -> httpx2.URL: ...

    async def close(self) -> None: ...


ClientT = TypeVar("ClientT", bound=Client)

_KEPT = 60.0  # seconds after its use that a connection is kept
_PATIENCE = 10.0  # seconds for a connection to be opened
_REST = 0.1  # seconds for the end of a response after the end of the answer in it


class PerLoop(Generic[ClientT]):
    """A client for each event loop: a connection of one loop cannot be used on another.

    ``connect`` makes an SDK's client, and tells the HTTP client in it; ``warm_up`` imports the SDK.
    """

    def __init__(
        self, connect: Callable[[], tuple[ClientT, httpx2.AsyncClient]], warm_up: Callable[[], None]
    ) -> None:
        self._connect = connect
        self._warm_up = warm_up
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[ClientT, httpx2.AsyncClient]] = (
            WeakKeyDictionary()
        )
        self._used: WeakKeyDictionary[asyncio.AbstractEventLoop, float] = WeakKeyDictionary()
        self._opening: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}

    def get(self) -> ClientT:
        """The running loop's client, made at its first use."""
        return self._get()[0]

    def open(self) -> None:
        """Begin to open a connection, unless one is kept, for the request that will come. Returns at once;
        what fails is left to the request to tell. Does nothing where none would be kept, see `limits`."""
        loop = asyncio.get_running_loop()
        is_kept = time.monotonic() - self._used.get(loop, -inf) < _KEPT
        if is_kept or loop in self._opening or not background.is_running():
            return
        self._opening[loop] = loop.create_task(self._open())
        self._opening[loop].add_done_callback(lambda _: self._opening.pop(loop, None))

    async def aclose(self) -> None:
        """Close the running loop's connections; a later `get` makes new ones."""
        loop = asyncio.get_running_loop()
        opening = self._opening.get(loop)
        if opening is not None:
            opening.cancel()
            await asyncio.wait([opening])
        client, _ = self._clients.pop(loop, (None, None))
        self._used.pop(loop, None)
        if client is not None:
            await client.close()

    def _get(self) -> tuple[ClientT, httpx2.AsyncClient]:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = self._connect()
            finalize(self, _close, loop, self._clients[loop][0]).atexit = False
            background.close_at_exit(self)
        self._used[loop] = time.monotonic()
        return self._clients[loop]

    async def _open(self) -> None:
        with suppress(Exception):
            await asyncio.to_thread(self._warm_up)
            client, http = self._get()
            async with asyncio.timeout(_PATIENCE):
                await http.head(client.base_url)  # what any server answers, and no model is asked


def limits() -> httpx2.Limits:
    """What a client of the running loop keeps of its connections: on the background loop all, since a
    reader thinks longer than the usual 5 seconds; on another none, since nobody says when that one ends."""
    import httpx2

    kept = 100 if background.is_running() else 0
    return httpx2.Limits(max_connections=1000, max_keepalive_connections=kept, keepalive_expiry=_KEPT)


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


async def drain(events: AsyncIterator[httpx2.ServerSentEvent]) -> None:
    """Read what is left of a response whose answer has ended: only then is its connection kept for the next
    request."""
    with suppress(Exception):
        async with asyncio.timeout(_REST):
            async for _ in events:
                pass
