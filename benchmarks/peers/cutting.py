"""A TCP proxy that cuts connections: it stands between a client and a real server, and knows of HTTP only
where the body begins and of server-sent events only that a blank line ends one.

    async with CuttingProxy("127.0.0.1", 4000) as proxy:
        proxy.cuts.append(Cut(events=3, how="rst"))   # for the next connection; then none is cut
        client = openai.AsyncOpenAI(base_url=f"{proxy.url}/v1", …)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from ragnb.simulator.resetting import reset

_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection is closed (``fin``) or reset (``rst``) after so many bytes of the first response's body,
    as they are on the wire (with the frames of chunks), or after so many of its events."""

    bytes: int | None = None
    events: int | None = None
    how: Literal["fin", "rst"] = "fin"

    def __post_init__(self) -> None:
        if (self.bytes is None) == (self.events is None):
            raise ValueError("a cut comes after so many bytes or so many events: give one of the two")


class CuttingProxy:
    """Listens on a free port of 127.0.0.1 and forwards each connection to ``host:port``.

    ``cuts`` says what successive connections meet, None is no cut; when it is used up none is cut.
    ``made`` counts the cuts that were made: an answer may be shorter than the place of a cut.
    """

    def __init__(self, host: str, port: int) -> None:
        self.cuts: deque[Cut | None] = deque()
        self.made = 0
        self._target = host, port
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Its address, ``http://127.0.0.1:port``."""
        if self._server is None:
            raise RuntimeError("the proxy is not running: use it in an async with statement")
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._relay(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cut = self.cuts.popleft() if self.cuts else None
        writer.transport.set_write_buffer_limits(high=0)  # draining then means that the kernel has it all
        there: asyncio.StreamWriter | None = None
        try:
            from_server, there = await asyncio.open_connection(*self._target)
            asking = asyncio.create_task(_copy(reader, there))
            answering = asyncio.create_task(self._answer(from_server, writer, cut))
            try:
                await asyncio.wait((asking, answering), return_when=asyncio.FIRST_COMPLETED)
            finally:
                asking.cancel()
                answering.cancel()
                await asyncio.gather(asking, answering, return_exceptions=True)
        except ConnectionError:
            pass  # the server is not there: the client sees its connection closed
        finally:
            for side in (writer, there):
                if side is not None:
                    side.close()
                    with contextlib.suppress(ConnectionError):
                        await side.wait_closed()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: Cut | None
    ) -> None:
        """Pass the response on, until its end or the place of the cut."""
        place = _Place(cut) if cut is not None else None
        while data := await reader.read(65536):
            allowed = None if place is None else place.within(data)
            writer.write(data if allowed is None else data[:allowed])
            await writer.drain()
            if allowed is not None and cut is not None:
                self.made += 1
                if cut.how == "rst":
                    await reset(writer.get_extra_info("socket"))
                return


class _Place:
    """Where in a response the cut comes."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._seen = b""
        self._body: int | None = None

    def within(self, data: bytes) -> int | None:
        """How many bytes of ``data`` may still pass, None for all of them and more."""
        before = len(self._seen)
        self._seen += data
        end = self._end()
        return None if end is None or end > len(self._seen) else max(0, end - before)

    def _end(self) -> int | None:
        if self._body is None:
            head = self._seen.find(_HEAD_END)
            if head < 0:
                return None
            self._body = head + len(_HEAD_END)
        if self._cut.bytes is not None:
            return self._body + self._cut.bytes
        return _end_of_event(self._seen, self._body, self._cut.events or 0)


def _end_of_event(data: bytes, start: int, number: int) -> int | None:
    """Where the event of this number (from 1) ends, the start for 0. Lines end in LF or CR LF."""
    end = start
    for _ in range(number):
        begin = data.find(b"data:", end)
        if begin < 0:
            return None
        blank = [(at + len(mark)) for mark in (b"\n\n", b"\r\n\r\n") if (at := data.find(mark, begin)) >= 0]
        if not blank:
            return None
        end = min(blank)
    return end


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
