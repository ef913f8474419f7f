"""The extractive answerer: sentences of the passages, word for word, where no model is configured.

It is deterministic and invents nothing. What it can do is find the sentences that speak of the
question; what it cannot do is put them into other words.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from ragnb.llms.base import Citation, Delta, Partial, Request, Stop, Strategy, Text, Usage
from ragnb.llms.extractive_candidates import (
    LIST_ITEM,
    Candidate,
    candidates,
    joined,
    leans_back,
    tables_as_one,
)
from ragnb.llms.extractive_scoring import Embed, Scored, SentenceVectors, score
from ragnb.llms.extractive_terms import stems

DECLINED = "I found no answer in these documents."

_ENOUGH = 0.75  # what a further sentence must reach, as a share of the best one's score
_SAME = 0.92  # cosine from which two sentences say the same
_ALIKE = 0.85  # cosine from which they say something of the same thing: another year's price


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
        What the best sentence must reach for the question to count as answered: its cosine with the
        question + 0.3 × the share of the question's words in its passage, less 0.15 if the question
        names what no passage names.
    """

    citing = True
    name = "extractive"

    def __init__(
        self,
        embed: Embed | None = None,
        *,
        most: int = 4,
        least: float = 0.6,
    ) -> None:
        self.most = most
        self.least = least
        self._vectors = SentenceVectors(embed) if embed else None

    def __repr__(self) -> str:
        return "ExtractiveLLM()"

    def warm_up(self) -> None:
        """Nothing to load: the embedding model is loaded for retrieval anyway."""

    def strategies(self, partial: Partial) -> tuple[Strategy, ...]:
        """It says its own answer again, the same; with another model's it cannot go on."""
        return ("replay",) if partial.model == self.name else ()

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """The answer, word by word; see `ragnb.llms.base.LLM.stream`."""
        request = replace(request, question=request.query or request.question)
        chosen = await asyncio.to_thread(self._choose, request)
        position = 0
        for piece, unit in _compose(chosen) if chosen else [(DECLINED, None)]:
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

    def _choose(self, request: Request) -> list[Candidate]:
        """The sentences of the answer in reading order; none if nothing speaks of the question."""
        possible = tables_as_one(candidates(request.passages), set(stems(request.question)))
        if not possible:
            return []
        scored = score(request, possible, self._vectors)
        if max(one.confidence for one in scored) < self.least:
            return []
        return _in_reading_order(_pick(_without_outdated(scored, request), self.most), possible)


def _pick(scored: Sequence[Scored], most: int) -> list[Scored]:
    """The best sentence for each part of the question, then those that come close to the best of all,
    without repeats."""
    # An introduction is quoted with what it introduces, or not at all.
    free = [one for one in scored if not one.candidate.is_introduction]
    chosen: list[Scored] = []
    for part in range(len(scored[0].parts)):
        enough = _ENOUGH * max((one.parts[part] for one in free), default=0.0)
        new = [one for one in free if one.parts[part] >= enough and not _is_said(one, chosen)]
        chosen += sorted(new, key=lambda one: -one.parts[part])[:1]
    enough = _ENOUGH * max((one.score for one in free), default=0.0)
    for one in sorted(free, key=lambda one: -one.score):
        if one.score >= enough and not _is_said(one, chosen):
            chosen.append(one)
    return chosen[:most]


def _is_said(one: Scored, chosen: Sequence[Scored]) -> bool:
    return any(one is other or one.is_like(other, _SAME) for other in chosen)


def _without_outdated(scored: Sequence[Scored], request: Request) -> list[Scored]:
    """All but those of which a newer document says nearly the same, and has as many words of the question:
    who asks for 2024 is told of 2024."""
    dates = [str(request.passages[one.candidate.passage].chunk.metadata.get("date", "")) for one in scored]
    return [
        one
        for one, date in zip(scored, dates, strict=True)
        if not date
        or not any(
            newer > date and other.found >= one.found and one.is_like(other, _ALIKE)
            for other, newer in zip(scored, dates, strict=True)
        )
    ]


def _in_reading_order(chosen: Sequence[Scored], possible: Sequence[Candidate]) -> list[Candidate]:
    """The passage with the best sentence first; with each sentence the one that it leans on."""
    best: dict[int, float] = {}
    kept: set[int] = set()
    for one in chosen:
        passage = one.candidate.passage
        best[passage] = max(one.score, best.get(passage, 0.0))
        position = possible.index(one.candidate)
        kept |= {position} | _leaned_on(possible, position)
    order = sorted(kept, key=lambda i: (-best[possible[i].passage], possible[i].passage, i))
    return _with_joined_rows(possible, order)


def _with_joined_rows(possible: Sequence[Candidate], order: Sequence[int]) -> list[Candidate]:
    """Rows that stand one below the other are quoted as one, under one header."""
    result: list[list[int]] = []
    for i in order:
        follows = result and result[-1][-1] == i - 1
        if follows and possible[i].header and possible[i].header == possible[i - 1].header:
            result[-1].append(i)
        else:
            result.append([i])
    return [joined([possible[i] for i in run]) if len(run) > 1 else possible[run[0]] for run in result]


def _leaned_on(possible: Sequence[Candidate], i: int) -> set[int]:
    """The sentence before, if this one cannot be understood without it."""
    one = possible[i]
    before = i - 1
    if one.is_item:
        while before >= 0 and possible[before].passage == one.passage and possible[before].is_item:
            before -= 1
    if before < 0 or possible[before].passage != one.passage:
        return set()
    introduces = one.is_item and possible[before].is_introduction
    return {before} if introduces or leans_back(one) else set()


def _compose(chosen: Sequence[Candidate]) -> list[tuple[str, Candidate]]:
    """The pieces of the answer, each ending in its marker, and the sentence it was taken from."""
    pieces: list[tuple[str, Candidate]] = []
    previous: Candidate | None = None
    for unit in chosen:
        text = " ".join(unit.text.split())
        if unit.is_row:
            separator = "\n\n"
            text = f"{unit.header}{unit.text}\n\n" if unit.header else f"{text} "
        elif unit.is_item:
            text = f"- {LIST_ITEM.sub('', text, count=1)} "
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
