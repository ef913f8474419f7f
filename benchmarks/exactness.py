"""Answers cut everywhere, in every way: what is lost, what is said twice, which citations are wrong.

The cross product of protocols and strategies, kinds of fault, ways of a model to go on, and texts. In the text that has
everything in it each position meets one kind of fault, the kinds taking turns; in the others about every second one
does. ``--full`` is every kind at every position of every text, ``--quick`` every 50th. A process per core shares the
work.

    python benchmarks/exactness.py [--quick | --full]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ragnb.simulator import Simulator, tokenize
from tests.resumption.cases import (
    BEHAVIOURS,
    DISORDER,
    FAULTS,
    PROTOCOLS,
    TEXTS,
    Damage,
    ask,
    damage,
    why_inexact,
)

CONNECTIONS = 4  # at a time, in each process


def cases(protocol, text, behaviour, every):
    """Kinds of fault and positions; out of order events come only with a model that goes on as asked."""
    kinds = [*FAULTS, *DISORDER] if behaviour == "exact" else FAULTS
    tokens = len(tokenize(TEXTS[text]))
    return [
        (kind, position)
        for number, kind in enumerate(kinds)
        for position in range(max(kind in DISORDER, number % every), tokens, every)
    ]


async def run(protocol, text, behaviour, every):
    """Kind, position and damage of each answer."""
    to_do = iter(cases(protocol, text, behaviour, every))
    found = []

    async def connection():
        with Simulator(TEXTS[text], continuation=BEHAVIOURS[behaviour]) as sim:
            llm = PROTOCOLS[protocol](sim)
            undisturbed = await ask(llm)
            for kind, position in to_do:
                sim.faults.append({**FAULTS, **DISORDER}[kind](position))
                found.append((kind, position, damage(await ask(llm), undisturbed)))
                sim.faults.clear()
            await llm.aclose()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return found


def in_process(*row):
    return asyncio.run(run(*row))


def rows(main, others):
    """All that is combined, each kind of fault at every so manyth position of the main text and of the others. What comes by a cursor is no continuation, so there is one way to go on."""
    for protocol in PROTOCOLS:
        for text in TEXTS:
            for behaviour in BEHAVIOURS:
                if behaviour == "exact" or not protocol.endswith("cursor"):
                    yield protocol, text, behaviour, main if text == "all" else others


def total(damages):
    return Damage(
        sum(one.lost for one in damages),
        sum(one.duplicated for one in damages),
        sum(one.citations for one in damages),
    )


def line(name, damages):
    harmed = total(damages)
    figures = (len(damages), sum(map(bool, damages)), harmed.lost, harmed.duplicated, harmed.citations)
    return f"{name:58}" + "".join(f"{figure:>12,}" for figure in figures)


HEAD = f"{'':58}" + "".join(
    f"{name:>12}" for name in ("cases", "harmed", "lost chars", "duplicated", "citations")
)


def why(row, kind):
    """What cannot be exact in a case, and what happens there; None if it can."""
    protocol, text, behaviour, _ = row
    for what in (behaviour, kind):
        if reason := why_inexact(protocol, what, text):
            return what, reason
    return None


def report(found):
    """The table of what must be exact, then the cases that cannot be, with what happens there."""
    exact, inexact = defaultdict(list), defaultdict(list)
    for row, answers in found.items():
        for kind, _, harmed in answers:
            named = why(row, kind)
            if named is None:
                exact[row[0]].append(harmed)
            else:
                inexact[row[0], *named].append(harmed)
    print(f"\nWhat is exact\n{HEAD}")
    for protocol in PROTOCOLS:
        print(line(protocol, exact[protocol]))
    print(line("all", [one for damages in exact.values() for one in damages]))
    print(f"\nWhat cannot be exact, by name\n{HEAD}")
    for reason in dict.fromkeys(reason for *_, reason in inexact):
        print(reason)
        for (protocol, named, because), damages in inexact.items():
            if because == reason:
                print(line(f"  {protocol}: {named}", damages))
    return not any(map(any, exact.values()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", action="store_true", help="every 50th position")
    extent.add_argument("--full", action="store_true", help="each position of all texts")
    chosen = parser.parse_args()
    work = list(rows(*((50, 50) if chosen.quick else (1, 1) if chosen.full else (5, 10))))
    found = {}
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as processes:
        running = {processes.submit(in_process, *row): row for row in work}
        with tqdm(total=sum(len(cases(*row)) for row in work), unit=" answers", smoothing=0) as bar:
            for done in as_completed(running):
                row = running[done]
                found[row] = done.result()
                bar.update(len(found[row]))
                for kind, position, harmed in found[row]:
                    if harmed and why(row, kind) is None:
                        bar.write(f"{', '.join(row[:3])}: {kind} at {position}: {harmed}")
    sys.exit(0 if report(found) else 1)


if __name__ == "__main__":
    main()
