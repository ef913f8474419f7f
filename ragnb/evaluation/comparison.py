"""Two evaluations of the same questions, compared pair by pair."""

from __future__ import annotations

from msgspec import Struct

from ragnb.errors import InvalidInputError
from ragnb.evaluation.result import Evaluation, Percentiles
from ragnb.evaluation.statistics import LEVEL, bootstrap, chance, corrected

_SAME = 1e-9


class Difference(Struct, frozen=True):
    """What the second pipeline has over the first in one measure, over ``n`` pairs.

    ``low`` and ``high`` bound the mean difference; ``wins``, ``losses`` and ``ties`` are the questions on
    which the second is better, worse and the same. ``chance`` is how likely such a difference is where
    there is none, ``corrected`` the same with regard to the other measures that were looked at.
    """

    measure: str
    n: int
    first: float
    second: float
    difference: float
    low: float | None
    high: float | None
    wins: int
    losses: int
    ties: int
    chance: float
    corrected: float

    @property
    def is_noise(self) -> bool:
        """Whether it may well be chance."""
        return self.corrected >= 1 - LEVEL

    @property
    def verdict(self) -> str:
        """Which is better: ``first``, ``second``, or neither: ``noise``, or ``same``."""
        if not self.wins and not self.losses:
            return "same"
        if self.is_noise:
            return "noise"
        return "second" if self.difference * _sign(self.measure) > 0 else "first"


class Change(Struct, frozen=True):
    """A question on which the two differ in a measure."""

    id: str
    question: str
    first: float
    second: float


class Comparison:
    """Who wins, who loses, and whether it is noise; displays itself as a table with a plot.

    ``differences`` are by measure; cost is among them, where anything was paid.
    """

    def __init__(self, first: Evaluation, second: Evaluation, differences: list[Difference]) -> None:
        self.first = first
        self.second = second
        self.differences = {one.measure: one for one in differences}

    @property
    def times(self) -> dict[str, tuple[Percentiles, Percentiles]]:
        """Seconds of both. No test: the two were measured at different moments, and pairing questions does
        not tell the pipeline from what the first left in memory, or what else the machine did."""
        first, second = self.first.percentiles, self.second.percentiles
        return {name: (first[name], second[name]) for name in first if name in second}

    @property
    def names(self) -> tuple[str, str]:
        """The two names, told apart where they are the same."""
        one, other = self.first.name, self.second.name
        return (one, other) if one != other else (f"{one} (first)", f"{other} (second)")

    def changes(self, measure: str = "correct") -> list[Change]:
        """The questions on which the second is better or worse, the largest losses first."""
        first, second = self.first.values(measure), self.second.values(measure)
        texts = {one.question.id: one.question.question for one in self.first}
        changes = [
            Change(name, texts[name], first[name], second[name])
            for name in first
            if name in second and abs(first[name] - second[name]) > _SAME
        ]
        return sorted(changes, key=lambda one: one.second - one.first)

    def __repr__(self) -> str:
        from ragnb.evaluation.comparison_page import plain

        return plain(self)

    def _repr_html_(self) -> str:
        from ragnb.evaluation.comparison_page import html

        return html(self)


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """The two, pair by pair: a question counts in a measure where both have a value.

    Raises `InvalidInputError` if they were not asked the same questions.
    """
    asked, again = ({one.question.id: one.question.question for one in each} for each in (first, second))
    if not asked.keys() & again.keys() or any(asked[name] != again[name] for name in asked.keys() & again):
        raise InvalidInputError(
            "The two evaluations are of different questions.", "Evaluate both pipelines on the same file."
        )
    measures = [name for name in first.measures if name in second.measures and name != "declined"]
    if any(one.cost for one in (*first, *second)):
        measures.append("cost")
    return Comparison(first, second, _differences(first, second, measures))


def _differences(first: Evaluation, second: Evaluation, measures: list[str]) -> list[Difference]:
    pairs: dict[str, list[tuple[float, float]]] = {}
    for name in measures:
        one, other = first.values(name), second.values(name)
        if both := [(one[question], other[question]) for question in one if question in other]:
            pairs[name] = both
    gains = {name: [_gain(a, b) for a, b in both] for name, both in pairs.items()}
    chances = {name: chance(values) for name, values in gains.items()}
    # Where nothing differs there was no test to be lucky in.
    adjusted = chances | corrected({name: chances[name] for name, values in gains.items() if any(values)})
    found = []
    for name, values in gains.items():
        low, high = bootstrap(values, "percentile")
        sign = _sign(name)
        found.append(
            Difference(
                measure=name,
                n=len(values),
                first=sum(a for a, _ in pairs[name]) / len(values),
                second=sum(b for _, b in pairs[name]) / len(values),
                difference=sum(values) / len(values),
                low=low,
                high=high,
                wins=sum(sign * value > 0 for value in values),
                losses=sum(sign * value < 0 for value in values),
                ties=values.count(0.0),
                chance=chances[name],
                corrected=adjusted[name],
            )
        )
    return found


def _gain(first: float, second: float) -> float:
    return 0.0 if abs(second - first) < _SAME else second - first


def _sign(measure: str) -> int:
    return -1 if measure == "cost" else 1
