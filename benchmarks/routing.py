"""Quality against cost of the router on data/questions.jsonl, with the simulated models of routing_outcomes.py.

Every question is decided on by a router that was fitted on others, its penalty and its threshold too (nested
cross-validation by question). With ``--write`` the coefficients become those that ragnb comes with."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import msgspec
import numpy as np
from routing_outcomes import ROOT, Asked, Assumed, Drawn, asked, costs, drawn

from ragnb.routing.calibrated import fit
from ragnb.routing.router import lowest_threshold
from ragnb.routing.signals import signals

RUNS = 20
FOLDS = 5
DEALS = 2  # ways of dealing the questions to folds
KEEP = 0.95
PAIR = ("openai:gpt-4.1-nano", "openai:gpt-4.1")
PAIRS = (
    PAIR,
    ("openai:gpt-4o-mini", "openai:gpt-4o"),
    ("openai:gpt-5-nano", "openai:gpt-5"),
    ("openai:gpt-4.1-mini", "openai:gpt-4.1"),
    ("anthropic:claude-haiku-4-5", "anthropic:claude-opus-4-6"),
    ("groq:llama-3.1-8b-instant", "groq:llama-3.3-70b-versatile"),
    ("groq:openai/gpt-oss-20b", "groq:openai/gpt-oss-120b"),
)


class Routed:
    """Held-out probabilities that the small model is enough, and the decisions at held-out thresholds, each an
    array of deals × questions."""

    def __init__(self, rows: Sequence[Asked], seen: Drawn) -> None:
        self.seen = seen
        self.probabilities = np.zeros((DEALS, len(rows)))
        self.is_small = np.zeros((DEALS, len(rows)), bool)
        for deal in range(DEALS):
            fold = np.random.default_rng(deal).permutation(len(rows)) % FOLDS
            for number in range(FOLDS):
                model, threshold = fitted(rows, seen, np.flatnonzero(fold != number))
                for place in np.flatnonzero(fold == number):
                    probability = model.probability(rows[place].signals)
                    self.probabilities[deal, place] = probability
                    self.is_small[deal, place] = probability >= threshold

    def quality(self, is_small: Any) -> float:
        """Of always-large."""
        shown = np.where(is_small, self.seen.small, self.seen.large)
        return float(shown.mean() / self.seen.large.mean())

    def cost(self, is_small: Any, paid: tuple[Any, Any, Any]) -> float:
        """Of always-large. A refusal is paid, and the large model's answer after it."""
        small, large, refusal = paid
        first = np.where(self.seen.declined, refusal + large, small)
        return float(np.where(is_small, first, large).mean() / large.mean())

    def at_thresholds(self, paid: tuple[Any, Any, Any]) -> tuple[float, float, float]:
        """Quality, cost and the share of the large model, at thresholds that others gave."""
        found = [(self.quality(one), self.cost(one, paid), 1 - one.mean()) for one in self.is_small]
        quality, cost, share = np.mean(found, axis=0)
        return float(quality), float(cost), float(share)

    def curve(self, scores: Any, paid: tuple[Any, Any, Any]) -> Any:
        """Quality and cost where the large model answers the questions with the lowest scores: none, one, …"""
        order = np.argsort(scores, kind="stable")
        found = []
        for count in range(len(order) + 1):
            is_small = np.ones(len(order), bool)
            is_small[order[:count]] = False
            found.append((self.quality(is_small), self.cost(is_small, paid)))
        return np.array(found)


def fitted(rows: Sequence[Asked], seen: Drawn, places: Any) -> tuple[Any, float]:
    small, large = seen.small[:, places].ravel(), seen.large[:, places].ravel()
    runs = len(seen.small)
    features = [rows[place].signals for place in places] * runs
    groups = [rows[place].question.id for place in places] * runs
    model, unseen = fit(features, [bool(one) for one in small >= large], groups)
    return model, lowest_threshold(unseen, small.tolist(), large.tolist(), KEEP)


def cheapest(curve: Any, at: float = KEEP) -> float:
    """The lowest cost on the curve from which on the quality is kept."""
    return float(curve[np.argmax(curve[:, 0] >= at), 1])


def gap(curve: Any) -> Any:
    """The share of the quality gap that is closed, by the share of calls to the large model."""
    quality = curve[:, 0]
    return (quality - quality[0]) / (quality[-1] - quality[0])


