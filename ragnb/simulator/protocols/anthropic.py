"""Anthropic's messages.

https://docs.anthropic.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ragnb.simulator import partial, wire
from ragnb.simulator.partial import Partial
from ragnb.simulator.protocols.base import new_id
from ragnb.simulator.protocols.citing import Block, blocks, continued
from ragnb.simulator.protocols.errors import AnthropicErrors
from ragnb.simulator.script import Script, input_tokens
from ragnb.simulator.wire import Json, Piece, Response

# claude-opus-4-6, claude-sonnet-4-5-20250929, claude-opus-4-20250514, claude-3-5-haiku-latest
_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")


class AnthropicMessages:
    """Messages, with citations where the request has search results that ask for them. A last turn
    of the assistant is continued by models before 4.6, and refused by later ones."""

    errors = AnthropicErrors()

    def answer(self, request: Json, script: Script) -> Response:
        limit = request.get("max_tokens")
        if limit is None:
            return wire.document(self.errors.body(400, "max_tokens: Field required"), 400)
        asked = partial.find(request, prefill=True)
        if asked and asked.kind == "prefill" and (refusal := _refusal(request["model"], asked.text)):
            return wire.document(self.errors.body(400, refusal), 400)
        whole = _said(request, asked, script)
        said = list(_limited(whole, limit))
        stop = "end_turn" if _count(said) == _count(whole) else "max_tokens"
        if request.get("stream"):
            return wire.stream(_events(request, said, stop))
        message = _message(request, _usage(input_tokens(request), _count(said)))
        content = [_block(block.text, block.citations) for block in said]
        return wire.document({**message, "content": content, "stop_reason": stop})

    def error_event(self, number: int) -> Piece:
        return _event(self.errors.body(529))


def _said(request: Json, asked: Partial | None, script: Script) -> list[Block]:
    """The whole answer, or the whole rest of it."""
    if asked is not None:
        whole = blocks(script.tokens(asked.question), asked.question)
        seam = script.seam(asked, "".join(block.text for block in whole))
        if seam is not None:
            return continued(whole, seam)
    return blocks(script.tokens(request), request)


def _refusal(model: str, prefilled: str) -> str | None:
    """Why the model does not take an assistant turn at the end; from 4.6 on none does."""
    version = _VERSION.match(model)
    if version and (int(version[1]), int(version[2] or 0)) >= (4, 6):
        return (
            "This model does not support assistant message prefill. "
            "The conversation must end with a user message."
        )
    if prefilled != prefilled.rstrip():
        return "messages: final assistant content cannot end with trailing whitespace"
    return None


def _events(request: Json, said: Sequence[Block], stop: str) -> Iterator[Piece]:
    # The service counts a first token as soon as the message starts.
    usage = _usage(input_tokens(request), 1)
    yield _event({"type": "message_start", "message": _message(request, usage)})
    for index, block in enumerate(said):
        start = {"type": "text", "text": "", **({"citations": []} if block.citations else {})}
        yield _event({"type": "content_block_start", "index": index, "content_block": start})
        if index == 0:
            yield _event({"type": "ping"})
        for token in block.tokens:
            yield _delta(index, {"type": "text_delta", "text": token}, token=True)
        for citation in block.citations:
            yield _delta(index, {"type": "citations_delta", "citation": citation})
        yield _event({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": stop, "stop_sequence": None}
    counted = _usage(input_tokens(request), _count(said))
    yield _event({"type": "message_delta", "delta": delta, "usage": counted})
    yield _event({"type": "message_stop"})


def _event(data: Json, *, token: bool = False) -> Piece:
    return wire.event(data, data["type"], token=token)


def _delta(index: int, delta: Json, *, token: bool = False) -> Piece:
    data = {"type": "content_block_delta", "index": index, "delta": delta}
    return _event(data, token=token)


def _message(request: Json, usage: Json) -> Json:
    return {
        "id": new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "service_tier": "standard"},
    }


def _block(text: str, citations: Sequence[Json]) -> Json:
    cited = {"citations": list(citations)} if citations else {}
    return {**cited, "type": "text", "text": text}


def _usage(input_count: int, output_count: int) -> Json:
    return {
        "input_tokens": input_count,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_count,
    }


def _count(said: Sequence[Block]) -> int:
    return sum(len(block.tokens) for block in said)


def _limited(whole: Sequence[Block], limit: int) -> Iterator[Block]:
    """The blocks within a token limit. One that is cut loses its citations, which come last."""
    for block in whole:
        if len(block.tokens) > limit:
            if limit:
                yield Block(block.tokens[:limit])
            return
        yield block
        limit -= len(block.tokens)
