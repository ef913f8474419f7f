"""Evaluation: what was measured, question by question, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from msgspec import Struct

from ragnb.errors import InvalidInputError
from ragnb.evaluation.frames import frame
from ragnb.evaluation.outcome import SECONDS, Outcome
from ragnb.evaluation.questions import QuestionList
from ragnb.evaluation.statistics import Estimate, estimate

if TYPE_CHECKING:
    from ragnb.evaluation.comparison import Comparison

ALL = "all"
_LAST = ("citation precision", "citation recall", "declined", "correct", "judged")


class Percentiles(Struct, frozen=True):
    """Seconds that half, 95 and 99 of a hundred questions took at most."""

    p50: float
    p95: float
    p99: float


class Evaluation(Sequence[Outcome]):
    """A table of measures with plots, per kind of question; its items are what became of each question.

    - ``nDCG@10``, ``recall@k``, ``MRR``: of the passages that were found (see `ranking.scores`); relevant
      is what holds a gold quote, or comes from the gold document where no quote is given.
    - ``citation precision``, ``citation recall``: of the quotes cited (see `citing`).
    - ``declined``: the share of answers that say that the documents hold none.
    - ``correct``: the share of answers that cite all gold quotes; of questions without an answer, the share
      that was declined.
    - ``judged``: what a judge said, if one was asked: 1 for correct, 0.5 for partly, 0 for wrong.

    Questions whose gold is not in the index are in ``missing`` and count in no measure that needs it; those
    that failed are in ``failed`` and count in none of the answer's.
    """

    def __init__(
        self, outcomes: Iterable[Outcome], *, name: str = "", configured: Mapping[str, str], k: int
    ) -> None:
        self.outcomes = tuple(outcomes)
        self.configured = dict(configured)
        self.k = k
        self.name = name or f"{self.configured.get('llm', 'pipeline')}, k={k}"

    def __len__(self) -> int:
        return len(self.outcomes)

    @overload
    def __getitem__(self, place: int) -> Outcome: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Outcome, ...]: ...
    def __getitem__(self, place: int | slice) -> Outcome | tuple[Outcome, ...]:
        return self.outcomes[place]

    # ---- what was measured -----------------------------------------------------------------------

    @property
    def questions(self) -> QuestionList:
        """The questions that were asked."""
        return QuestionList(one.question for one in self)

    @cached_property
    def measures(self) -> tuple[str, ...]:
        """The names of the measures, in the order of a question's way: found, cited, answered."""
        # The longest row has a search's measures in their order.
        rows = sorted((one.values for one in self), key=len, reverse=True)
        names = dict.fromkeys(name for row in rows for name in row if name not in _LAST)
        return (*names, *(name for name in _LAST if any(name in row for row in rows)))

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of questions, in their order."""
        return tuple(dict.fromkeys(one.question.kind for one in self if one.question.kind))

    def values(self, measure: str, kind: str = ALL) -> dict[str, float]:
        """A measure of each question to which it applies, by the question's id."""
        known = set(self.measures) | set(SECONDS) | {"cost"}
        if measure not in known:
            raise InvalidInputError(
                f"{measure!r} was not measured.",
                f"There are: {', '.join((*self.measures, *SECONDS, 'cost'))}.",
            )
        found = ((one.question, _value(one, measure)) for one in self)
        return {
            asked.id: value for asked, value in found if value is not None and kind in (ALL, asked.kind)
        }

    def estimate(self, measure: str, kind: str = ALL) -> Estimate | None:
        """The mean of a measure and its interval; None where it applies to no question."""
        values = list(self.values(measure, kind).values())
        return estimate(values) if values else None

    @cached_property
    def estimates(self) -> dict[str, dict[str, Estimate]]:
        """All means, by kind and measure; those over all questions first."""
        table = {
            kind: {name: self.estimate(name, kind) for name in self.measures} for kind in (ALL, *self.kinds)
        }
        return {kind: {name: one for name, one in row.items() if one} for kind, row in table.items()}

    @property
    def percentiles(self) -> dict[str, Percentiles]:
        """Seconds from the question to the sources, the first token and the end."""
        found = {name: list(self.values(name).values()) for name in SECONDS}
        return {
            name: Percentiles(*(float(one) for one in np.percentile(values, (50, 95, 99))))
            for name, values in found.items()
            if values
        }

    @property
    def missing(self) -> dict[str, tuple[str, ...]]:
        """Gold that is not in the index, by the question's id."""
        return {one.question.id: one.missing for one in self if one.missing}

    @property
    def failed(self) -> dict[str, str]:
        """Why there is no answer, by the question's id."""
        return {one.question.id: one.error for one in self if one.error}

    @property
    def input_tokens(self) -> int:
        """Of all answers."""
        return sum(one.input_tokens for one in self)

    @property
    def output_tokens(self) -> int:
        """Of all answers."""
        return sum(one.output_tokens for one in self)

    @property
    def cost(self) -> float | None:
        """USD for all answers, without the judge's; None if the price of one is unknown."""
        return _sum(one.cost for one in self if one.answer is not None)

    @property
    def judging_cost(self) -> float | None:
        """USD for all verdicts; None if there are none, or the price of one is unknown."""
        return _sum(one.verdict.cost for one in self if one.verdict is not None)

    def worst(self, n: int = 5, by: str = "correct", kind: str = ALL) -> list[Outcome]:
        """The questions with the lowest values of a measure, those that rank lower first where it is the
        same."""
        values = self.values(by, kind)
        there = [one for one in self if one.question.id in values]
        return sorted(there, key=lambda one: (values[one.question.id], _quality(one)))[:n]

    def compare(self, other: Evaluation) -> Comparison:
        """This evaluation and another of the same questions, side by side: who is better, and is it
        noise?"""
        from ragnb.evaluation.comparison import compare

        return compare(self, other)

    # ---- shown -----------------------------------------------------------------------------------

    @property
    def frame(self) -> Any:
        """A pandas DataFrame, one row a question; times are in seconds, cost in USD.

        Raises `ConfigurationError` where pandas is not installed.
        """
        return frame(_row(one, self.measures) for one in self)

    def __repr__(self) -> str:
        from ragnb.evaluation.result_page import plain

        return plain(self)

    def _repr_html_(self) -> str:
        from ragnb.evaluation.result_page import html

        return html(self)


def _quality(one: Outcome) -> float:
    return sum(value for name, value in one.values.items() if name != "declined")


def _value(one: Outcome, measure: str) -> float | None:
    if measure == "cost":
        return one.cost
    return one.values.get(measure, one.seconds.get(measure))


def _sum(costs: Iterable[float | None]) -> float | None:
    known = list(costs)
    return sum(cost for cost in known if cost is not None) if known and None not in known else None


def _row(one: Outcome, measures: Sequence[str]) -> dict[str, Any]:
    asked = one.question
    row: dict[str, Any] = {"id": asked.id, "kind": asked.kind, "split": asked.split}
    row |= {"question": asked.question, "expected": asked.answer}
    if one.answer is not None:
        row |= {"answer": one.answer.text, "answer_id": one.answer.id}
    row |= {name: one.values.get(name) for name in measures} | one.seconds
    if one.answer is not None:
        row |= {"input tokens": one.input_tokens, "output tokens": one.output_tokens, "cost": one.cost}
    if one.verdict is not None:
        row["judge"] = one.verdict.reason
    return row | {"missing": "; ".join(one.missing), "error": one.error}
