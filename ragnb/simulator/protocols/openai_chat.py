"""OpenAI's chat completions, and how Groq and Cerebras speak them.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Literal, assert_never

from ragnb.simulator import wire
from ragnb.simulator.protocols.base import new_id, obfuscation
from ragnb.simulator.protocols.errors import OpenAIErrors
from ragnb.simulator.script import Reply, Script
from ragnb.simulator.wire import Json, Piece, Response

Dialect = Literal["openai", "groq", "cerebras"]

# vLLM's, where the latter is true unless the request says otherwise.
_BOTH = "Cannot set both `continue_final_message` and `add_generation_prompt` to True."
_DONE = wire.event("[DONE]")
_REASONING = ("We", " should", " answer", " from", " the", " passages", ".")
_GROQ_TIMES = {
    "queue_time": 0.012,
    "prompt_time": 0.003,
    "completion_time": 0.02,
    "total_time": 0.023,
}


class OpenAIChat:
    """Chat completions in one of the dialects."""

    errors = OpenAIErrors()

    def __init__(self, dialect: Dialect = "openai") -> None:
        self.dialect = dialect

    def answer(self, request: Json, script: Script) -> Response:
        if request.get("continue_final_message") and request.get("add_generation_prompt", True):
            return wire.document(self.errors.body(400, _BOTH), 400)
        limit = request.get("max_completion_tokens") or request.get("max_tokens")
        reply = script.reply(request, limit)
        if not request.get("stream"):
            return wire.document(_completion(request, reply))
        options = request.get("stream_options") or {}
        match self.dialect:
            case "openai":
                return wire.stream(_openai(request, reply, options))
            case "groq":
                return wire.stream(_groq(request, reply, options))
            case "cerebras":
                return wire.stream(_cerebras(request, reply))
            case _:
                assert_never(self.dialect)

    def error_event(self, number: int) -> Piece:
        return wire.event(self.errors.body(500))


def _openai(request: Json, reply: Reply, options: Json) -> Iterator[Piece]:
    chunks = _Chunks(request, service_tier="default", system_fingerprint="fp_simulated")
    # With include_usage, every chunk has a usage field, empty in all but the last.
    usage = {"usage": None} if options.get("include_usage") else {}
    hidden = options.get("include_obfuscation", True)

    def chunk(delta: Json, finish: str | None = None, *, token: bool = False) -> Piece:
        padding = {"obfuscation": obfuscation(delta.get("content") or "")} if hidden else {}
        choice = _choice(delta, finish)
        return chunks.piece(choices=[choice], **usage, **padding, token=token)

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    for token in reply.tokens:
        yield chunk({"content": token}, token=True)
    yield chunk({}, _finish(reply))
    if usage:
        yield chunks.piece(choices=[], usage=_usage(reply))
    yield _DONE


def _groq(request: Json, reply: Reply, options: Json) -> Iterator[Piece]:
    chunks = _Chunks(request, system_fingerprint="fp_simulated")
    request_id = new_id("req_")
    usage = {**_GROQ_TIMES, **_counts(reply)}
    first = _choice({"role": "assistant", "content": ""})
    yield chunks.piece(choices=[first], x_groq={"id": request_id})
    for token in reply.tokens:
        yield chunks.piece(choices=[_choice({"content": token})], token=True)
    counted = {"id": request_id, "usage": usage}
    yield chunks.piece(choices=[_choice({}, _finish(reply))], x_groq=counted)
    if options.get("include_usage"):
        yield chunks.piece(choices=[], usage=usage, x_groq=counted)
    yield _DONE


def _cerebras(request: Json, reply: Reply) -> Iterator[Piece]:
    """Reasons first; the finish chunk carries all the figures, and no ``[DONE]`` follows."""
    chunks = _Chunks(request, system_fingerprint="fp_simulated")
    heartbeat = Piece(b": heartbeat\n\n")

    def chunk(delta: Json, *, token: bool = False) -> Piece:
        return chunks.piece(choices=[{"index": 0, "delta": delta}], token=token)

    yield heartbeat
    yield chunk({"role": "assistant"})
    for thought in _REASONING:
        yield chunk({"reasoning": thought})
    yield chunk({})
    yield heartbeat
    for token in reply.tokens:
        yield chunk({"content": token}, token=True)
    finish = {"index": 0, "delta": {}, "finish_reason": _finish(reply)}
    counts = _counts(reply, reasoning=len(_REASONING))
    details = {"completion_tokens_details": {"reasoning_tokens": len(_REASONING)}}
    times = {**_GROQ_TIMES, "created": time.time()}
    yield chunks.piece(choices=[finish], usage={**counts, **details}, time_info=times)


class _Chunks:
    """The chunks of one stream, which share their head."""

    def __init__(self, request: Json, **extra: Any) -> None:
        self._head = {**_head(request, "chat.completion.chunk"), **extra}

    def piece(self, *, token: bool = False, **fields: Any) -> Piece:
        return wire.event({**self._head, **fields}, token=token)


def _completion(request: Json, reply: Reply) -> Json:
    message: Json = {"role": "assistant", "content": reply.text, "refusal": None, "annotations": []}
    finish = _finish(reply)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {
        **_head(request, "chat.completion"),
        "choices": [choice],
        "usage": _usage(reply),
        "service_tier": "default",
        "system_fingerprint": "fp_simulated",
    }


def _head(request: Json, kind: str) -> Json:
    return {
        "id": new_id("chatcmpl-"),
        "object": kind,
        "created": int(time.time()),
        "model": request["model"],
    }


def _choice(delta: Json, finish: str | None = None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _finish(reply: Reply) -> str:
    return "stop" if reply.complete else "length"


def _counts(reply: Reply, reasoning: int = 0) -> Json:
    output = len(reply.tokens) + reasoning
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": output,
        "total_tokens": reply.input_tokens + output,
    }


def _usage(reply: Reply) -> Json:
    return {
        **_counts(reply),
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
