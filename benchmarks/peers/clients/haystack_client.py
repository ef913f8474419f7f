"""Haystack: a FallbackChatGenerator with a streaming callback.

https://docs.haystack.deepset.ai/docs/fallbackchatgenerator
"""

from __future__ import annotations

from haystack.components.generators.chat import FallbackChatGenerator, OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.utils import Secret
from showing import QUESTION, Case, Show, serve


def generator(url: str, case: Case) -> OpenAIChatGenerator:
    return OpenAIChatGenerator(
        api_key=Secret.from_token("test"),
        model="gpt-4o-mini",
        api_base_url=url,
        timeout=case["patience"],
        max_retries=0,
    )


def answer(case: Case, show: Show) -> None:
    both = FallbackChatGenerator([generator(case["primary"], case), generator(case["secondary"], case)])
    both.run(
        messages=[ChatMessage.from_user(QUESTION)], streaming_callback=lambda chunk: show(chunk.content)
    )


if __name__ == "__main__":
    serve(answer)
