"""What the simulated model says: the answer to a request, cut into tokens."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from ragnb.simulator import partial, prompt
from ragnb.simulator.continuation import Continuations, Exact, Opening, opening
from ragnb.simulator.partial import Partial
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
class Seam:
    """Where a continuation meets the partial answer: what it begins with, and the place in the
    whole text from which it goes on."""

    opening: tuple[str, ...]
    start: int


@dataclass(frozen=True, slots=True)
class Script:
    """What to answer, and how to go on. Without an answer, the first passages of the prompt are
    quoted. Continuations go as ``in_turn`` says, and when that is used up as ``always`` says."""

    answer: Answer | None = None
    always: Continuations = field(default_factory=Exact)
    in_turn: deque[Continuations] = field(default_factory=deque)

    def tokens(self, request: Json) -> tuple[str, ...]:
        """The whole answer to a request."""
        answer = _quote if self.answer is None else self.answer
        said = answer(request) if callable(answer) else answer
        return tokenize(said) if isinstance(said, str) else tuple(said)

    def reply(self, request: Json, limit: int | None) -> Reply:
        """The answer to a request, cut at ``limit`` tokens."""
        continued = self._continued(request)
        tokens = self.tokens(request) if continued is None else continued
        kept = tokens if limit is None else tokens[:limit]
        return Reply(kept, len(kept) == len(tokens), input_tokens(request))

    def seam(self, asked: Partial, whole: str) -> Seam | None:
        """Where and how the model goes on with a partial of the text ``whole``.

        None where an instruction has another text before it: then it is an ordinary question.
        Raises `ValueError` where any other partial is not the beginning of the text.
        """
        if not whole.startswith(asked.text):
            if asked.kind == "instruction":
                return None
            raise ValueError(_unlike(asked.text, whole))
        way = self.in_turn.popleft() if self.in_turn else self.always
        begun: Opening = opening(way, asked.text, asked.anchor)
        start = len(asked.text)
        if begun.strip_rest:
            start = len(whole) - len(whole[start:].lstrip())
        return Seam(tokenize(begun.words), start)

    def _continued(self, request: Json) -> tuple[str, ...] | None:
        """The continuation that a request asks for; None if it asks for none."""
        asked = partial.find(request)
        if asked is None:
            return None
        tokens = self.tokens(asked.question)
        whole = "".join(tokens)
        seam = self.seam(asked, whole)
        if seam is None:
            return None
        echo = (asked.text,) if asked.kind == "prefix" else ()
        return (*echo, *seam.opening, *within(tokens, seam.start, len(whole)))


def within(tokens: Sequence[str], start: int, end: int) -> tuple[str, ...]:
    """The tokens between two places in their text, cut where they reach over."""
    ends = accumulate(len(token) for token in tokens)
    parts = (
        token[max(0, start - (stop - len(token))) : max(0, end - (stop - len(token)))]
        for token, stop in zip(tokens, ends, strict=True)
    )
    return tuple(part for part in parts if part)


def _unlike(text: str, whole: str) -> str:
    pairs = zip(text, whole, strict=False)
    same = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(text), len(whole)))
    return (
        f"the partial answer is not the beginning of the scripted one: after {same} characters it "
        f"has {text[same : same + 20]!r} where the script has {whole[same : same + 20]!r}"
    )


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
