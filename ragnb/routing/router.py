"""The router: which tier answers a question, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from ragnb.documents import Hit
from ragnb.errors import InvalidInputError
from ragnb.events import Routed
from ragnb.llms.base import LLM, Request
from ragnb.routing import calibrated
from ragnb.routing.calibrated import Calibrated
from ragnb.routing.hold import Hold
from ragnb.routing.labels import Evaluated, Labelled, labelled
from ragnb.routing.signals import signals
from ragnb.routing.tiers import Tiers

Rule = Callable[[dict[str, float]], Any]
"""A plain rule: the name of a tier for the signals of a question."""

_CHARACTERS_PER_TOKEN = 3  # so few that a window is never exceeded by estimate
_PROMPT = 1_500  # tokens of the rules, of what stands around the passages, and of the answer
_KEPT = 0.95

_SAYS = {  # why a larger model is needed, and why a smaller one will do
    "score": ("the best passage is weak", "the best passage fits well"),
    "margin": ("no passage stands out", "one passage stands out"),
    "agreement": ("words and meaning find other passages", "words and meaning find the same passages"),
    "coverage": ("no passage has all that is asked for", "one passage has most of what is asked for"),
    "spread": ("what is asked for is spread over passages", "one passage has it together"),
    "unnamed": ("a name in it was not found", "what it names was found"),
    "words": ("it is long", "it is short"),
    "clauses": ("it asks several things", "it asks one thing"),
    "apart": ("its parts are found in different documents", "its parts are found together"),
    "figure": ("it asks for a figure", "it asks for no figure"),
    "number": ("it has a number", "it has no number"),
    "comparison": ("it compares", "it compares nothing"),
    "negation": ("it has a negation", "it has no negation"),
    "reasoning": ("it asks for reasons", "it asks for no reasons"),
    "listing": ("it asks for a list or a total", "it asks for no list"),
    "english": ("it is in another language", "it is in English"),
    "context": ("there is much to read", "there is not too much to read"),
    "tables": ("the passages have tables", "the passages have no tables"),
    "row": ("the answer may stand in a row of a table", "no row of a table has it"),
    "row lead": ("a row of a table has more of it than any sentence", "a sentence has what is asked for"),
    "documents": ("the passages are of several documents", "the passages are of few documents"),
    "turns": ("much was said before", "little was said before"),
}


@dataclass(frozen=True, slots=True)
class Decided:
    """A tier, and in a clause why."""

    tier: str
    reason: str


class Router:
    """Asks the smallest tier whose answer is as good as the largest one's with a probability of
    ``threshold`` or more.

    It comes fitted on this project's sample documents with simulated models; `fit` fits it on your own.
    Without a ``threshold``, it is the one that keeps 95 % of the largest tier's quality on the questions
    that it was fitted on.
    """

    def __init__(self, threshold: float | None = None) -> None:
        if threshold is not None and not 0 <= threshold <= 1:
            raise InvalidInputError(f"threshold={threshold!r} is no probability.", "Use 0 to 1.")
        self._given = threshold
        self._models: Mapping[str, tuple[Calibrated, float]] = {}

    def decide(self, signals: Mapping[str, float], tiers: Sequence[str]) -> Decided:
        """One of the tiers, which are named from the smallest to the largest."""
        *smaller, largest = tiers
        reason = "it is the only one that is able to"
        for tier in smaller:
            model, threshold = self._of(tier)
            probability = model.probability(signals)
            told = f"with {probability:.0%} probability “{tier}” is as good as the largest one"
            if probability >= threshold:
                return Decided(tier, f"{told}: {_why(model, signals, enough=True)}")
            reason = f"only {told}: {_why(model, signals, enough=False)}"
        return Decided(largest, reason)

    def probability(self, signals: Mapping[str, float], tier: str) -> float:
        """How probable it is that the tier is as good as the largest one, from 0 to 1."""
        return self._of(tier)[0].probability(signals)

    def _of(self, tier: str) -> tuple[Calibrated, float]:
        """The model for a tier, and the probability from which on it is asked."""
        model, fitted = self._models.get(tier) or _default()
        return model, fitted if self._given is None else self._given

    def fit(
        self,
        questions: Iterable[Labelled] | Mapping[str, Evaluated],
        *,
        keep: float = _KEPT,
        measure: str = "",
    ) -> Router:
        """Learn from questions that every tier has answered, and return itself.

        The easiest way is an evaluation of each tier on the same questions, the largest last:
        ``Router().fit({"small": one.evaluate(file), "large": other.evaluate(file)})``. ``measure`` says
        what counts as good, by default what a judge said, else ``correct``. Questions that are labelled
        otherwise are given as `Labelled`.

        The thresholds keep the share ``keep`` of the largest tier's quality, on questions that each model
        was not fitted on. Raises `InvalidInputError` for too few questions, or where there is nothing to
        learn.
        """
        if not 0 < keep <= 1:
            raise InvalidInputError(f"keep={keep!r} is no share of a quality.", "Use 0.95, for example.")
        rows = labelled(questions, measure) if isinstance(questions, Mapping) else list(questions)
        names = list(rows[0].quality) if rows else []
        if len(names) < 2 or any(list(row.quality) != names for row in rows):
            raise InvalidInputError(
                "The questions do not say of the same two tiers or more how good they were.",
                'Write Labelled(signals, {"small": 0.0, "large": 1.0}), the largest tier last.',
            )
        groups = [row.group or str(place) for place, row in enumerate(rows)]
        best = [row.quality[names[-1]] for row in rows]
        fitted = {}
        for name in names[:-1]:
            quality = [row.quality[name] for row in rows]
            is_enough = [own >= other for own, other in zip(quality, best, strict=True)]
            model, unseen = calibrated.fit([row.signals for row in rows], is_enough, groups)
            fitted[name] = (model, lowest_threshold(unseen, quality, best, keep))
        self._models = fitted
        return self


def lowest_threshold(
    probabilities: Sequence[float], own: Sequence[float], best: Sequence[float], keep: float = _KEPT
) -> float:
    """The lowest threshold at which all answers, of the one or of the best, are to be expected to have that
    share of the best's quality together; 1 where there is none. ``own`` and ``best`` are the qualities, in
    the order of the probabilities.

    Expected, not counted: which of a hundred questions came out well is chance, and the lowest of many
    thresholds would be the luckiest one.
    """
    differences = [small - large for small, large in zip(own, best, strict=True)]
    gain = _mean(one for one in differences if one >= 0)
    loss = _mean(one for one in differences if one < 0)
    reached, threshold = sum(best), 1.0
    for probability, times in sorted(Counter(probabilities).items(), reverse=True):
        reached += times * (probability * gain + (1 - probability) * loss)
        if reached < keep * sum(best):
            break
        threshold = probability
    return threshold


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0


def _why(model: Calibrated, signals: Mapping[str, float], *, enough: bool) -> str:
    """The two signals that count most for it, in words, one of several that are of the same thing."""
    sign = 1 if enough else -1
    parts = model.contributions(signals).items()
    counted = sorted(((sign * value, name) for name, value in parts if sign * value > 0), reverse=True)
    told: dict[str, str] = {}
    for _, name in counted:
        told.setdefault(name.partition(" ")[0], _SAYS[name][enough])
    return " and ".join(list(told.values())[:2]) or "nothing stands out"


@cache
def _default() -> tuple[Calibrated, float]:
    """Fitted by benchmarks/routing.py."""
    text = resources.files("ragnb.routing").joinpath("default.json").read_bytes()
    fitted: tuple[Calibrated, float] = msgspec.json.decode(text, type=tuple[Calibrated, float])
    return fitted


@dataclass(frozen=True)
class Routing:
    """Tiers, and a router or a plain rule that chooses among them. Where that fails, the largest tier
    answers, and the log says why. With a ``hold``, what a tier refuses goes to the next larger one."""

    tiers: Tiers
    router: Router | Rule
    hold: Hold | None = None

    def route(self, request: Request, found: Sequence[Hit]) -> Routed:
        """The tier that is asked first, with the signals and the reason; ``found`` is in the order of
        retrieval."""
        question = request.query or request.question
        seen = signals(question, found, request.passages, len(request.history))
        characters = len(question) + sum(len(hit.chunk.searched_text) for hit in request.passages)
        characters += sum(len(turn.question) + len(turn.answer) for turn in request.history)
        tokens = characters // _CHARACTERS_PER_TOKEN + _PROMPT
        decided = self._decided(seen, self.tiers.able(seen, tokens))
        model = self.tiers.order(decided.tier)[0]
        rounded = {name: round(value, 4) for name, value in seen.items()}
        return Routed(model=model.name, reason=decided.reason, tier=decided.tier, signals=rounded)

    def models(self, first: str) -> tuple[LLM, ...]:
        """The models in the order in which they are asked, that of the name first."""
        names = {model.name: tier for tier, model in zip(self.tiers.names, self.tiers.models, strict=True)}
        return self.tiers.order(names.get(first, self.tiers.names[-1]))

    def holds(self, first: str) -> dict[str, Hold]:
        """The hold of each model that a larger one is asked after, where that one is asked first."""
        if self.hold is None:
            return {}
        asked, largest = self.models(first), self.tiers.models[-1]
        return {model.name: self.hold for model in asked[: asked.index(largest)]}

    def named(self, routed: Routed) -> Routed:
        """The event with the tier of its model."""
        names = {model.name: tier for tier, model in zip(self.tiers.names, self.tiers.models, strict=True)}
        return msgspec.structs.replace(routed, tier=names.get(routed.model, ""))

    def _decided(self, seen: dict[str, float], able: Sequence[str]) -> Decided:
        if isinstance(self.router, Router):
            return self.router.decide(seen, able)
        largest = able[-1]
        try:
            tier = self.router(dict(seen))
        except Exception as error:
            first_line = (str(error).splitlines() or [""])[0]
            return Decided(
                largest, f"the router failed ({type(error).__name__}: {first_line}), and it is the largest"
            )
        if tier not in self.tiers.names:
            return Decided(
                largest, f"the router said {tier!r:.60}, which is no tier, and it is the largest"
            )
        if tier not in able:
            return Decided(largest, f"“{tier}”, which the router chose, is not able to")
        return Decided(tier, "the rule says so")
