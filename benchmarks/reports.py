"""What a report costs over the same questions asked in a plain loop, and whether its memory stays flat.

The real client on a local server, the journal on disk in both. A provider's pace is 100 ms to the first token and
then 150 tokens a second, which is a fast one; "at once" is a server that never waits, so that nothing but our own
work is left. Rounds alternate, and the best of each counts. Each has a process of its own, for its memory.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ragnb import RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.simulator import Simulator

AT_ONCE, ROUNDS = 8, 3
WORDS = "Refunds are paid within five days, and a bicycle costs fifteen euros in the luggage van [1]. "
ANSWER = WORDS * 5
PACES: dict[str, dict[str, Any]] = {
    "at a provider's pace": {"tokens_per_second": 150.0, "first_token_delay": 0.1},
    "at once": {},
}


def megabytes() -> float:
    """What this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def pipeline(url: str, home: Path) -> RAGPipeline:
    rag = RAGPipeline(
        OpenAILLM("gpt-4.1-mini", base_url=url, api_key="test"),
        OpenAIEmbeddings(base_url=url, api_key="test"),
        "memory",
        home=home,
    )
    rag.add([f"Of the number {n} the handbook says this: {WORDS * 8}" for n in range(200)])
    rag.query("Is everything there?")
    return rag


def loop(rag: RAGPipeline, questions: list[str], folder: Path) -> list[float]:
    """What one would write without reports: so many at once, the texts kept."""

    async def ask_all() -> list[str]:
        room = asyncio.Semaphore(AT_ONCE)

        async def ask(question: str) -> str:
            async with room:
                return await rag.aquery(question)

        return await asyncio.gather(*map(ask, questions))

    texts = asyncio.run(ask_all())
    (folder / "texts.json").write_text(json.dumps(texts))
    return []


def report(rag: RAGPipeline, questions: list[str], folder: Path) -> list[float]:
    """The report with all its files; gives the memory after each fiftieth question."""
    seen: list[float] = []

    class Sampling:
        lines = 0

        def write(self, text: str) -> None:
            self.lines += text.count("\n")
            if self.lines >= 50 * (len(seen) + 1):
                seen.append(megabytes())

        def flush(self) -> None: ...

        def isatty(self) -> bool:
            return False

    sys.stderr = Sampling()  # type: ignore[assignment]
    rag.report(questions, run="one", output=folder / "out", concurrency=AT_ONCE)
    sys.stderr = sys.__stderr__
    seen.append(megabytes())
    return seen


def timed(way: Callable[..., list[float]], url: str, count: int, results: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rag = pipeline(url, Path(folder, "home"))
        questions = [f"What does the handbook say about the number {n}?" for n in range(count)]
        begin, cpu = time.perf_counter(), time.process_time()
        memory = way(rag, questions, Path(folder))
        results.put((time.perf_counter() - begin, time.process_time() - cpu, memory))
        rag.close()


def measured(way: Callable[..., list[float]], url: str, count: int) -> tuple[float, float, list[float]]:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=timed, args=(way, url, count, results))
    process.start()
    found = results.get(timeout=600)
    process.join()
    return found


def main() -> None:
    for pace, options in PACES.items():
        with Simulator(ANSWER, **options) as sim:
            best: dict[str, tuple[float, float]] = {}
            for _ in range(ROUNDS):
                for way in (loop, report):
                    seconds, cpu, _ = measured(way, sim.url, 100)
                    before = best.get(way.__name__, (9e9, 9e9))
                    best[way.__name__] = min(before[0], seconds), min(before[1], cpu)
        plain, whole = best["loop"], best["report"]
        print(
            f"100 questions, {AT_ONCE} at a time, {pace}: plain loop {plain[0]:.2f} s (CPU {plain[1]:.2f} s), "
            f"report with its files {whole[0]:.2f} s (CPU {whole[1]:.2f} s): {whole[0] / plain[0]:.3f} ×",
            flush=True,
        )
    with Simulator(ANSWER) as sim:
        seconds, _, memory = measured(report, sim.url, 500)
    said = ", ".join(f"{value:.0f}" for value in memory)
    print(
        f"500 questions at once, {AT_ONCE} at a time: {seconds:.1f} s; MB after each fifty, and at the end: {said}"
    )


if __name__ == "__main__":
    main()
