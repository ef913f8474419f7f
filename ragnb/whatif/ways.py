"""Ways of choosing a tier for each question, and what comes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ragnb.whatif.recorded import Case


@dataclass(frozen=True, slots=True)
class Way:
    """What a way of choosing comes to: the share of questions that each tier is asked first, USD for a
    question, the quality from 0 to 1, seconds to the first token and to the end that half and 95 of a
    hundred questions take at most. None is unknown."""

    name: str
    shares: Mapping[str, float]
    cost: float
    quality: float | None
    first: tuple[float, float] | None = None
    total: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """What a question comes to where this tier is asked first: ``answered`` names the tier whose answer is
    shown. ``quality`` is what was measured, else None."""

    answered: str
    cost: float
    quality: float | None
    first: float | None
    total: float | None


def ending(case: Case, first: str, *, hold: bool) -> Ending:
    """With ``hold``, a refusal goes to the next larger tier, and both are paid."""
    names = list(case.tries)
    place, cost, waited = names.index(first), 0.0, 0.0
    while True:
        one = case.tries[names[place]]
        cost += one.cost
        if not (hold and one.declined and place + 1 < len(names)):
            later = (value if value is None else value + waited for value in (one.first, one.total))
            return Ending(names[place], cost, one.quality, *later)
        waited += one.total or 0.0
        place += 1


def way(
    name: str, cases: Sequence[Case], weights: Sequence[float], chosen: Sequence[str], *, hold: bool
) -> Way:
    """What it comes to if each question's tier is the one chosen. ``weights`` are how often each question
    is asked, and sum to 1."""
    endings = [ending(case, tier, hold=hold) for case, tier in zip(cases, chosen, strict=True)]
    tiers = list(cases[0].tries)
    shares = {tier: sum(w for w, one in zip(weights, chosen, strict=True) if one == tier) for tier in tiers}
    return Way(
        name,
        shares,
        sum(w * one.cost for w, one in zip(weights, endings, strict=True)),
        _mean([one.quality for one in endings], weights),
        _percentiles([one.first for one in endings], weights),
        _percentiles([one.total for one in endings], weights),
    )


def mixed(name: str, ways: Mapping[str, Way], shares: Mapping[str, float]) -> Way:
    """Each question by chance, so that each tier has its share; ``ways`` are those that ask one tier for
    all."""
    qualities = [ways[tier].quality for tier in shares]
    return Way(
        name,
        shares,
        sum(share * ways[tier].cost for tier, share in shares.items()),
        _mean(qualities, list(shares.values())),
    )


def by_length(cases: Sequence[Case], weights: Sequence[float], shares: Mapping[str, float]) -> list[str]:
    """The shortest questions to the smallest tier, so that each has its share."""
    order = sorted(range(len(cases)), key=lambda place: cases[place].signals.get("words", 0.0))
    return _dealt(order, weights, shares)


def _dealt(order: Sequence[int], weights: Sequence[float], shares: Mapping[str, float]) -> list[str]:
    chosen = [""] * len(order)
    ends = np.cumsum(list(shares.values()))
    reached = 0.0
    for place in order:
        middle = reached + weights[place] / 2
        tier = min(int(np.searchsorted(ends, middle)), len(shares) - 1)
        chosen[place] = list(shares)[tier]
        reached += weights[place]
    return chosen


def best(cases: Sequence[Case], *, hold: bool) -> list[str]:
    """What somebody would choose who knew the answers: the cheapest of the best ones."""

    def worth(case: Case, tier: str) -> tuple[float, float]:
        one = ending(case, tier, hold=hold)
        return -(one.quality or 0.0), one.cost

    return [min(case.tries, key=lambda tier: worth(case, tier)) for case in cases]


def _mean(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if weight > 0]
    if not known or any(value is None for value, _ in known):
        return None
    return sum((value or 0.0) * weight for value, weight in known) / sum(weight for _, weight in known)


def _percentiles(values: Sequence[float | None], weights: Sequence[float]) -> tuple[float, float] | None:
    if any(value is None for value in values):
        return None
    known = np.array(values, float)
    order = np.argsort(known)
    reached = np.cumsum(np.array(weights)[order])
    places = (np.searchsorted(reached, share * reached[-1]) for share in (0.5, 0.95))
    p50, p95 = (float(known[order][min(int(place), len(known) - 1)]) for place in places)
    return p50, p95
