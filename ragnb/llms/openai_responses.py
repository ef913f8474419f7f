"""A Responses stream as deltas, and a response that is read whole.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from ragnb.errors import ProviderError
from ragnb.llms.base import Cursor, Delta, Stop, Text, Usage
from ragnb.providers.faults import Provider, SentError, from_sent
from ragnb.providers.numbering import in_order


class _InputDetails(Struct):
    cached_tokens: int | None = 0
    cache_write_tokens: int | None = 0


class _Usage(Struct):
    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_details: _InputDetails | None = None

    def delta(self) -> Usage:
        details = self.input_tokens_details or _InputDetails()
        cached, written = details.cached_tokens or 0, details.cache_write_tokens or 0
        return Usage(self.input_tokens, self.output_tokens, cached, written)


class _Incomplete(Struct):
    reason: str | None = None


class _Part(Struct):
    text: str | None = None
    refusal: str | None = None


class _Item(Struct):
    type: str = ""
    content: list[_Part] | None = None


class Response(Struct):
    """The response object, as it is now."""

    id: str = ""
    status: str | None = None
    background: bool | None = None
    output: list[_Item] = []
    usage: _Usage | None = None
    error: SentError | None = None
    incomplete_details: _Incomplete | None = None

    @property
    def text(self) -> str:
        """What it says so far."""
        messages = [item for item in self.output if item.type == "message"]
        return "".join(part.text or part.refusal or "" for item in messages for part in item.content or ())

    def end(self, status: str | None, provider: Provider) -> Iterator[Usage | Stop]:
        """Its last deltas; raises what made it fail."""
        if self.usage is not None:
            yield self.usage.delta()
        if status == "failed":
            raise from_sent(self.error or SentError(), provider)
        if status == "cancelled":
            raise ProviderError(
                "bad_request", f"This answer was cancelled at {provider.name}.", "Ask again for a new one."
            )
        reason = (self.incomplete_details.reason if self.incomplete_details else None) or "stop"
        yield Stop(_REASONS.get(reason, reason))


_REASONS = {"max_output_tokens": "length"}


class _Event(Struct):
    type: str
    sequence_number: int | None = None
    delta: str | None = None
    response: Response | None = None
    message: str | None = None
    code: str | int | None = None
    error: SentError | None = None


_event = msgspec.json.Decoder(_Event)
_USED = frozenset(
    (
        "response.created",
        "response.output_text.delta",
        "response.refusal.delta",
        "response.completed",
        "response.failed",
        "response.incomplete",
        "response.cancelled",
        "error",
    )
)


@dataclass
class Place:
    """How far a stream was read: the number of its last event, None where that is not known."""

    number: int | None = None


async def read(
    events: AsyncIterator[Any], provider: Provider, place: Place | None = None
) -> AsyncGenerator[Delta, None]:
    """Deltas of a Responses stream; its failures come as events, which are raised here. ``place`` follows
    how far it was read."""
    place = place or Place()
    async with aclosing(in_order(events)) as ordered:
        async for event in ordered:
            if event.data.startswith("[DONE]"):
                break
            if event.event not in _USED and event.event != "message":  # some servers do not name them
                continue
            data = _event.decode(event.data)
            if data.type not in _USED:
                continue
            if data.type != "error":  # that is the connection's, with whatever number
                place.number = data.sequence_number
            match data.type:
                case "error":
                    raise from_sent(
                        data.error or SentError(data.message, code=data.code), provider
                    )  # both are sent
                case "response.output_text.delta" | "response.refusal.delta":
                    if data.delta:
                        yield Text(data.delta, place.number)
                case "response.created":
                    if data.response is not None and data.response.background:
                        yield Cursor(data.response.id, place.number)
                case _:
                    final = data.response or Response()
                    for delta in final.end(data.type.removeprefix("response."), provider):
                        yield delta
                    return
    raise provider.error("cut")
