"""What the server asks of a protocol."""

from __future__ import annotations

import uuid
from typing import Protocol as Interface

from ragnb.simulator.protocols.errors import Errors
from ragnb.simulator.script import Script
from ragnb.simulator.wire import Json, Piece, Response


class Speaker(Interface):
    """How a provider tells of errors."""

    @property
    def errors(self) -> Errors:
        """How this provider words what is wrong."""

    def error_event(self, number: int) -> Piece:
        """The event of this number in a stream, which reports an error."""


class Protocol(Speaker, Interface):
    """Turns a request's JSON into a response, in a provider's own shape."""

    def answer(self, request: Json, script: Script) -> Response:
        """The response to a request that nothing is wrong with."""


def new_id(prefix: str) -> str:
    return f"{prefix}{uuid.uuid4().hex}"


def obfuscation(token: str) -> str:
    """Padding that hides a token's length, as OpenAI adds it to every delta."""
    return "x" * (16 - len(token) % 16)
