"""What a router would have chosen, and how sure it was."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ragnb.errors import InvalidInputError
from ragnb.routing.labels import Labelled
from ragnb.routing.router import Router, Rule
from ragnb.routing.tiers import Tier
from ragnb.routing.windows import Windows
from ragnb.whatif.recorded import Case
from ragnb.whatif.ways import ending

_FOLDS = 5
_FEWEST = 25  # four fifths of which are enough to fit on


@dataclass(frozen=True, slots=True)
class Chosen:
    """The tier of each question with the reason, and how probable each smaller tier was to be as good as
    the largest; ``by`` says in words who chose. Probabilities are empty for a plain rule."""

    by: str
    tiers: list[str]
    reasons: list[str]
    probabilities: list[dict[str, float]]

    def at(self, threshold: float, able: Sequence[Sequence[str]]) -> list[str]:
        """The tiers that the router would have chosen with this threshold."""
        return [
            next((tier for tier in names[:-1] if found[tier] >= threshold), names[-1])
            for found, names in zip(self.probabilities, able, strict=True)
        ]


def able(cases: Sequence[Case], tiers: Sequence[Tier]) -> list[list[str]]:
    """The tiers that are able to answer each question; all where none is."""
    names = [tier.name for tier in tiers]
    windows = {tier.name: tier.window or Windows().of(tier.llm) for tier in tiers}
    return [
        [tier.name for tier in tiers if tier.is_able(case.signals, case.tokens, windows[tier.name])]
        or names
        for case in cases
    ]


def chosen(
    cases: Sequence[Case], tiers: Sequence[Tier], router: Router | Rule | None, *, hold: bool
) -> Chosen:
    """By the router that is given; else by one fitted on the other questions, where all were measured; else
    by the one that ragnb comes with. Raises `InvalidInputError` for a rule that names no tier."""
    names = able(cases, tiers)
    if isinstance(router, Router):
        return _by([router] * len(cases), cases, names, "the router that was given")
    if router is not None:
        return _by_rule(router, cases, names)
    measured = [case for case in cases if case.is_measured]
    if len(measured) == len(cases) >= _FEWEST and len(tiers) > 1:
        try:
            routers = _fitted_on_others(cases, hold=hold)
        except InvalidInputError as error:
            said = f"the router that ragnb comes with, as {error.message[0].lower()}{error.message[1:-1]}"
            return _by([Router()] * len(cases), cases, names, said)
        return _by(routers, cases, names, "a router that was fitted on the other questions (five folds)")
    return _by([Router()] * len(cases), cases, names, "the router that ragnb comes with")


def _fitted_on_others(cases: Sequence[Case], *, hold: bool) -> list[Router]:
    """For each question a router that has seen neither it nor the same one asked again. With ``hold``, a
    tier is as good as what is shown where it is asked first."""
    asked = sorted({case.question for case in cases})
    random.Random(0).shuffle(asked)  # the same folds each time, whatever the order
    fold = {question: place % _FOLDS for place, question in enumerate(asked)}
    rows = [
        (
            fold[case.question],
            Labelled(
                case.signals,
                {tier: ending(case, tier, hold=hold).quality or 0.0 for tier in case.tries},
                case.question,
            ),
        )
        for case in cases
    ]
    routers = [Router().fit(row for number, row in rows if number != held) for held in range(_FOLDS)]
    return [routers[number] for number, _ in rows]


def _by(
    routers: Sequence[Router], cases: Sequence[Case], names: Sequence[Sequence[str]], by: str
) -> Chosen:
    decided = [
        router.decide(case.signals, able) for router, case, able in zip(routers, cases, names, strict=True)
    ]
    probabilities = [
        {tier: router.probability(case.signals, tier) for tier in list(case.tries)[:-1]}
        for router, case in zip(routers, cases, strict=True)
    ]
    return Chosen(by, [one.tier for one in decided], [one.reason for one in decided], probabilities)


def _by_rule(rule: Rule, cases: Sequence[Case], names: Sequence[Sequence[str]]) -> Chosen:
    tiers = []
    for case, able in zip(cases, names, strict=True):
        try:
            tier = rule(dict(case.signals))
        except Exception as error:
            raise InvalidInputError(
                f"The rule failed at “{case.question}”: {type(error).__name__}: {error}.",
                "While answers are given, the largest tier would answer; mend the rule first.",
            ) from error
        if not isinstance(tier, str) or tier not in case.tries:
            raise InvalidInputError(
                f"The rule said {tier!r:.60} to “{case.question}”, which is no tier.",
                f"It has to name one of {', '.join(case.tries)}.",
            )
        tiers.append(tier if tier in able else able[-1])
    return Chosen("the rule", tiers, ["the rule says so"] * len(tiers), [])
