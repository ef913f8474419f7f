"""The tail of the time to the first token, with and without hedging, on simulated providers.

A provider takes a time to its first token that is drawn anew for each request; requests come at random, and each is
a whole answer of the engine. Time is simulated: what is waited for passes at once, so that an hour takes seconds and
two runs give the same figures. The share of requests made twice is what hedging costs.

    python benchmarks/hedging.py
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ragnb.documents import Chunk, Hit
from ragnb.events import Token
from ragnb.generation import generate
from ragnb.llms.base import Request, Stop, Text, Usage
from ragnb.resumption.policy import Retry
from ragnb.resumption.resilience import Resilience
from ragnb.routing.hedging import Hedge, Hedging
from tests.virtual import run

COUNT, EVERY = 4_000, 1.0  # requests, and seconds between two of them on average
REQUEST = Request(
    "How long?", (Hit(Chunk(id="1", document="d", text="Refunds are paid within five days."), 1.0),)
)
CARE = Retry(budget=600.0)


def usual(dice, _):
    """About 0.35 s, as a healthy provider."""
    return dice.lognormvariate(math.log(0.35), 0.25)


def rare(share):
    """The usual time, and for that share of requests 5 to 30 seconds more."""

    def drawn(dice, now):
        return usual(dice, now) + (dice.uniform(5.0, 30.0) if dice.random() < share else 0.0)

    return drawn


def pareto(dice, _):
    """No two kinds of requests, but a tail without an end: Pareto's, of exponent 1.3."""
    return 0.3 * dice.paretovariate(1.3)


def outage(dice, now):
    """Everything is slow for two minutes of every twenty: hedging cannot help, and must not make it worse."""
    return usual(dice, now) + (8.0 if now % 1_200 < 120 else 0.0)


PROVIDERS = {
    "2 % of requests late": rare(0.02),
    "3 % of requests late": rare(0.03),
    "Pareto": pareto,
    "outages": outage,
}


class Provider:
    """A model whose first token takes as long as it is drawn."""

    name = "simulated"
    citing = False
    max_tokens = 100

    def __init__(self, drawn, seed):
        self.drawn = drawn
        self.dice = random.Random(seed)
        self.asked = 0

    def warm_up(self):
        pass

    async def stream(self, request):
        self.asked += 1
        await asyncio.sleep(self.drawn(self.dice, asyncio.get_running_loop().time()))
        yield Text("Five days.")
        yield Usage(100, 3)
        yield Stop("stop")


async def first_token(llm, hedging):
    """Seconds until it."""
    clock = asyncio.get_running_loop().time
    begin, at = clock(), 0.0
    async for event in generate([llm], REQUEST, Resilience(CARE, hedging=hedging)):
        if isinstance(event, Token):
            at = clock() - begin
    return at


async def asked(drawn, hedge, count=COUNT, seed=7):
    """The times to the first token, ascending, and how many requests were made in all."""
    arrivals, llm = random.Random(seed), Provider(drawn, seed)
    hedging = None if hedge is None else Hedging(hedge)
    running = []
    for _ in range(count):
        running.append(asyncio.create_task(first_token(llm, hedging)))
        await asyncio.sleep(arrivals.expovariate(1 / EVERY))
    return sorted(await asyncio.gather(*running)), llm.asked


def percentile(times, share):
    return times[min(len(times) - 1, int(share * len(times)))]


def measured(drawn, hedge, count=COUNT):
    """p50, p95, p99 and p99.9 in seconds, and the share of requests that were made twice."""
    times, made = run(asked(drawn, hedge, count))
    return [percentile(times, share) for share in (0.5, 0.95, 0.99, 0.999)], made / count - 1


def main():
    print(f"{COUNT:,} requests, one every {EVERY:g} s; seconds to the first token")
    print(f"{'':22} {'':8} {'p50':>6} {'p95':>6} {'p99':>6} {'p99.9':>6} {'p99 ratio':>10} {'requests':>9}")
    for name, drawn in PROVIDERS.items():
        plain, _ = measured(drawn, None)
        hedged, more = measured(drawn, Hedge())
        for told, row, ratio, extra in (
            ("plain", plain, "", ""),
            ("hedged", hedged, f"{plain[2] / hedged[2]:.1f}", f"+{more:.1%}"),
        ):
            figures = " ".join(f"{value:6.2f}" for value in row)
            print(f"{name if told == 'plain' else '':22} {told:8} {figures} {ratio:>10} {extra:>9}")


if __name__ == "__main__":
    main()
