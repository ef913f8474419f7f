"""Quality against cost of the router on data/questions.jsonl, with the simulated models of routing_outcomes.py,
cross-validated by question: the router, random, by length alone, and one that knows each model's chances. With
``--write`` the coefficients become those that ragnb comes with."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from statistics import fmean

import msgspec
from routing_outcomes import ROOT, asked, chances, drawn

from ragnb.routing.calibrated import fit
from ragnb.routing.router import lowest_threshold
from ragnb.routing.signals import signals

RUNS = 20
PRICES = (1.0, 10.0)  # of a small and a large answer; gpt-4.1-nano and gpt-4.1 are 20 apart


def main() -> None:
    questions = asked()
    rows, small, large, groups, gaps, lengths = [], [], [], [], [], []
    for seed in range(RUNS):
        for question, passages, found in questions:
            chance = chances(question, passages)
            one, other = drawn(chance, question, seed)
            rows.append(found)
            small.append(one)
            large.append(other)
            groups.append(question.id)
            gaps.append(chance[0] - chance[1])
            lengths.append(-found["words"])
    enough = [one >= other for one, other in zip(small, large, strict=True)]
    model, unseen = fit(rows, enough, groups)
    threshold = lowest_threshold(unseen, small, large)

    print(
        f"{len(questions)} questions, {RUNS} simulated runs; right: small {fmean(small):.1%}, large {fmean(large):.1%}"
    )
    print(
        "\nShare of the large model's quality, by the share of answers it gives (and the cost, of always-large):"
    )
    ways = {"router": unseen, "length alone": lengths, "knows the chances": gaps}
    print(f"{'':20}" + "".join(f"{share:>8.0%} ({cost(share):.0%})" for share in (0.1, 0.2, 0.3, 0.4, 0.5)))
    for name, scores in ways.items():
        qualities = [quality(scores, small, large, share) for share in (0.1, 0.2, 0.3, 0.4, 0.5)]
        print(f"{name:20}" + "".join(f"{one:>14.1%}" for one in qualities))
    chance_line = [
        fmean(small) + share * (fmean(large) - fmean(small)) for share in (0.1, 0.2, 0.3, 0.4, 0.5)
    ]
    print(f"{'random':20}" + "".join(f"{one / fmean(large):>14.1%}" for one in chance_line))

    share = fmean(one < threshold for one in unseen)
    print(
        f"\nAt the threshold {threshold:.3f}: {1 - share:.0%} of the answers by the small model, quality "
        f"{quality(unseen, small, large, share):.1%} of always-large at {cost(share):.0%} of its cost."
    )
    print("\nCalibration: how probable the small model was said to be enough, and how often it was")
    ordered = sorted(zip(unseen, enough, strict=True))
    for part in range(5):
        some = ordered[part * len(ordered) // 5 : (part + 1) * len(ordered) // 5]
        print(f"  said {fmean(p for p, _ in some):.2f}, was {fmean(e for _, e in some):.2f}")

    question, passages, _ = questions[0]
    begin = time.perf_counter()
    for _ in range(100):
        model.probability(signals(question.question, passages * 4, passages))
    print(f"\nSignals and probability, 20 candidates: {(time.perf_counter() - begin) * 10:.2f} ms")
    if "--write" in sys.argv:
        text = msgspec.json.format(msgspec.json.encode((model, threshold)), indent=1)
        (ROOT / "ragnb" / "routing" / "default.json").write_bytes(text + b"\n")


def cost(share: float) -> float:
    """Of always-large, where it answers this share."""
    return share + (1 - share) * PRICES[0] / PRICES[1]


def quality(scores: Sequence[float], small: Sequence[float], large: Sequence[float], share: float) -> float:
    """Of always-large, where it answers the share with the lowest scores."""
    order = sorted(range(len(scores)), key=lambda place: scores[place])
    asked_large = set(order[: round(share * len(order))])
    right = [large[place] if place in asked_large else small[place] for place in range(len(order))]
    return fmean(right) / fmean(large)


if __name__ == "__main__":
    main()
