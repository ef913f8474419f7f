"""The providers' protocols, by the path where each is spoken."""

from __future__ import annotations

from ragnb.simulator.background import Kept
from ragnb.simulator.protocols.anthropic import AnthropicMessages
from ragnb.simulator.protocols.base import Protocol
from ragnb.simulator.protocols.embeddings import OpenAIEmbeddings
from ragnb.simulator.protocols.openai_chat import Dialect, OpenAIChat
from ragnb.simulator.protocols.openai_responses import OpenAIResponses

__all__ = ["Dialect", "Protocol", "by_path"]


def by_path(dialect: Dialect, kept: Kept) -> dict[str, Protocol]:
    """All protocols; ``dialect`` is that of chat completions, ``kept`` takes the background
    responses."""
    return {
        "/v1/chat/completions": OpenAIChat(dialect),
        "/v1/responses": OpenAIResponses(kept),
        "/v1/embeddings": OpenAIEmbeddings(),
        "/v1/messages": AnthropicMessages(),
    }
