"""What a router learns from: questions, and how good each tier's answer was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ragnb.answer import Answer
from ragnb.errors import InvalidInputError
from ragnb.events import Retrieved, Rewritten, Routed
from ragnb.routing.signals import signals

_MEASURES = ("judged", "correct")


@dataclass(frozen=True, slots=True)
class Labelled:
    """The signals of a question, and from 0 to 1 how good the answer of each tier was. ``group`` tells
    which rows are of the same question, where it was asked several times."""

    signals: Mapping[str, float]
    quality: Mapping[str, float]
    group: str = ""


class Evaluated(Protocol):
    """What `RAGPipeline.evaluate` gives."""

    @property
    def outcomes(self) -> Iterable[Any]: ...
    def values(self, measure: str) -> dict[str, float]: ...
    @property
    def measures(self) -> tuple[str, ...]: ...


def labelled(evaluations: Mapping[str, Evaluated], measure: str = "") -> list[Labelled]:
    """A row for each question that all tiers have a value of, by the tiers' names.

    The signals are those of the largest tier's answer, which is the last one. Raises `InvalidInputError`
    where nothing was answered, or not by all.
    """
    measure = measure or _measure(evaluations)
    values = {tier: one.values(measure) for tier, one in evaluations.items()}
    answers = {
        outcome.question.id: outcome.answer
        for one in list(evaluations.values())[-1:]
        for outcome in one.outcomes
        if outcome.answer is not None
    }
    common = [name for name in answers if all(name in found for found in values.values())]
    if not common:
        raise InvalidInputError(
            f"There is no question whose answers by all tiers ({', '.join(evaluations)}) have a value of "
            f"“{measure}”.",
            "Evaluate every tier on the same questions, with their answers: rag.evaluate(file).",
        )
    return [
        Labelled(signals_of(answers[name]), {tier: found[name] for tier, found in values.items()}, name)
        for name in common
    ]


def signals_of(answer: Answer) -> dict[str, float]:
    """The signals that a router would have seen: those in the log, else as they follow from it."""
    for routed in answer.all(Routed):
        if routed.signals:
            return dict(routed.signals)
    retrieved, rewritten = answer.first(Retrieved), answer.first(Rewritten)
    found = retrieved.hits if retrieved else ()
    return signals(rewritten.question if rewritten else answer.question, found, answer.sources)


def _measure(evaluations: Mapping[str, Evaluated]) -> str:
    measured = [set(one.measures) for one in evaluations.values()]
    for name in _MEASURES:
        if measured and all(name in one for one in measured):
            return name
    raise InvalidInputError(
        "These evaluations do not say of any tier how good its answers were.",
        'Evaluate questions with known answers, or with a judge: rag.evaluate(file, judge="openai:…").',
    )
