"""The simulator: a server on a loop and in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
from collections import deque
from collections.abc import Collection, Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from ragnb.simulator import protocols
from ragnb.simulator.background import Kept
from ragnb.simulator.connection import Connection
from ragnb.simulator.continuation import Continuations, Exact
from ragnb.simulator.faults import Faults
from ragnb.simulator.pacing import Gate, Pace, Sleep
from ragnb.simulator.protocols import Dialect
from ragnb.simulator.protocols.openai_stored import StoredResponses
from ragnb.simulator.recording import RecordedRequest, Recording
from ragnb.simulator.script import Answer, Script
from ragnb.simulator.service import Service


class Simulator:
    """A local server that speaks the wire protocols of OpenAI (chat completions, Responses in
    the foreground and the background, embeddings) and Anthropic (messages), for their real SDKs.

        faults = [Cut(after=2), Status(429, retry_after=0.2)]
        with Simulator("Refunds take five days [1].", faults=faults, continuation=Repeat(5)) as sim:
            client = openai.OpenAI(base_url=sim.url, api_key="test")

    Parameters
    ----------
    answer
        What the model says: a text, the exact deltas, or a function that gives either for a
        request's JSON. By default it quotes the first passages of the prompt, with their ``[n]``.
        For Anthropic's search results, ``[n]`` becomes a citation of result n (from 1).
    tokens_per_second
        The pace of a stream; None is as fast as it goes.
    first_token_delay
        Seconds between a stream's head and its first token.
    gate
        Hold back every token of every stream until it is released: see `release`. Without it, a
        short answer is on its way whole before a client has read its first token.
    faults
        What successive requests meet, over all protocols; None is no fault, as is the end, and a
        tuple is several at once, such as ``(Drip(3), Cut(after=2))``.
    continuation
        How the model goes on when a request asks it to continue a partial answer (see
        `ragnb.simulator.partial` for how that is recognised): one way for all such requests, such
        as ``Repeat(5)`` or ``(Preamble(), RepeatAll())``, or a list of ways, one for each in turn.
    dialect
        How chat completions are spoken: ``"openai"``, ``"groq"`` or ``"cerebras"``.
    models
        The models that exist; others get the provider's 404. None: all do.
    api_keys
        The keys that are accepted; others get the provider's 401. None: all are.
    sleep
        How the pace and slow drips wait, in seconds.
    """

    def __init__(
        self,
        answer: Answer | None = None,
        *,
        tokens_per_second: float | None = None,
        first_token_delay: float = 0.0,
        gate: bool = False,
        faults: Iterable[Faults] = (),
        continuation: Continuations | list[Continuations] = Exact(),  # noqa: B008
        dialect: Dialect = "openai",
        models: Collection[str] | None = None,
        api_keys: Collection[str] | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._kept = Kept()
        spoken = protocols.by_path(dialect, self._kept)
        in_turn = deque(continuation if isinstance(continuation, list) else ())
        always = Exact() if isinstance(continuation, list) else continuation
        script = Script(answer, always, in_turn)
        self._service = Service(
            spoken, script, StoredResponses(self._kept), deque(faults), models, api_keys
        )
        self._gate = Gate(closed=gate)
        self._pace = Pace(self._gate, tokens_per_second, first_token_delay, sleep)
        self._recording = Recording()
        self._connections: set[asyncio.Task[None]] = set()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._port: int | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Serve on a free port of 127.0.0.1. Returns when connections are accepted."""
        if self._thread is not None:
            raise RuntimeError("the simulator is running already")
        listening: Future[int] = Future()
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._serve(listening),), name="ragnb-simulator", daemon=True
        )
        self._thread.start()
        self._port = listening.result()
        return self

    def stop(self) -> None:
        """Close all connections and the server. Does nothing if it is not running."""
        if self._thread is None or self._loop is None or self._stopping is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = self._loop = self._stopping = self._port = None

    @property
    def url(self) -> str:
        """The base URL for OpenAI's SDK."""
        return f"{self.anthropic_url}/v1"

    @property
    def anthropic_url(self) -> str:
        """The base URL for Anthropic's SDK, which adds ``/v1`` itself."""
        if self._port is None:
            raise RuntimeError("the simulator is not running: use it in a with statement")
        return f"http://127.0.0.1:{self._port}"

    @property
    def faults(self) -> deque[Faults]:
        """What the requests to come meet, in turn. More can be appended while it runs."""
        return self._service.faults

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, refused ones included."""
        return self._recording.requests

    def wait_for_request(self, n: int = 1, timeout: float = 10.0) -> RecordedRequest:
        """Block until ``n`` requests have come in, and return the n-th (from 1).

        In a coroutine: ``await asyncio.to_thread(sim.wait_for_request)``. Raises `TimeoutError`
        after ``timeout`` seconds.
        """
        return self._recording.wait_for_request(n, timeout)

    def wait_for_disconnect(self, n: int = 1, timeout: float = 10.0) -> RecordedRequest:
        """Block until clients have closed ``n`` connections before their response was complete,
        and return the n-th of these requests, in the order in which they came in."""
        return self._recording.wait_for_disconnect(n, timeout)

    def release(self, n: int = 1) -> None:
        """Let ``n`` more tokens pass the gate. What follows a token, up to the next one, goes
        with it."""
        self._open(n)

    def release_all(self) -> None:
        """Open the gate for good."""
        self._open(math.inf)

    def _open(self, tokens: float) -> None:
        if self._loop is None:
            self._gate.release(tokens)
        else:
            self._loop.call_soon_threadsafe(self._gate.release, tokens)

    async def _serve(self, listening: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        listening.set_result(server.sockets[0].getsockname()[1])
        await self._stopping.wait()
        with contextlib.suppress(NotImplementedError):  # Windows
            for socket in server.sockets:
                self._loop.remove_reader(socket.fileno())
        # What is accepted becomes a connection some turns later; of a closed server asyncio 3.11 leaks it.
        for _ in range(3):
            await asyncio.sleep(0)
        server.close()
        self._kept.clear()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._stopping is None or self._stopping.is_set():
            writer.transport.abort()
            return
        connection = Connection(
            reader,
            writer,
            answer=self._service.respond,
            pace=self._pace,
            recording=self._recording,
        )
        task = asyncio.create_task(connection.serve())
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
