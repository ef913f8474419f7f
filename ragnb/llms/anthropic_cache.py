"""What Anthropic is asked to keep of a prompt: the turns of a chat, which its next question begins with.

A mark has the provider keep all that stands before it for five minutes. Putting it there costs 1.25 times
what input does, reading it a tenth, so that a mark pays where what is kept is sent again in time in more
than 28 % of the cases. That is so for the turns of a chat, and not for passages, which every question has
of its own. The rules alone are too short: of less than 1,024 tokens nothing is kept, by some models of less
than 4,096, and a mark then costs nothing. Once a chat's first turns no longer fit into its memory, its
beginning is another one each time, and is not marked.

https://platform.claude.com/docs/en/build-with-claude/prompt-caching
"""

from __future__ import annotations

from typing import Any

from ragnb.llms import prompt
from ragnb.llms.base import Request

_LEAST = 1_024  # tokens
_CHARACTERS_PER_TOKEN = 4


def turns(request: Request, rules: str) -> list[dict[str, Any]]:
    """What was said before the question, the last of it marked where that pays."""
    said: list[dict[str, Any]] = list(prompt.turns(request))
    length = len(rules) + sum(len(turn["content"]) for turn in said)
    if said and request.history[0].is_first and length >= _LEAST * _CHARACTERS_PER_TOKEN:
        *before, last = said
        kept = {"type": "text", "text": last["content"], "cache_control": {"type": "ephemeral"}}
        said = [*before, {**last, "content": [kept]}]
    return said
