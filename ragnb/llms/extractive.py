"""The extractive answerer: sentences of the passages, word for word, where no model is configured.

It is deterministic and invents nothing. What it can do is find the sentences that speak of the
question; what it cannot do is put them into other words.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from ragnb.embeddings.base import Vectors
from ragnb.llms.base import Citation, Delta, Request, Stop, Text, Usage
from ragnb.sentences import sentences

DECLINED = "I found no answer in these documents."

_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+")
_STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "for",
        "from",
        "get",
        "had",
        "has",
        "have",
        "how",
        "i",
        "if",
        "in",
        "is",
        "it",
        "its",
        "me",
        "much",
        "many",
        "my",
        "no",
        "not",
        "of",
        "on",
        "or",
        "our",
        "should",
        "so",
        "that",
        "the",
        "their",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "whom",
        "whose",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
        "am",
        "may",
        "must",
    ]
)
_LEANS_BACK = re.compile(
    r"(?:It|This|These|They|Those|That|He|She|Its|Their|Such|However|But|Otherwise|Then|Instead|There|"
    r"In (?:this|that|these|those|both|such) \w+|For (?:this|that|these|those) \w+|"
    r"The (?:same|latter|former))\b"
)
_TABLE_RULE = re.compile(r"\|?[\s:|-]+\|[\s:|-]*\Z")
_LIST_ITEM = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\s+")


@dataclass(slots=True)
class _Unit:
    """A sentence, a list item or a table row of a passage, and how well it answers."""

    passage: int
    index: int
    start: int
    end: int
    text: str
    score: float = 0.0

    @property
    def is_row(self) -> bool:
        return self.text.startswith("|") or self.text.count("|") >= 2

    @property
    def is_item(self) -> bool:
        return _LIST_ITEM.match(self.text) is not None


class ExtractiveLLM:
    """Composes an answer from the sentences that match the question best, each with its citation.

    Parameters
    ----------
    embed
        Texts to unit vectors, shape ``(n, dimensions)``: sentences are compared with the question by
        meaning. Without it, by shared words alone.
    most
        The most sentences an answer has.
    least
        What the best sentence must reach, in cosine + 0.6 × the share of the question's words in it, for
        the question to count as answered.
    """

    citing = True
    name = "extractive"

    def __init__(
        self,
        embed: Callable[[Sequence[str]], Vectors] | None = None,
        *,
        most: int = 4,
        least: float = 0.6,
    ) -> None:
        self.most = most
        self.least = least
        self._embed = embed

    def __repr__(self) -> str:
        return "ExtractiveLLM()"

    def warm_up(self) -> None:
        """Nothing to load: the embedding model is loaded for retrieval anyway."""

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """The answer, word by word; see `ragnb.llms.base.LLM.stream`."""
        chosen = await asyncio.to_thread(self._choose, request)
        position = 0
        for piece, unit in _compose(chosen, request) if chosen else [(DECLINED, None)]:
            for word in re.findall(r"\s*\S+|\s+\Z", piece):
                yield Text(word)
            end = position + len(piece)
            if unit is not None:
                marker = end - len(f"[{unit.passage + 1}]")
                begin = position + len(piece) - len(piece.lstrip())
                yield Citation(begin, marker - 1, unit.passage + 1, unit.start, unit.end, (marker, end))
            position = end
        yield Usage(0, 0)
        yield Stop("stop")

    def _choose(self, request: Request) -> list[_Unit]:
        """The sentences of the answer in reading order; none if nothing speaks of the question."""
        units = [
            _Unit(number, index, start, end, hit.chunk.text[start:end])
            for number, hit in enumerate(request.passages)
            for index, (start, end) in enumerate(sentences(hit.chunk.text))
        ]
        rules = {(u.passage, u.index) for u in units if _TABLE_RULE.match(u.text)}
        units = [
            unit
            for unit in units
            if _is_quotable(unit)
            and not rules & {(unit.passage, unit.index), (unit.passage, unit.index + 1)}
        ]
        if not units:
            return []
        contexts = [request.passages[unit.passage].chunk.context for unit in units]
        coverage = _coverage(request.question, units, contexts)
        if self._embed is None:
            similarity = np.array(coverage)
            likeness = None
        else:
            texts = [unit.text for unit in units]
            vectors = self._embed([request.question, *texts])
            similarity = vectors[1:] @ vectors[0]
            likeness = vectors[1:] @ vectors[1:].T
        for unit, near, covered in zip(units, similarity, coverage, strict=True):
            unit.score = 0.7 * float(near) + 0.3 * covered
        is_answered = any(
            near + 0.6 * covered >= self.least and (covered >= 0.2 or near >= 0.72)
            for near, covered in zip(similarity, coverage, strict=True)
        )
        return self._pick(units, likeness) if is_answered else []

    def _pick(self, units: list[_Unit], likeness: Vectors | None) -> list[_Unit]:
        """The best sentences, without repeats, and those they lean on."""
        ranked = sorted(range(len(units)), key=lambda i: (-units[i].score, i))
        enough = 0.78 * units[ranked[0]].score
        chosen: list[int] = []
        for i in ranked:
            if len(chosen) == self.most or units[i].score < enough:
                break
            if units[i].text.endswith(":") or any(_repeats(units, i, j, likeness) for j in chosen):
                continue  # an introduction is quoted with what it introduces, or not at all
            chosen.append(i)
        kept = set(chosen)
        for i in chosen:
            kept |= _leaned_on(units, i)
        best = {
            passage: max(units[i].score for i in chosen if units[i].passage == passage)
            for passage in {units[i].passage for i in chosen}
        }
        return [
            units[i] for i in sorted(kept, key=lambda i: (-best[units[i].passage], units[i].passage, i))
        ]


def _is_quotable(unit: _Unit) -> bool:
    if unit.text.startswith(("```", "~~~")):
        return False
    words = len(_WORD.findall(unit.text))
    end = unit.text.rstrip("\"'”’»)]*_`")[-1:]
    return unit.is_row or unit.is_item or words >= 8 or (words >= 2 and end in tuple(".!?…;:。！？"))


def _stems(text: str) -> list[str]:
    words = _WORD.findall(text.casefold())
    return [word[:6].rstrip("s") or word for word in words if word not in _STOP_WORDS]


def _coverage(question: str, units: list[_Unit], contexts: list[str]) -> list[float]:
    """The share of the question's words in each sentence, rare words counting more. A word that only
    stands in the headings above the sentence counts half."""
    own = [set(_stems(unit.text)) for unit in units]
    above = [set(_stems(context)) for context in contexts]
    wanted = set(_stems(question))
    counts = Counter(word for words in own for word in words)
    weight = {word: log(1 + len(units) / (1 + counts[word])) for word in wanted}
    total = sum(weight.values()) or 1.0
    return [
        sum(w * (1.0 if word in o else 0.5 if word in a else 0.0) for word, w in weight.items()) / total
        for o, a in zip(own, above, strict=True)
    ]


def _repeats(units: list[_Unit], i: int, j: int, likeness: Vectors | None) -> bool:
    """Whether two sentences say the same."""
    if likeness is not None and likeness[i, j] > 0.92:
        return True
    a, b = set(_stems(units[i].text)), set(_stems(units[j].text))
    return len(a & b) > 0.75 * min(len(a), len(b))


def _leaned_on(units: list[_Unit], i: int) -> set[int]:
    """The sentence before, if this one cannot be understood without it."""
    unit = units[i]
    before = i - 1
    if unit.is_item:
        while before >= 0 and units[before].passage == unit.passage and units[before].is_item:
            before -= 1
    if before < 0 or units[before].passage != unit.passage:
        return set()
    introduces = unit.is_item and units[before].text.endswith(":")
    return {before} if introduces or _LEANS_BACK.match(unit.text) else set()


def _compose(chosen: list[_Unit], request: Request) -> list[tuple[str, _Unit]]:
    """The pieces of the answer, each ending in its marker, and the sentence it was taken from."""
    pieces: list[tuple[str, _Unit]] = []
    previous: _Unit | None = None
    for unit in chosen:
        text = " ".join(unit.text.split())
        if unit.is_row:
            separator = "\n\n"
            header = _header(request.passages[unit.passage].chunk.text, unit)
            text = f"{header}{text}\n\n" if header else f"{text} "
        elif unit.is_item:
            text = f"- {_LIST_ITEM.sub('', text, count=1)} "
            separator = "\n" if previous is not None and previous.is_item else "\n\n"
        else:
            text = f"{text} "
            is_same = previous is not None and previous.passage == unit.passage
            separator = " " if is_same and previous and not previous.is_row | previous.is_item else "\n\n"
        if previous is None:
            separator = ""
        pieces.append((f"{separator}{text}[{unit.passage + 1}]", unit))
        previous = unit
    return pieces


def _header(text: str, row: _Unit) -> str:
    """The header lines of the table that a row stands in, if they are in the passage."""
    lines = text[: row.start].rstrip("\n").split("\n")
    table: list[str] = []
    while lines and "|" in lines[-1]:
        table.insert(0, lines.pop())
    return f"{table[0]}\n{table[1]}\n" if len(table) > 1 and _TABLE_RULE.match(table[1]) else ""
