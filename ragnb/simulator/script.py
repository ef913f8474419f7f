"""What the simulated model says: the answer to a request, cut into tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ragnb.simulator import prompt
from ragnb.simulator.wire import Json

Answer = str | Sequence[str] | Callable[[Json], str | Sequence[str]]
"""A text, the exact deltas, or a function of the request's JSON that gives either."""

_TOKEN = re.compile(r" ?\w{1,8}| ?[^\w\s]+|\s+")


def tokenize(text: str) -> tuple[str, ...]:
    """The text cut as a language model's tokenizer would: words with the space before them, long
    words in several tokens, punctuation apart. Joined, the tokens are the text."""
    return tuple(_TOKEN.findall(text))


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to one request, within its token limit."""

    tokens: tuple[str, ...]
    complete: bool
    input_tokens: int

    @property
    def text(self) -> str:
        return "".join(self.tokens)


@dataclass(frozen=True, slots=True)
class Script:
    """What to answer. Without an answer, the first passages of the prompt are quoted."""

    answer: Answer | None = None

    def tokens(self, request: Json) -> tuple[str, ...]:
        """The whole answer to a request."""
        answer = _quote if self.answer is None else self.answer
        said = answer(request) if callable(answer) else answer
        return tokenize(said) if isinstance(said, str) else tuple(said)

    def reply(self, request: Json, limit: int | None) -> Reply:
        """The answer to a request, cut at ``limit`` tokens."""
        tokens = self.tokens(request)
        kept = tokens if limit is None else tokens[:limit]
        return Reply(kept, len(kept) == len(tokens), input_tokens(request))


def input_tokens(request: Json) -> int:
    """How many tokens the request's texts have."""
    return sum(len(tokenize(text)) for text in prompt.texts(request))


def _quote(request: Json) -> str:
    passages = prompt.passages(request)[:3]
    if not passages:
        return "I have been given no passages, so I cannot say."
    return " ".join(f"{_first_sentence(text)} [{number}]." for number, text in passages)


def _first_sentence(text: str) -> str:
    sentence = re.split(r"(?<=[.!?])\s+|\n\s*\n", text.strip(), maxsplit=1)[0]
    return " ".join(sentence.split()).rstrip(".!?")
