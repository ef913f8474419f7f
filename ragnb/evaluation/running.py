"""The evaluation itself: every question is asked, and what comes of it is measured."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from ragnb.answer import Answer
from ragnb.answering import Answering
from ragnb.display.progress import ProgressBar
from ragnb.documents import Hit
from ragnb.engine import Engine
from ragnb.errors import InvalidInputError
from ragnb.evaluation import beir, ranking
from ragnb.evaluation.asking import check
from ragnb.evaluation.gold import Located, Locator
from ragnb.evaluation.judge import Judge, Verdict
from ragnb.evaluation.outcome import Outcome, outcome, retrieved
from ragnb.evaluation.questions import Question, QuestionList, as_questions, read_questions
from ragnb.evaluation.result import Evaluation
from ragnb.evaluation.together import each, ended, found_now
from ragnb.events import Started
from ragnb.resumption import keys

Given = str | Path | Iterable[Question | Mapping[str, Any] | str]

_DEPTH = 100  # documents that BEIR's measures look at
_PASSAGES = 2  # to be found for each of these: a document may have several


async def evaluate(
    answering: Answering,
    given: Given,
    *,
    k: int,
    name: str = "",
    key: str | None = None,
    judge: Judge | None = None,
    retrieval_only: bool = False,
    concurrency: int = 1,
) -> Evaluation:
    """Ask all questions and measure; see `RAGPipeline.evaluate`."""
    if not isinstance(concurrency, int) or concurrency < 1:
        raise InvalidInputError(f"concurrency={concurrency!r} is no number of questions.", "Use 1 or more.")
    keys.checked(key)
    engine = answering.engine
    is_folder = isinstance(given, (str, Path)) and Path(given).is_dir()
    questions = await asyncio.to_thread(_questions, given)
    located = await asyncio.to_thread(_located, engine, questions)
    measures = _Measures(questions, located, [k, _DEPTH] if is_folder else [k])
    # What loads at the first question is not its fault.
    await found_now(engine, "Is everything there?", 1)
    await asyncio.to_thread(engine.llm.warm_up)
    bar = ProgressBar("Evaluating", "question")

    def tell(*_: object) -> None:
        bar.advance(1)

    bar.begin(len(questions))
    try:
        if is_folder or retrieval_only:
            depth = _DEPTH * _PASSAGES if is_folder else k
            found = await each(
                questions, lambda one: found_now(engine, one.question, depth), concurrency, tell
            )
            outcomes = await asyncio.to_thread(measures.of_hits, found)
        else:
            judged = await each(
                questions, lambda one: _judged(answering, judge, one, k, key), concurrency, tell
            )
            outcomes = await asyncio.to_thread(measures.of_answers, judged)
    finally:
        bar.end()
    return Evaluation(outcomes, name=name, configured=engine.configured, k=k)


@dataclass(frozen=True, slots=True)
class _Measures:
    """What is measured of each question, whose rankings are looked at to these depths."""

    questions: Sequence[Question]
    located: Sequence[Located]
    depths: Sequence[int]

    def of_hits(self, found: Sequence[tuple[tuple[Hit, ...], float]]) -> list[Outcome]:
        ranked = self._ranked([hits for hits, _ in found])
        return [
            retrieved(question, located, values, hits, seconds)
            for question, located, values, (hits, seconds) in zip(
                self.questions, self.located, ranked, found, strict=True
            )
        ]

    def of_answers(self, judged: Sequence[tuple[Answer, Verdict | None]]) -> list[Outcome]:
        ranked = self._ranked([answer.candidates for answer, _ in judged])
        parts = zip(self.questions, self.located, ranked, judged, strict=True)
        return [outcome(question, located, values, *one) for question, located, values, one in parts]

    def _ranked(self, hits: Sequence[Sequence[Hit]]) -> list[dict[str, float]]:
        """The measures of each ranking; none where there is no gold, not all of it, or no ranking."""
        ready = {
            str(n): (located, found)
            for n, (located, found) in enumerate(zip(self.located, hits, strict=True))
            if located.is_whole and found
        }
        scored = ranking.scores(
            {n: located.ranking(found) for n, (located, found) in ready.items()},
            {n: located.grades for n, (located, _) in ready.items()},
            self.depths,
        )
        return [scored.get(str(n), {}) for n in range(len(hits))]


def _questions(given: Given) -> QuestionList:
    if not isinstance(given, (str, Path)):
        return as_questions(given)
    return beir.questions(given) if Path(given).is_dir() else read_questions(given)


def _located(engine: Engine, questions: Sequence[Question]) -> list[Located]:
    engine.retriever.open()
    locator = Locator(engine.retriever.store)
    located = [locator.locate(question) for question in questions]
    if any(one.missing for one in located) and not any(one.is_whole for one in located):
        missing = list(chain.from_iterable(one.missing for one in located))
        raise InvalidInputError(
            f"Nothing that the questions name is in the index: {'; '.join(missing[:3])}"
            f"{' …' if len(missing) > 3 else '.'}",
            "Ingest the documents first; rag.documents() shows what they are called there.",
        )
    return located


async def _judged(
    answering: Answering, judge: Judge | None, question: Question, k: int, key: str | None
) -> tuple[Answer, Verdict | None]:
    answer = await _answer(answering, question, k, None if key is None else f"{key}/{question.id}")
    if judge is None or answer.status != "finished":
        return answer, None
    return answer, await judge.verdict(question, answer)


async def _answer(answering: Answering, question: Question, k: int, key: str | None) -> Answer:
    taken = answering.ask(question.question, k, None, key)
    started = taken.answer.first(Started)
    if started is not None and started.configured != answering.engine.configured:
        if taken.is_ours:
            taken.answer.cancel()
        raise InvalidInputError(
            f"The key {key!r} belongs to an answer of another pipeline: {_named(started.configured)}.",
            "Use another key for an evaluation of this one.",
        )
    answer = await ended(taken)
    check(answer)
    return answer


def _named(configured: Mapping[str, str]) -> str:
    return ", ".join(f"{part}={name}" for part, name in configured.items())
