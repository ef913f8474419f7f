"""HTTP/1.1 with one client, down to how the connection ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

import h11

from ragnb.simulator.pacing import Pace
from ragnb.simulator.recording import RecordedRequest, Recording
from ragnb.simulator.resetting import reset
from ragnb.simulator.wire import Ending, Response


class Connection:
    """One client's connection: request after request, until one side closes it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        answer: Callable[[RecordedRequest], Response],
        pace: Pace,
        recording: Recording,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answer = answer
        self._pace = pace
        self._recording = recording
        self._http = h11.Connection(h11.SERVER)
        # Draining then means that the kernel has it all, which a reset could otherwise lose.
        writer.transport.set_write_buffer_limits(high=0)

    async def serve(self) -> None:
        try:
            while (request := await self._receive()) is not None:
                if request.method != "HEAD":  # sent to open a connection, and to no model
                    self._recording.add(request)
                await self._respond(request, self._answer(request))
                if self._http.our_state is not h11.DONE:
                    break
                self._http.start_next_cycle()
        except (ConnectionError, h11.RemoteProtocolError):
            pass  # a client that breaks off, or does not speak HTTP, gets no answer
        except asyncio.CancelledError:
            self._writer.transport.abort()
            raise
        finally:
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()

    async def _receive(self) -> RecordedRequest | None:
        """The next request, or None when the client has closed the connection."""
        head: h11.Request | None = None
        body = b""
        while True:
            match self._http.next_event():
                case h11.NEED_DATA:
                    if self._http.they_are_waiting_for_100_continue:
                        await self._send(h11.InformationalResponse(status_code=100, headers=[]))
                    self._http.receive_data(await self._reader.read(65536))
                case h11.Request() as head:
                    pass
                case h11.Data(data=data):
                    body += data
                case h11.EndOfMessage() if head is not None:
                    return _record(head, body)
                case _:
                    return None

    async def _respond(self, request: RecordedRequest, response: Response) -> None:
        """Send the response, and notice if the client goes before it is complete."""
        answering = asyncio.create_task(self._send_response(response))
        leaving = asyncio.create_task(self._client_leaves())
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not answering.done() or isinstance(answering.exception(), ConnectionError):
                self._recording.disconnected(request)
        finally:
            answering.cancel()
            leaving.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)
        if answering.done() and not answering.cancelled():
            answering.result()

    async def _client_leaves(self) -> None:
        """Wait until the client closes the connection; keep what it sends before that."""
        with contextlib.suppress(ConnectionError):
            while data := await self._reader.read(65536):
                self._http.receive_data(data)

    async def _send_response(self, response: Response) -> None:
        if response.run is not None:
            response.run.start(self._pace)
        if response.ending is Ending.SILENT:
            await _forever()
        headers = {"content-type": response.content_type, **response.headers}
        await self._send(h11.Response(status_code=response.status, headers=list(headers.items())))
        started = asyncio.get_running_loop().time()
        tokens = 0
        for number, piece in enumerate(response.pieces, start=1):
            if response.run is not None:
                if piece.number is not None and not await response.run.reaches(piece.number):
                    break
            elif piece.token:
                await self._pace.turn(tokens, started)
                tokens += 1
            if response.drip is not None:
                for chunk in response.drip.chunks(piece.data):
                    await self._pace.sleep(response.drip.delay)
                    await self._send(h11.Data(data=chunk))
            elif number == len(response.pieces) and response.ending is Ending.COMPLETE:
                # In one go: a client may close the connection as soon as it has the last piece.
                await self._send(h11.Data(data=piece.data), h11.EndOfMessage())
            else:
                await self._send(h11.Data(data=piece.data))
        await self._end(response)

    async def _end(self, response: Response) -> None:
        match response.ending:
            case Ending.COMPLETE:
                if self._http.our_state is h11.SEND_BODY:
                    await self._send(h11.EndOfMessage())
            case Ending.RST:
                await reset(self._writer.get_extra_info("socket"))
            case Ending.STALL:
                await _forever()
            case Ending.FIN | Ending.SILENT:
                pass

    async def _send(self, *events: h11.Event) -> None:
        self._writer.write(b"".join(self._http.send(event) or b"" for event in events))
        await self._writer.drain()


def _record(head: h11.Request, body: bytes) -> RecordedRequest:
    url = urlsplit(head.target.decode("ascii"))
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    return RecordedRequest(
        method=head.method.decode("ascii"),
        path=url.path,
        query=dict(parse_qsl(url.query)),
        headers={name.decode("ascii"): value.decode("latin-1") for name, value in head.headers},
        json=content,
    )


async def _forever() -> None:
    await asyncio.Event().wait()