def main() -> None:
    rows, assumed = asked(), Assumed()
    alone = Routed(rows, drawn(rows, assumed, RUNS, hold=False))
    held = Routed(rows, drawn(rows, assumed, RUNS, hold=True))
    usage = [one.usage for one in rows]
    print("Simulated models; the shares and their sources are in benchmarks/routing_outcomes.py.")
    print(
        f"{len(rows)} questions, {RUNS} runs; right: small {alone.seen.small.mean():.1%}, large "
        f"{alone.seen.large.mean():.1%}. Tokens of a request {fmean(u.input_tokens for u in usage):.0f}, of an "
        f"answer {fmean(u.output_tokens for u in usage):.0f} (4 characters each)."
    )
    print_pairs(rows, alone, held)
    print_same_cost(rows, alone, held)
    print_gap(rows, assumed, alone, held)
    print_calibration(alone)
    print_sensitivity(rows, assumed)
    print_time(rows)
    if "--write" in sys.argv:
        found = fitted(rows, drawn(rows, assumed, 2 * RUNS, hold=False), np.arange(len(rows)))
        text = msgspec.json.format(msgspec.json.encode(found), indent=1)
        (ROOT / "ragnb" / "routing" / "default.json").write_bytes(text + b"\n")


def print_pairs(rows: Sequence[Asked], alone: Routed, held: Routed) -> None:
    print(
        f"\nCost of always-large, at thresholds meant to keep {KEEP:.0%} of its quality, by the list prices\n"
        f"{'':58}{'ratio':>6}{'router':>10}{'quality':>9}{'and hold':>10}{'quality':>9}"
    )
    for pair in PAIRS:
        paid = costs(rows, pair)
        ratio = paid[1].mean() / paid[0].mean()
        quality, cost, _ = alone.at_thresholds(paid)
        quality_held, cost_held, _ = held.at_thresholds(paid)
        print(
            f"{' | '.join(pair):58}{ratio:>6.1f}{cost:>10.1%}{quality:>9.1%}{cost_held:>10.1%}{quality_held:>9.1%}"
        )


def ways(rows: Sequence[Asked], alone: Routed) -> dict[str, Any]:
    """Scores of each way of choosing: low ones go to the large model."""
    return {
        "router": alone.probabilities[0],
        "length alone": np.array([-one.signals["words"] for one in rows]),
    }


def random_curve(one: Routed, paid: tuple[Any, Any, Any]) -> Any:
    """Straight from always-small to always-large."""
    ends = one.curve(np.zeros(len(paid[0])), paid)
    share = np.linspace(0, 1, len(ends))[:, None]
    return ends[0] + share * (ends[-1] - ends[0])


def print_same_cost(rows: Sequence[Asked], alone: Routed, held: Routed) -> None:
    paid = costs(rows, PAIR)
    at = (0.1, 0.2, 0.3, 0.4, 0.5)
    print(f"\nShare of the large model's quality, by cost ({' | '.join(PAIR)})")
    print(f"{'':30}" + "".join(f"{one:>8.0%}" for one in at) + f"{'cost at 95 %':>15}")
    curves = {name: alone.curve(scores, paid) for name, scores in ways(rows, alone).items()}
    curves["router and hold"] = held.curve(held.probabilities[0], paid)
    curves["random and hold"] = random_curve(held, paid)
    curves["random"] = random_curve(alone, paid)
    for name, curve in curves.items():
        quality = np.interp(at, curve[:, 1], curve[:, 0])
        print(f"{name:30}" + "".join(f"{one:>8.1%}" for one in quality) + f"{cheapest(curve):>15.1%}")


def print_gap(rows: Sequence[Asked], assumed: Assumed, alone: Routed, held: Routed) -> None:
    paid = costs(rows, PAIR)
    chances = [assumed.chances(one.question, one.passages) for one in rows]
    best = np.array([small - large for small, large in chances])
    curves = {name: alone.curve(scores, paid) for name, scores in ways(rows, alone).items()}
    curves["router and hold"] = held.curve(held.probabilities[0], paid)
    curves["random"] = random_curve(alone, paid)
    curves["oracle: knows the chances"] = alone.curve(best, paid)
    print("\nCalls to the large model that close 50 % and 80 % of the quality gap, and the average gap")
    print("closed (CPT and APGR of Ong et al., RouteLLM, 2024)")
    print(f"{'':30}{'CPT(50)':>9}{'cost':>7}{'CPT(80)':>9}{'cost':>7}{'APGR':>8}")
    for name, curve in curves.items():
        closed = gap(curve)
        cells = ""
        for at in (0.5, 0.8):
            place = int(np.argmax(closed >= at - 1e-9))
            cells += f"{place / len(rows):>9.1%}{curve[place, 1]:>7.1%}"
        area = float(np.trapezoid(closed, dx=1 / len(rows)))
        print(f"{name:30}{cells}{area:>8.3f}")
    print("(with the hold, 0 % of the gap is what the small model and the hold reach together)")


