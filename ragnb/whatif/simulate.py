"""`simulate`: what recorded questions would cost over other tiers, and how good the answers would be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ragnb.errors import InvalidInputError
from ragnb.llms.base import LLM
from ragnb.routing.router import Router, Rule
from ragnb.routing.tiers import Tier
from ragnb.whatif import ways
from ragnb.whatif.choosing import Chosen, able, chosen
from ragnb.whatif.recorded import Case, Given, cases
from ragnb.whatif.simulation import Curve, Simulation
from ragnb.whatif.traffic import Speed, Traffic

_POINTS = 40  # of the curve


def simulate(
    given: Given,
    tiers: Mapping[str, LLM | str] | Sequence[Tier],
    traffic: Traffic | int | None = None,
    *,
    router: Router | Rule | None = None,
    hold: bool = True,
    measure: str = "",
    speeds: Mapping[str, Speed] | None = None,
    output_tokens: int = 100,
) -> Simulation:
    """Replay what was asked over tiers, which are given as to a pipeline, the smallest first: cost, quality
    and latency.

    ``given`` is one of these:

    - an evaluation for each tier, by its name: ``{"small": …, "large": …}``. Cost, quality and times are as
      recorded; where no ``router`` is given, each question is decided on by one fitted on the others.
    - one evaluation, or answers such as ``rag.answers()``. A tier whose model gave an answer has that one;
      the cost of another is that answer's tokens at its own price, and its quality is estimated by the
      router: how probable it is to be as good as the largest tier's.
    - an evaluation without answers, ``rag.evaluate(file, retrieval_only=True)``: all is estimated, with
      ``output_tokens`` for an answer.

    ``traffic`` is how many questions a month there are, or a `Traffic`; without it, the cost is that of the
    questions given. ``hold`` lets a smaller tier's refusal go to the next larger one, and counts both.
    ``measure`` says what counts as good, by default what a judge said, else ``correct``. ``speeds`` are
    what to assume of a tier's model in place of what was recorded.

    Raises `InvalidInputError` for what cannot be replayed, `ConfigurationError` for a tier without a price.
    """
    tiers = [Tier(*pair) for pair in tiers.items()] if isinstance(tiers, Mapping) else list(tiers)
    _check(tiers, speeds or {})
    found = cases(given, tiers, measure, speeds or {}, output_tokens)
    measured = [case for case in found if case.is_measured]
    notes = []
    if measured and len(measured) < len(found):
        notes.append(f"{len(found) - len(measured):,} questions whose quality is not known are left out.")
    found = measured or found
    by = chosen(found, tiers, router, hold=hold)
    is_estimated = not measured
    if is_estimated and by.probabilities:
        found = [_estimated(case, known) for case, known in zip(found, by.probabilities, strict=True)]
    told = traffic if isinstance(traffic, Traffic) else Traffic(len(found) if traffic is None else traffic)
    if traffic is None:
        told = replace(told, per="")
    weights = _weights(found, told)
    return Simulation(
        cases=found,
        tiers=[tier.name for tier in tiers],
        chosen=by,
        traffic=told,
        weights=weights,
        ways=_ways(found, weights, by, hold=hold, is_estimated=is_estimated),
        curves=_curves(found, weights, by, able(found, tiers), hold=hold),
        is_estimated=is_estimated,
        hold=hold,
        notes=notes,
    )


def _ways(
    cases: Sequence[Case], weights: Sequence[float], by: Chosen, *, hold: bool, is_estimated: bool
) -> list[ways.Way]:
    """Always each tier, the router, by chance and by length as often, and what the best would be."""
    always = {
        tier: ways.way(f"always {tier}", cases, weights, [tier] * len(cases), hold=False)
        for tier in cases[0].tries
    }
    routed = ways.way("router", cases, weights, by.tiers, hold=hold)
    held = {tier: ways.way(tier, cases, weights, [tier] * len(cases), hold=hold) for tier in always}
    dealt = ways.by_length(cases, weights, routed.shares)
    found = [*always.values(), routed, ways.mixed("by chance, as often", held, routed.shares)]
    found.append(ways.way("by length, as often", cases, weights, dealt, hold=hold))
    if not is_estimated:
        best = ways.best(cases, hold=hold)
        found.append(ways.way("knowing the answers", cases, weights, best, hold=hold))
    return found


def _curves(
    cases: Sequence[Case],
    weights: Sequence[float],
    by: Chosen,
    able: Sequence[Sequence[str]],
    *,
    hold: bool,
) -> list[Curve]:
    """Quality by cost: the router with every threshold, and by chance between the smallest and largest."""
    tiers = list(cases[0].tries)
    ends = [
        ways.way(tier, cases, weights, [tier] * len(cases), hold=hold) for tier in (tiers[0], tiers[-1])
    ]
    if len(tiers) < 2 or any(one.quality is None for one in ends):
        return []
    chance = Curve("by chance", [(one.cost, one.quality or 0.0) for one in ends])
    if not by.probabilities:
        return [chance]
    known = sorted({value for found in by.probabilities for value in found.values()})
    step = max(1, len(known) // _POINTS)
    points = []
    for threshold in (0.0, *known[::step], 1.01):
        one = ways.way("", cases, weights, by.at(threshold, able), hold=hold)
        points.append((one.cost, one.quality or 0.0))
    return [Curve("router, by its threshold", sorted(set(points))), chance]


def _estimated(case: Case, probabilities: Mapping[str, float]) -> Case:
    """With the quality that is to be expected, as a share of the largest tier's."""
    tries = {tier: replace(one, quality=probabilities.get(tier, 1.0)) for tier, one in case.tries.items()}
    return replace(case, tries=tries)


def _weights(cases: Sequence[Case], traffic: Traffic) -> list[float]:
    if traffic.mix is None:
        return [1 / len(cases)] * len(cases)
    counts = Counter(case.kind for case in cases)
    if missing := [kind for kind, share in traffic.mix.items() if share and not counts[kind]]:
        kinds = ", ".join(repr(kind) for kind in counts)
        raise InvalidInputError(f"No question is of the kind {missing[0]!r}.", f"There are: {kinds}.")
    total = sum(traffic.mix.values())
    return [traffic.mix.get(case.kind, 0.0) / total / counts[case.kind] for case in cases]


def _check(tiers: Sequence[Tier], speeds: Mapping[str, Speed]) -> None:
    if strange := [one for one in tiers if not (isinstance(one, Tier) and _has_model(one))]:
        raise InvalidInputError(
            f"{strange[0]!r:.60} is no tier.",
            'Write {"small": "openai:gpt-4.1-nano", "large": "openai:gpt-4.1"}, or Tier objects.',
        )
    names = [tier.name for tier in tiers]
    if not names or len(set(names)) < len(names):
        raise InvalidInputError(
            f"There is nothing to choose among in the tiers {names}.",
            "Give tiers from the smallest to the largest, each with a name of its own.",
        )
    if unknown := [name for name in speeds if name not in names]:
        raise InvalidInputError(f"{unknown[0]!r} is no tier.", f"The tiers: {', '.join(names)}.")


def _has_model(tier: Tier) -> bool:
    return isinstance(tier.llm, str) or isinstance(getattr(tier.llm, "name", None), str)
