"""What goes over the wire: a response as the pieces that are sent one after another."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragnb.simulator.background import Run

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that are sent at once.

    ``token`` marks those that carry a token of the answer: they wait for the pace and the gate,
    and faults count them.
    """

    data: bytes
    token: bool = False
    number: int | None = None
    """Which event it is of a response that is made in the background."""


class Ending(Enum):
    """What happens after the last piece."""

    COMPLETE = auto()
    """The body ends as HTTP says."""
    FIN = auto()
    """The connection is closed in the middle of the body."""
    RST = auto()
    """The connection is reset in the middle of the body."""
    STALL = auto()
    """Nothing, until the client goes."""
    SILENT = auto()
    """Nothing at all was sent, not even the head."""


@dataclass(frozen=True, slots=True)
class Drip:
    """The body goes out in chunks of so many bytes, with a delay in seconds before each."""

    size: int = 1
    delay: float = 0.0

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"Drip needs chunks of 1 byte or more, not {self.size}")

    def chunks(self, data: bytes) -> Iterator[bytes]:
        """The data in pieces of ``size`` bytes."""
        for start in range(0, len(data), self.size):
            yield data[start : start + self.size]


@dataclass(frozen=True, slots=True)
class Response:
    """A response before it is sent. Bodies go out chunked, so that they can be cut anywhere."""

    status: int
    content_type: str
    pieces: tuple[Piece, ...]
    streamed: bool = False
    ending: Ending = Ending.COMPLETE
    drip: Drip | None = None
    run: Run | None = None
    """What makes the pieces in the background; the pace is then its own."""
    headers: dict[str, str] = field(default_factory=dict)


def event(data: Json | str, name: str | None = None, *, token: bool = False) -> Piece:
    """One server-sent event."""
    text = data if isinstance(data, str) else dump(data)
    head = f"event: {name}\n" if name else ""
    return Piece(f"{head}data: {text}\n\n".encode(), token)


def stream(pieces: Iterable[Piece], run: Run | None = None) -> Response:
    """A stream of server-sent events."""
    return Response(200, "text/event-stream; charset=utf-8", tuple(pieces), streamed=True, run=run)


def document(body: Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON body. It goes out in two halves, so that a fault can fall between them."""
    data = dump(body).encode()
    half = len(data) // 2
    pieces = (Piece(data[:half]), Piece(data[half:]))
    return Response(status, "application/json", pieces, headers=headers or {})


def dump(body: Json) -> str:
    """JSON without spaces, as the services write it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
