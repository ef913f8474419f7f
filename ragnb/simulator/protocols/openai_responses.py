"""OpenAI's Responses API.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from ragnb.simulator import wire
from ragnb.simulator.protocols.base import new_id, obfuscation
from ragnb.simulator.protocols.errors import OpenAIErrors
from ragnb.simulator.script import Reply, Script
from ragnb.simulator.wire import Json, Piece, Response


class OpenAIResponses:
    """Responses in the foreground. Every event is one piece, numbered from 0."""

    errors = OpenAIErrors()

    def answer(self, request: Json, script: Script) -> Response:
        reply = script.reply(request, request.get("max_output_tokens"))
        if not request.get("stream"):
            item = _item(new_id("msg_"), _status(reply), [_part(reply.text)])
            return wire.document(_final(_opened(request), reply, item))
        options = request.get("stream_options") or {}
        hidden = options.get("include_obfuscation", True)
        events = _events(request, reply, hidden=hidden)
        return wire.stream(
            _event(number, data, token=data["type"] == "response.output_text.delta")
            for number, data in enumerate(events)
        )

    def error_event(self, sent: int) -> Piece:
        error = self.errors.body(500)["error"]
        data = {
            "type": "error",
            "code": error["type"],
            "message": error["message"],
            "param": None,
        }
        return _event(sent, data)


def _event(number: int, data: Json, *, token: bool = False) -> Piece:
    kind = data["type"]
    return wire.event({"type": kind, "sequence_number": number, **data}, kind, token=token)


def _events(request: Json, reply: Reply, *, hidden: bool) -> Iterator[Json]:
    opened = _opened(request)
    item_id = new_id("msg_")
    in_item = {"output_index": 0, "item_id": item_id, "content_index": 0}
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
        "background": False,
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
    output = len(reply.tokens)
    return {
        **opened,
        "status": _status(reply),
        "incomplete_details": None if reply.complete else {"reason": "max_output_tokens"},
        "output": [item],
        "service_tier": "default",
        "usage": {
            "input_tokens": reply.input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": reply.input_tokens + output,
        },
    }


def _item(item_id: str, status: str, content: list[Json]) -> Json:
    head = {"id": item_id, "type": "message", "status": status}
    return {**head, "content": content, "role": "assistant"}


def _part(text: str) -> Json:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
