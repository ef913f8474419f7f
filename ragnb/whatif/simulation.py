"""Simulation: what comes of each way of choosing, and where the router was wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ragnb.errors import InvalidInputError
from ragnb.evaluation.frames import frame
from ragnb.whatif.choosing import Chosen
from ragnb.whatif.recorded import Case
from ragnb.whatif.traffic import Traffic
from ragnb.whatif.ways import Way, ending

_PARTS = 5  # of the questions, for the calibration
RIGHT, MISSED, NEEDLESS = "", "too small", "larger than needed"


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of USD for a question and quality."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Needed:
    """What it takes for a bill to fall from ``before``, all questions answered by the largest tier, to
    ``after``: ``questions`` in that time, of which the share ``largest`` may go to the largest tier, at
    most; below 0 there is none. ``quality`` is what the router keeps of the largest tier's there, None
    where it never gets so low."""

    before: float
    after: float
    questions: float
    largest: float
    quality: float | None

    def __str__(self) -> str:
        fall = f"${self.before:,.0f} → ${self.after:,.0f}"
        if self.largest < 0:
            return f"{fall}: not with these prices; the smallest tier alone costs more."
        kept = "less than the smallest tier keeps" if self.quality is None else f"{self.quality:.0%}"
        return (
            f"{fall}: {self.questions:,.0f} questions, at most {self.largest:.1%} of them to the largest "
            f"tier; the router keeps {kept} of its quality there."
        )


class Simulation:
    """A table of ways to choose, the cost-quality curve, the share of each tier; displays itself.

    ``ways`` has them by name: always each tier, the router, by chance and by length with as many questions
    for each tier, and by one who knows the answers. ``cases`` are the questions.
    """

    def __init__(
        self,
        *,
        cases: Sequence[Case],
        tiers: Sequence[str],
        chosen: Chosen,
        traffic: Traffic,
        weights: Sequence[float],
        ways: Sequence[Way],
        curves: Sequence[Curve],
        is_estimated: bool,
        hold: bool,
        notes: Sequence[str] = (),
    ) -> None:
        self.cases = tuple(cases)
        self.tiers = tuple(tiers)
        self.chosen = chosen
        self.traffic = traffic
        self.weights = tuple(weights)
        self.ways = {one.name: one for one in ways}
        self.curves = tuple(curves)
        self.is_estimated = is_estimated
        self.hold = hold
        self.notes = tuple(notes)

    @property
    def router(self) -> Way:
        """What comes of the router's choices."""
        return self.ways["router"]

    @property
    def largest(self) -> Way:
        """What comes of asking the largest tier always."""
        return self.ways[f"always {self.tiers[-1]}"]

    @property
    def saved(self) -> float:
        """The share of the largest tier's cost that the router saves."""
        return 1 - self.router.cost / self.largest.cost if self.largest.cost else 0.0

    def bill(self, way: Way) -> float:
        """USD in the period of the traffic."""
        return way.cost * self.traffic.questions

    @cached_property
    def verdicts(self) -> tuple[str, ...]:
        """Of each question: empty where the choice was right or the quality is an estimate, else `MISSED`
        or `NEEDLESS`."""
        if self.is_estimated:
            return ("",) * len(self.cases)
        return tuple(
            _verdict(case, tier, hold=self.hold)
            for case, tier in zip(self.cases, self.chosen.tiers, strict=True)
        )

    @property
    def missed(self) -> list[Case]:
        """Questions that a larger tier would have answered better than the one that was asked."""
        return self._with(MISSED)

    @property
    def needless(self) -> list[Case]:
        """Questions that a smaller tier would have answered as well."""
        return self._with(NEEDLESS)

    @cached_property
    def calibration(self) -> list[tuple[float, float]]:
        """How probable the smallest tier was said to be as good as the largest, and how often it was: the
        means of fifths of the questions. Empty without probabilities, or where no quality was measured."""
        if self.is_estimated or not self.chosen.probabilities or len(self.tiers) < 2:
            return []
        small, large = self.tiers[0], self.tiers[-1]
        pairs = sorted(
            (said[small], self._quality(case, small) >= self._quality(case, large))
            for said, case in zip(self.chosen.probabilities, self.cases, strict=True)
        )
        parts = [pairs[n * len(pairs) // _PARTS : (n + 1) * len(pairs) // _PARTS] for n in range(_PARTS)]
        return [
            (sum(said for said, _ in part) / len(part), sum(was for _, was in part) / len(part))
            for part in parts
            if part
        ]

    def needed(self, before: float, after: float) -> Needed:
        """What it takes for a bill to fall from ``before`` to ``after`` by routing alone: how much traffic,
        and how few questions for the largest tier. Raises `InvalidInputError` where these are no bills."""
        if not 0 < after <= before:
            raise InvalidInputError(
                f"${before} → ${after} is no fall.", "Use needed(4200, 380), for example."
            )
        small, large = self.ways[f"always {self.tiers[0]}"], self.largest
        if not large.cost > small.cost:
            raise InvalidInputError(
                "The largest tier costs no more than the smallest.", "Give the smallest tier first."
            )
        share = after / before
        largest = (share * large.cost - small.cost) / (large.cost - small.cost)
        return Needed(before, after, before / large.cost, largest, self._kept(share * large.cost))

    def _quality(self, case: Case, tier: str) -> float:
        return ending(case, tier, hold=self.hold).quality or 0.0

    def _kept(self, cost: float) -> float | None:
        """The share of the largest tier's quality that the router keeps at a cost."""
        curve = next((one for one in self.curves if one.name.startswith("router")), None)
        if curve is None or not self.largest.quality or cost < curve.points[0][0]:
            return None
        return max(quality for paid, quality in curve.points if paid <= cost) / self.largest.quality

    def _with(self, verdict: str) -> list[Case]:
        return [case for case, one in zip(self.cases, self.verdicts, strict=True) if one == verdict]

    # ---- shown -----------------------------------------------------------------------------------

    @property
    def frame(self) -> Any:
        """A pandas DataFrame, one row a question: what was chosen, why, and what each tier makes of it.

        Raises `ConfigurationError` where pandas is not installed.
        """
        chosen = self.chosen
        each = zip(self.cases, chosen.tiers, chosen.reasons, self.verdicts, strict=True)
        return frame(self._row(*one) for one in each)

    def _row(self, case: Case, tier: str, reason: str, verdict: str) -> dict[str, Any]:
        end = ending(case, tier, hold=self.hold)
        row: dict[str, Any] = {"id": case.id, "kind": case.kind, "question": case.question}
        row |= {"tier": tier, "answered by": end.answered, "reason": reason, "wrong": verdict}
        row |= {"cost": end.cost, "quality": end.quality, "first token": end.first, "total": end.total}
        for name, one in case.tries.items():
            row |= {f"{name} cost": one.cost, f"{name} quality": one.quality}
        return row

    def __repr__(self) -> str:
        from ragnb.whatif.simulation_page import plain

        return plain(self)

    def _repr_html_(self) -> str:
        from ragnb.whatif.simulation_page import html

        return html(self)


def _verdict(case: Case, tier: str, *, hold: bool) -> str:
    names = list(case.tries)
    place = names.index(tier)
    own = ending(case, tier, hold=hold).quality or 0.0
    if any((ending(case, name, hold=hold).quality or 0.0) > own for name in names[place + 1 :]):
        return MISSED
    if any((ending(case, name, hold=hold).quality or 0.0) >= own for name in names[:place]):
        return NEEDLESS
    return RIGHT
