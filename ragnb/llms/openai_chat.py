"""A stream of chat completions as deltas.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec
from msgspec import Struct

from ragnb.llms.base import Delta, Stop, Text, Usage
from ragnb.providers.faults import Provider, SentError, from_sent


class _PromptDetails(Struct):
    cached_tokens: int | None = 0
    cache_write_tokens: int | None = 0


class _ChatUsage(Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None

    def delta(self) -> Usage:
        details = self.prompt_tokens_details or _PromptDetails()
        cached, written = details.cached_tokens or 0, details.cache_write_tokens or 0
        return Usage(self.prompt_tokens, self.completion_tokens, cached, written)


class _ChatDelta(Struct):
    content: str | None = None


class _Choice(Struct):
    delta: _ChatDelta | None = None
    finish_reason: str | None = None


class _GroqExtra(Struct):
    usage: _ChatUsage | None = None


class _ChatChunk(Struct):
    choices: list[_Choice] = []
    usage: _ChatUsage | None = None
    x_groq: _GroqExtra | None = None
    error: SentError | str | None = None


_BROKEN = ("error", "abort")  # of OpenRouter and vLLM, whose server gave up

_chat_chunk = msgspec.json.Decoder(_ChatChunk)


async def read(events: AsyncIterator[Any], provider: Provider) -> AsyncGenerator[Delta, None]:
    """Deltas of a chat stream. Servers differ in where usage stands and whether ``[DONE]`` comes, so
    the last usage counts, and the finish reason is the end marker."""
    usage: _ChatUsage | None = None
    reason: str | None = None
    async for event in events:
        if event.data.startswith("[DONE]"):
            break
        chunk = _chat_chunk.decode(event.data)
        if chunk.error is not None:
            raise from_sent(
                SentError(chunk.error) if isinstance(chunk.error, str) else chunk.error, provider
            )
        usage = chunk.usage or (chunk.x_groq and chunk.x_groq.usage) or usage
        for choice in chunk.choices:
            if choice.delta is not None and choice.delta.content:
                yield Text(choice.delta.content)
            reason = choice.finish_reason or reason
    if reason in _BROKEN:
        raise provider.error("server", f"finish_reason {reason}")
    if usage is not None:
        yield usage.delta()
    if reason is None:
        raise provider.error("cut")
    yield Stop(reason)
