"""The faults that a request can meet, and what each makes of the response."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, assert_never

from ragnb.simulator import wire
from ragnb.simulator.wire import Ending, Json, Piece, Response

if TYPE_CHECKING:
    from ragnb.simulator.protocols.base import Protocol


@dataclass(frozen=True, slots=True)
class Status:
    """An error status instead of an answer, with the provider's own body unless ``body`` is given.

    ``retry_after`` is in seconds.
    """

    code: int
    retry_after: float | None = None
    body: Json | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection breaks after so many tokens: closed (``fin``) or reset (``rst``)."""

    after_tokens: int
    how: Literal["fin", "rst"] = "fin"


@dataclass(frozen=True, slots=True)
class CleanEnd:
    """The body ends properly after so many tokens, without the terminal marker."""

    after_tokens: int


@dataclass(frozen=True, slots=True)
class Stall:
    """Silence after so many tokens, until the client goes or the simulator stops."""

    after_tokens: int


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """The protocol's error event after so many tokens. A response that is no stream gets a 500."""

    after_tokens: int


@dataclass(frozen=True, slots=True)
class Html:
    """A web page with status 200, as a proxy or a wrong address answers."""


@dataclass(frozen=True, slots=True)
class NeverAnswer:
    """The request is read, and nothing is sent."""


Fault = Status | Cut | CleanEnd | Stall | ErrorEvent | Html | NeverAnswer

_PAGE = b"<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body>It works!</body></html>\n"


def apply(fault: Fault, response: Response, protocol: Protocol) -> Response:
    """The response as the fault leaves it.

    More tokens than the answer has means: after the last one, before the terminal marker. In a
    response that is no stream, the fault falls in the middle of the body.
    """
    match fault:
        case Status(code, retry_after, body):
            headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
            return wire.document(body or protocol.errors.body(code), code, headers)
        case Cut(after, how):
            ending = Ending.FIN if how == "fin" else Ending.RST
            return replace(response, pieces=_until(response, after), ending=ending)
        case CleanEnd(after):
            return replace(response, pieces=_until(response, after))
        case Stall(after):
            return replace(response, pieces=_until(response, after), ending=Ending.STALL)
        case ErrorEvent(after):
            if not response.streamed:
                return wire.document(protocol.errors.body(500), 500)
            sent = _until(response, after)
            return replace(response, pieces=(*sent, protocol.error_event(len(sent))))
        case Html():
            return Response(200, "text/html; charset=utf-8", (Piece(_PAGE),))
        case NeverAnswer():
            return replace(response, pieces=(), ending=Ending.SILENT)
        case _:
            assert_never(fault)


def _until(response: Response, tokens: int) -> tuple[Piece, ...]:
    """The pieces up to and with token number ``tokens``; for 0, those before the first token."""
    pieces = response.pieces
    places = [index for index, piece in enumerate(pieces) if piece.token]
    if not places:
        return pieces[:1]
    if tokens == 0:
        return pieces[: places[0]]
    return pieces[: places[min(tokens, len(places)) - 1] + 1]
