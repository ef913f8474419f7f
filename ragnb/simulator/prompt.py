"""What a request asks with, whatever its protocol: its texts, passages and search results."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ragnb.simulator.wire import Json

_TAGGED = re.compile(r'<passage number="(\d+)"[^>]*>\s*(.*?)\s*</passage>', re.DOTALL)
_NUMBERED = re.compile(r"^\[(\d+)\][ \t]*(\S.*)$", re.MULTILINE)


def texts(request: Json) -> list[str]:
    """Every text of the prompt, in its order, the text of search results included."""
    return [text for part in ("system", "instructions", "messages", "input")
            for text in _texts(request.get(part))]  # fmt: skip


def search_results(request: Json) -> list[Json]:
    """Anthropic's ``search_result`` blocks in the order in which they are counted, those inside
    tool results included."""
    return list(_search_results(request.get("messages")))


def passages(request: Json) -> list[tuple[int, str]]:
    """The numbered passages: search results, else ``<passage number="1">`` tags, else lines that
    begin with ``[1]``."""
    if results := search_results(request):
        return [(n, " ".join(_texts(result))) for n, result in enumerate(results, start=1)]
    whole = "\n".join(_user_texts(request))
    found = _TAGGED.findall(whole) or _NUMBERED.findall(whole)
    return [(int(number), text) for number, text in found]


def _user_texts(request: Json) -> Iterator[str]:
    """Texts of the user's turns: a system prompt may speak of [1] too."""
    for part in ("messages", "input"):
        turns = request.get(part)
        if isinstance(turns, str):
            yield turns
        elif isinstance(turns, list):
            for turn in turns:
                if isinstance(turn, dict) and turn.get("role") in ("user", "tool"):
                    yield from _texts(turn)


def _texts(node: Any) -> Iterator[str]:
    """Texts below a turn, a content block, or a list of them."""
    match node:
        case str():
            yield node
        case list():
            for child in node:
                yield from _texts(child)
        case {"text": str(text)}:
            yield text
        case {"content": content}:
            yield from _texts(content)


def _search_results(node: Any) -> Iterator[Json]:
    match node:
        case list():
            for child in node:
                yield from _search_results(child)
        case {"type": "search_result"}:
            yield node
        case {"content": content}:
            yield from _search_results(content)
