"""One question in each protocol, asked by the real SDKs, and all that came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TURNS = [{"role": "user", "content": "Count."}]
PLAIN = {"include_obfuscation": False}
CHAT = {"model": "gpt-4o-mini", "messages": TURNS, "stream": True, "stream_options": PLAIN}
RESPONSES = {"model": "gpt-4.1-mini", "input": "Count.", "stream": True, "stream_options": PLAIN}
MESSAGES = {"model": "claude-opus-4-6", "max_tokens": 100, "messages": TURNS, "stream": True}
PATHS = {
    "/v1/chat/completions": CHAT,
    "/v1/responses": RESPONSES,
    "/v1/messages": MESSAGES,
}


@dataclass
class Heard:
    """What a stream brought before it ended, and how it ended."""

    text: str = ""
    events: list[Any] = field(default_factory=list)
    error: Exception | None = None


async def chat(client, **request) -> Heard:
    """A chat completion, streamed."""
    heard = Heard()
    try:
        async for chunk in await client.chat.completions.create(**{**CHAT, **request}):
            heard.events.append(chunk)
            heard.text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    except Exception as error:
        heard.error = error
    return heard


async def responses(client, **request) -> Heard:
    """A response, streamed."""
    heard = Heard()
    try:
        await _listen(heard, await client.responses.create(**{**RESPONSES, **request}))
    except Exception as error:
        heard.error = error
    return heard


async def retrieved(client, response_id: str, **query) -> Heard:
    """The stream of a background response, taken up again."""
    heard = Heard()
    try:
        await _listen(heard, await client.responses.retrieve(response_id, stream=True, **query))
    except Exception as error:
        heard.error = error
    return heard


async def messages(client, **request) -> Heard:
    """A message, streamed."""
    heard = Heard()
    try:
        async for event in await client.messages.create(**{**MESSAGES, **request}):
            heard.events.append(event)
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                heard.text += event.delta.text
    except Exception as error:
        heard.error = error
    return heard


async def _listen(heard: Heard, stream) -> None:
    async for event in stream:
        heard.events.append(event)
        heard.text += event.delta if event.type == "response.output_text.delta" else ""
