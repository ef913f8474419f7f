"""The founding comparison as ratios: the time until something is read, with and without streaming, and the monthly
bill, with and without routing; and what $4,200 → $380 a month would take.

The time is measured on the simulator: 0.4 s to the first token (recordings of providers show 0.28 to 0.55), 60 tokens
a second, answers of 150 tokens. The bill is that of the simulated models of routing_outcomes.py, at list prices."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
from routing_outcomes import Asked, Assumed, asked, drawn

from ragnb import RAGPipeline
from ragnb.answer import Answer
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.evaluation.outcome import Outcome
from ragnb.evaluation.result import Evaluation
from ragnb.events import Finished, Retrieved, Routed, Started, Token, Used
from ragnb.llms.openai import OpenAILLM
from ragnb.routing.tiers import Tier
from ragnb.simulator import Simulator
from ragnb.whatif.simulate import simulate
from ragnb.whatif.simulation import Simulation
from ragnb.whatif.traffic import Speed, Traffic

FIRST, PACE, LENGTH, ROUNDS = 0.4, 60, 150, 5
BEFORE, AFTER = 4_200, 380
SPEEDS = {"small": Speed(0.3, 150), "large": Speed(0.5, 60)}  # as is usual of such models; an assumption
HARD = ("table", "two documents")
MIXES = (0.10, 0.05, 0.02)  # shares of hard questions
PAIRS = (
    ("openai:gpt-4.1-nano", "openai:gpt-4.1"),
    ("openai:gpt-4o-mini", "openai:gpt-4o"),
    ("openai:gpt-5-nano", "openai:gpt-5"),
    ("anthropic:claude-haiku-4-5", "anthropic:claude-opus-4-6"),
    ("groq:openai/gpt-oss-20b", "openai:gpt-4.1"),
    ("groq:llama-3.1-8b-instant", "openai:gpt-4o"),
)


async def times() -> tuple[float, float, float]:
    """Seconds to the passages and the first token of a stream, and to a whole answer."""
    words = [f"word{number} " for number in range(LENGTH)]
    with Simulator(words, tokens_per_second=PACE, first_token_delay=FIRST) as sim, Simulator() as vectors:
        rag = RAGPipeline(
            OpenAILLM("gpt-4.1-mini", base_url=sim.url, api_key="none"),
            OpenAIEmbeddings(base_url=vectors.url, api_key="none"),
            "memory",
            home=None,
        )
        await rag.aadd(["Refunds are paid within five working days.", "A bicycle costs 15 euros."])
        await rag.aquery("Is everything warm?")
        found = []
        for _ in range(ROUNDS):
            begin, first = time.perf_counter(), 0.0
            async for _token in rag.astream("When are refunds paid?"):
                first = first or time.perf_counter() - begin
            begin = time.perf_counter()
            await rag.aquery("When are refunds paid?")
            sources = rag.answers()[-1].timing.retrieval or 0.0
            found.append((sources, first, time.perf_counter() - begin))
        rag.close()
    sources, first, whole = (statistics.median(column) for column in zip(*found, strict=True))
    return sources, first, whole


def evaluations(rows: Sequence[Asked], pair: tuple[str, str]) -> dict[str, Evaluation]:
    """What an evaluation of each simulated model would have recorded, in one run."""
    seen = drawn(rows, Assumed(), 1, hold=True)
    alone = drawn(rows, Assumed(), 1, hold=False)
    right = {"small": alone.small[0], "large": alone.large[0]}
    refused = {"small": seen.declined[0], "large": np.zeros(len(rows), bool)}
    return {
        tier: Evaluation(
            [
                Outcome(
                    question=row.question,
                    hits=row.passages,
                    values={"correct": float(is_right and not is_refused)},
                    seconds={},
                    answer=recorded(row, model, is_refused),
                )
                for row, is_right, is_refused in zip(rows, right[tier], refused[tier], strict=True)
            ],
            configured={"llm": model},
            k=len(rows[0].passages),
        )
        for tier, model in zip(("small", "large"), pair, strict=True)
    }


def recorded(row: Asked, model: str, is_refused: bool) -> Answer:
    answer, usage = Answer(), row.usage
    for event in (
        Started(answer_id=row.question.id, question=row.question.question, k=len(row.passages)),
        Retrieved(hits=row.passages),
        Routed(model=model, reason="", signals=row.signals),
        Token(text="I don't know." if is_refused else row.question.answer),
        Used(model=model, input_tokens=usage.input_tokens, output_tokens=usage.output_tokens),
        Finished(reason="stop"),
    ):
        answer.append(event)
    return answer


def bills(rows: Sequence[Asked]) -> dict[tuple[str, str], Simulation]:
    found = {}
    for pair in PAIRS:
        tiers = [Tier(name, model) for name, model in zip(("small", "large"), pair, strict=True)]
        given = evaluations(rows, pair)
        found[pair] = bill(given, tiers)
    return found


def bill(
    given: dict[str, Evaluation], tiers: Sequence[Tier], mix: dict[str, float] | None = None
) -> Simulation:
    """With as much traffic as costs `BEFORE` by the large model alone."""
    one = simulate(given, tiers, Traffic(1, mix=mix))
    return simulate(given, tiers, Traffic(BEFORE / one.largest.cost, mix=mix), speeds=SPEEDS)


def print_mixes(rows: Sequence[Asked]) -> None:
    counts = Counter(row.question.kind for row in rows)
    hard = sum(counts[kind] for kind in HARD)
    tiers = [Tier(name, model) for name, model in zip(("small", "large"), PAIRS[0], strict=True)]
    given = evaluations(rows, PAIRS[0])
    print(f"\nThe same ({' | '.join(PAIRS[0])}), with fewer questions on tables and two documents")
    print(f"{'':20}{'small alone':>12}{'router':>9}{'quality':>9}{f'quality at ${AFTER}':>17}")
    for share in (hard / len(rows), *MIXES):
        mix = {
            kind: share * count / hard if kind in HARD else (1 - share) * count / (len(rows) - hard)
            for kind, count in counts.items()
        }
        one = bill(given, tiers, mix)
        needed, large = one.needed(BEFORE, AFTER), one.largest.quality or 1.0
        small, kept = (way.quality or 0.0 for way in (one.ways["always small"], one.router))
        there = "–" if needed.quality is None else f"{needed.quality:.1%}"
        print(
            f"{f'{share:.0%} hard questions':20}{small / large:>12.1%}{one.bill(one.router):>9,.0f}"
            f"{kept / large:>9.1%}{there:>17}"
        )


def main() -> None:
    sources, first, whole = asyncio.run(times())
    print(
        f"Time, {FIRST} s to the first token, {PACE} tokens a second, {LENGTH} tokens, median of {ROUNDS}:"
    )
    print(f"  passages to be read after {1000 * sources:.0f} ms, first words after {first:.2f} s")
    print(f"  without streaming {whole:.2f} s: {whole / first:.1f} times as long\n")
    rows = asked()
    simulations = bills(rows)
    print(simulations[PAIRS[0]])
    print(
        f"\nThe bill of ${BEFORE:,} a month for the large model alone, with the router, and what ${AFTER:,} would take"
    )
    print(
        f"{'':52}{'ratio':>6}{'questions':>12}{'router':>9}{'quality':>9}{'largest at most':>17}{'quality':>9}"
    )
    for pair, one in simulations.items():
        needed = one.needed(BEFORE, AFTER)
        ratio = one.largest.cost / one.ways["always small"].cost
        kept = (one.router.quality or 0.0) / (one.largest.quality or 1.0)
        there = "–" if needed.quality is None else f"{needed.quality:.1%}"
        most = "never" if needed.largest < 0 else f"{needed.largest:.1%}"
        print(
            f"{' | '.join(pair):52}{ratio:>6.1f}{needed.questions:>12,.0f}{one.bill(one.router):>9,.0f}{kept:>9.1%}"
            f"{most:>17}{there:>9}"
        )
    small = simulations[PAIRS[0]].ways["always small"].quality or 0.0
    large = simulations[PAIRS[0]].largest.quality or 1.0
    print(
        f"(The small model alone has {small / large:.1%} of the large one's quality. ${BEFORE:,} → ${AFTER:,} is a factor "
        f"of {BEFORE / AFTER:.1f}: it takes models that far apart in price, and questions nearly all of which "
        "the small one answers well enough.)"
    )
    print_mixes(rows)


if __name__ == "__main__":
    main()
