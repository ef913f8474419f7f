"""The faults that a request can meet, and what each makes of the response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, Literal, assert_never

from ragnb.simulator import wire
from ragnb.simulator.wire import Drip, Ending, Json, Piece, Response

if TYPE_CHECKING:
    from ragnb.simulator.protocols.base import Speaker


@dataclass(frozen=True, slots=True)
class Status:
    """An error status instead of an answer, with the provider's own body unless ``body`` is given.

    ``retry_after`` is in seconds.
    """

    code: int
    retry_after: float | None = None
    body: Json | None = None


def _counted_once(tokens: int, size: int | None) -> None:
    if tokens and size is not None:
        raise ValueError("a fault comes after so many tokens or so many bytes: give one of the two")


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection breaks: closed (``fin``) or reset (``rst``).

    It breaks after so many tokens, or with ``after_bytes`` after so many bytes of the body, which
    may be inside an event, a line or a character.
    """

    after: int = 0
    how: Literal["fin", "rst"] = "fin"
    _: KW_ONLY
    after_bytes: int | None = None

    def __post_init__(self) -> None:
        _counted_once(self.after, self.after_bytes)


@dataclass(frozen=True, slots=True)
class CleanEnd:
    """The body ends properly after so many tokens, or bytes, without the terminal marker."""

    after: int = 0
    _: KW_ONLY
    after_bytes: int | None = None

    def __post_init__(self) -> None:
        _counted_once(self.after, self.after_bytes)


@dataclass(frozen=True, slots=True)
class Stall:
    """Silence after so many tokens, or bytes, until the client goes or the simulator stops."""

    after: int = 0
    _: KW_ONLY
    after_bytes: int | None = None

    def __post_init__(self) -> None:
        _counted_once(self.after, self.after_bytes)


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """The protocol's error event after so many tokens. A response that is no stream gets a 500."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that are no event after so many tokens, and then a proper end of the body.

    By default they are the words of a proxy that has lost its server.
    """

    after: int = 0
    data: bytes = (
        b"upstream connect error or disconnect/reset before headers. "
        b"reset reason: connection termination\n\n"
    )


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The event of this token (from 1) is sent twice."""

    token: int = 1


@dataclass(frozen=True, slots=True)
class Reorder:
    """The event of this token (from 1) and the event after it change places."""

    token: int = 1


@dataclass(frozen=True, slots=True)
class Html:
    """A web page with status 200, as a proxy or a wrong address answers."""


@dataclass(frozen=True, slots=True)
class NeverAnswer:
    """The request is read, and nothing is sent."""


@dataclass(frozen=True, slots=True)
class TooOld:
    """From this request on, a background response can no longer be streamed, only polled: streaming
    it again gets the 400 that OpenAI gives after 5 minutes. Other requests it leaves alone."""


Fault = (
    Status
    | Cut
    | CleanEnd
    | Stall
    | Drip
    | ErrorEvent
    | Garbage
    | Duplicate
    | Reorder
    | Html
    | NeverAnswer
    | TooOld
)
Faults = Fault | tuple[Fault, ...] | None
"""What one request meets: a fault, several at once, or none."""

_PAGE = b"<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body>It works!</body></html>\n"


def apply(faults: Faults, response: Response, protocol: Speaker) -> Response:
    """The response as the faults leave it, each applied to what the one before it has left.

    More tokens or bytes than the answer has means: after the last token, before the terminal
    marker; or after the last byte. In a response that is no stream, a fault that is counted in
    tokens falls in the middle of the body.
    """
    for fault in _several(faults):
        response = _apply(fault, response, protocol)
    return response


def _several(faults: Faults) -> tuple[Fault, ...]:
    if faults is None:
        return ()
    return faults if isinstance(faults, tuple) else (faults,)


def _apply(fault: Fault, response: Response, protocol: Speaker) -> Response:
    match fault:
        case Status(code, retry_after, body):
            headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
            return wire.document(body or protocol.errors.body(code), code, headers)
        case Cut(_, how):
            ending = Ending.FIN if how == "fin" else Ending.RST
            return replace(response, pieces=_until(response, fault), ending=ending)
        case CleanEnd():
            return replace(response, pieces=_until(response, fault))
        case Stall():
            return replace(response, pieces=_until(response, fault), ending=Ending.STALL)
        case Drip():
            return replace(response, drip=fault)
        case ErrorEvent(after):
            if not response.streamed:
                return wire.document(protocol.errors.body(500), 500)
            sent = _until_token(response, after)
            return replace(response, pieces=(*sent, protocol.error_event(_number(response, len(sent)))))
        case Garbage(after, data):
            return replace(response, pieces=(*_until_token(response, after), Piece(data)))
        case Duplicate(token):
            return _with(response, token, lambda this, after: (this, replace(this, token=False), *after))
        case Reorder(token):
            return _with(response, token, lambda this, after: (*after, this))
        case Html():
            return Response(200, "text/html; charset=utf-8", (Piece(_PAGE),))
        case NeverAnswer():
            return replace(response, pieces=(), ending=Ending.SILENT)
        case TooOld():
            if response.run is not None:
                response.run.too_old = True
            return response
        case _:
            assert_never(fault)


def _until(response: Response, fault: Cut | CleanEnd | Stall) -> tuple[Piece, ...]:
    if fault.after_bytes is None:
        return _until_token(response, fault.after)
    return _until_byte(response.pieces, fault.after_bytes)


def _until_token(response: Response, tokens: int) -> tuple[Piece, ...]:
    """The pieces up to and with token number ``tokens``; for 0, those before the first token."""
    pieces = response.pieces
    places = _places(response)
    if not places:
        return pieces[:1]
    if tokens == 0:
        return pieces[: places[0]]
    return pieces[: places[min(tokens, len(places)) - 1] + 1]


def _until_byte(pieces: tuple[Piece, ...], count: int) -> tuple[Piece, ...]:
    """The pieces that make up the first ``count`` bytes, the last of them cut."""
    kept = []
    for piece in pieces:
        if count <= 0:
            break
        kept.append(replace(piece, data=piece.data[:count]))
        count -= len(piece.data)
    return tuple(kept)


def _with(
    response: Response, token: int, change: Callable[[Piece, tuple[Piece, ...]], tuple[Piece, ...]]
) -> Response:
    """The response with a token's piece, and the one piece after it, changed."""
    places = _places(response)
    if not 1 <= token <= len(places):
        return response
    at, pieces = places[token - 1], response.pieces
    changed = change(pieces[at], pieces[at + 1 : at + 2])
    return replace(response, pieces=(*pieces[:at], *changed, *pieces[at + 2 :]))


def _number(response: Response, sent: int) -> int:
    """The number of an error after so many events. In the background it is the last one's: the error
    is the connection's, and a client that goes on after it must miss nothing."""
    first = response.pieces[0].number if response.pieces else None
    return sent if response.run is None or first is None else first + sent - 1


def _places(response: Response) -> list[int]:
    return [index for index, piece in enumerate(response.pieces) if piece.token]