def print_calibration(alone: Routed) -> None:
    print(
        "\nCalibration: how probable it was said to be that the small model is enough, and how often it was"
    )
    said = alone.probabilities[0]
    was = (alone.seen.small >= alone.seen.large).mean(axis=0)
    for part in np.array_split(np.argsort(said), 5):
        width = round(30 * was[part].mean())
        print(f"  said {said[part].mean():.2f}   was {was[part].mean():.2f}  {'█' * width}")
    error = np.mean(
        [abs(said[part].mean() - was[part].mean()) for part in np.array_split(np.argsort(said), 5)]
    )
    print(f"  mean difference {error:.3f}")


def print_sensitivity(rows: Sequence[Asked], assumed: Assumed) -> None:
    small = assumed.small
    others = {
        "as assumed": assumed,
        "two documents 0.50 instead of 0.36": replace(assumed, small=small | {"two documents": 0.50}),
        "tables 0.60 instead of 0.47": replace(assumed, small=small | {"table": 0.60}),
        "tables 0.30": replace(assumed, small=small | {"table": 0.30}),
        "plain questions 5 points worse": replace(
            assumed,
            small={k: v - 0.05 * (k not in ("table", "two documents")) for k, v in small.items()},
        ),
        "negation makes nothing harder": replace(assumed, negation=1.0),
        "length makes nothing harder": replace(assumed, long=1.0),
        "a fifth fewer right above 3,000 characters": replace(assumed, long=0.80),
        "luck is never shared": replace(assumed, shared=0.0),
        "“I don't know” never": replace(assumed, declines=0.0, overdeclines=0.0),
        "“I don't know” in 15 % of failures": replace(assumed, declines=0.15),
        "“I don't know” in 47 %, as in CRAG": replace(assumed, declines=0.47),
        "“I don't know” to 5 % of what is easy": replace(assumed, overdeclines=0.05),
    }
    paid = costs(rows, PAIR)
    print("\nWhat each assumption does: cost at thresholds meant to keep 95 %, and the quality kept")
    print(f"{'':46}{'small':>7}{'router':>9}{'quality':>9}{'and hold':>10}{'quality':>9}")
    for name, other in others.items():
        alone = Routed(rows, drawn(rows, other, RUNS, hold=False))
        held = Routed(rows, drawn(rows, other, RUNS, hold=True))
        (quality, cost, _), (kept, less, _) = alone.at_thresholds(paid), held.at_thresholds(paid)
        share = alone.quality(np.ones(len(rows), bool))
        print(f"{name:46}{share:>7.1%}{cost:>9.1%}{quality:>9.1%}{less:>10.1%}{kept:>9.1%}")
    once = [Routed(rows, drawn(rows, assumed, 1, hold=True, seed=seed)) for seed in range(5)]
    fresh = drawn(rows, assumed, RUNS, hold=True, seed=99)
    for one in once:
        one.seen = fresh  # judged by more than the one run it was fitted on
    quality, cost, _ = np.mean([one.at_thresholds(paid) for one in once], axis=0)
    print(f"{'fitted on one evaluation, not twenty':46}{'':25}{cost:>10.1%}{quality:>9.1%}")


def print_time(rows: Sequence[Asked]) -> None:
    model, _ = fit([one.signals for one in rows], [place % 2 == 0 for place in range(len(rows))])
    one = max(rows, key=lambda row: sum(len(hit.chunk.text) for hit in row.passages))
    times = []
    for _ in range(100):
        begin, worked = time.perf_counter(), time.thread_time()
        model.probability(signals(one.question.question, one.passages * 4, one.passages))
        times.append((time.perf_counter() - begin, time.thread_time() - worked))
    (wall, _), (_, worked) = min(times), sorted(times, key=lambda one: one[1])[50]
    print(
        f"\nSignals and probability, 20 candidates, the longest passages: {1000 * wall:.2f} ms at best, "
        f"{1000 * worked:.2f} ms of work at the median"
    )


if __name__ == "__main__":
    main()
