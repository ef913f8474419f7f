"""OpenAI's Responses API.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from ragnb.simulator import wire
from ragnb.simulator.background import Kept, Run, State
from ragnb.simulator.protocols.base import new_id, obfuscation
from ragnb.simulator.protocols.errors import OpenAIErrors
from ragnb.simulator.script import Reply, Script
from ragnb.simulator.wire import Json, Piece, Response


class OpenAIResponses:
    """Responses in the foreground, and in the background, where they are kept to be retrieved. Every
    event is one piece, numbered from 0."""

    errors = OpenAIErrors()

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def answer(self, request: Json, script: Script) -> Response:
        reply = script.reply(request, request.get("max_output_tokens"))
        opened = _opened(request)
        item_id = new_id("msg_")
        if request.get("background"):
            return self._background(request, reply, opened, item_id)
        self._kept.foreground.add(opened["id"])
        if not request.get("stream"):
            item = _item(item_id, _status(reply), [_part(reply.text)])
            return wire.document(_final(opened, reply, item))
        return wire.stream(_pieces(request, reply, opened, item_id))

    def error_event(self, number: int) -> Piece:
        return error_event(number)

    def _background(self, request: Json, reply: Reply, opened: Json, item_id: str) -> Response:
        if request.get("store") is False:
            message = "Background responses must be stored: 'store' cannot be false."
            return wire.document(self.errors.body(400, message), 400)

        def snapshot(tokens: int, state: State) -> Json:
            said = _part("".join(reply.tokens[:tokens]))
            if state == "finished":
                return _final(opened, reply, _item(item_id, _status(reply), [said]))
            output = [_item(item_id, "incomplete" if state == "cancelled" else state, [said])]
            return {**opened, "status": state, "output": output if tokens else []}

        streamed = bool(request.get("stream"))
        run = Run(_pieces(request, reply, opened, item_id), snapshot, streamed=streamed)
        self._kept.add(opened["id"], run)
        if streamed:
            return wire.stream(run.pieces, run)
        return replace(wire.document(run.response()), run=run)


def _pieces(request: Json, reply: Reply, opened: Json, item_id: str) -> Iterator[Piece]:
    options = request.get("stream_options") or {}
    hidden = options.get("include_obfuscation", True)
    for number, data in enumerate(_events(reply, opened, item_id, hidden=hidden)):
        token = data["type"] == "response.output_text.delta"
        yield replace(_event(number, data, token=token), number=number)


def error_event(number: int) -> Piece:
    """The event of this number, which reports an error of the server."""
    error = OpenAIErrors().body(500)["error"]
    data = {"type": "error", "code": error["type"], "message": error["message"], "param": None}
    return _event(number, data)


def _event(number: int, data: Json, *, token: bool = False) -> Piece:
    kind = data["type"]
    return wire.event({"type": kind, "sequence_number": number, **data}, kind, token=token)


def _events(reply: Reply, opened: Json, item_id: str, *, hidden: bool) -> Iterator[Json]:
    in_item = {"output_index": 0, "item_id": item_id, "content_index": 0}
    if opened["background"]:
        yield {"type": "response.created", "response": {**opened, "status": "queued"}}
        yield {"type": "response.queued", "response": {**opened, "status": "queued"}}
    else:
        yield {"type": "response.created", "response": opened}
    yield {"type": "response.in_progress", "response": opened}
    begun = _item(item_id, "in_progress", [])
    yield {"type": "response.output_item.added", "output_index": 0, "item": begun}
    yield {"type": "response.content_part.added", **in_item, "part": _part("")}
    for token in reply.tokens:
        padding = {"obfuscation": obfuscation(token)} if hidden else {}
        delta = {"delta": token, "logprobs": [], **padding}
        yield {"type": "response.output_text.delta", **in_item, **delta}
    yield {"type": "response.output_text.done", **in_item, "text": reply.text, "logprobs": []}
    yield {"type": "response.content_part.done", **in_item, "part": _part(reply.text)}
    item = _item(item_id, _status(reply), [_part(reply.text)])
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": f"response.{_status(reply)}", "response": _final(opened, reply, item)}


def _status(reply: Reply) -> str:
    return "completed" if reply.complete else "incomplete"


def _opened(request: Json) -> Json:
    """The response object while nothing has been said yet."""
    return {
        "id": new_id("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "background": bool(request.get("background")),
        "error": None,
        "incomplete_details": None,
        "instructions": request.get("instructions"),
        "max_output_tokens": request.get("max_output_tokens"),
        "model": request["model"],
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": request.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "auto",
        "store": request.get("store", True),
        "temperature": request.get("temperature", 1.0),
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": request.get("metadata") or {},
    }


def _final(opened: Json, reply: Reply, item: Json) -> Json:
    return {
        **opened,
        "status": _status(reply),
        "incomplete_details": None if reply.complete else {"reason": "max_output_tokens"},
        "output": [item],
        "service_tier": "default",
        "usage": _usage(reply),
    }


def _usage(reply: Reply) -> Json:
    output = len(reply.tokens)
    return {
        "input_tokens": reply.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": reply.input_tokens + output,
    }


def _item(item_id: str, status: str, content: list[Json]) -> Json:
    head = {"id": item_id, "type": "message", "status": status}
    return {**head, "content": content, "role": "assistant"}


def _part(text: str) -> Json:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
