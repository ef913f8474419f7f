"""The default pipeline on data/questions.jsonl: all measures per kind of question with their 95 % intervals, for
both splits and for the one that no setting was chosen on; fewer passages beside it, pair by pair; and what
measuring costs beside asking."""

from __future__ import annotations

import time
from pathlib import Path

from ragnb import RAGPipeline
from ragnb.evaluation.questions import read_questions
from ragnb.evaluation.ranking import scores

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    rag = RAGPipeline(llm="extractive", home=ROOT / "build" / "bench" / "evaluation")
    rag.ingest(ROOT / "data" / "handbook")
    questions = read_questions(ROOT / "data" / "questions.jsonl")
    rag.evaluate(questions[:5])  # load everything

    begin = time.perf_counter()
    everything = rag.evaluate(questions, name="all questions")
    taken = time.perf_counter() - begin
    asking = sum(one.seconds["total"] for one in everything)
    begin = time.perf_counter()
    table = repr(everything)
    shown = time.perf_counter() - begin
    print(table)
    print(
        f"\nMeasuring: {(taken - asking) * 1000 / len(questions):.1f} ms a question beside "
        f"{asking * 1000 / len(questions):.0f} ms to answer it; the intervals of the table {shown:.2f} s."
    )

    held_out = [one for one in questions if one.split == "test"]
    print(f"\n{rag.evaluate(held_out, name='split “test” alone')}")

    print("\nFive passages beside two:")
    print(rag.evaluate(questions, name="k=5").compare(rag.evaluate(questions, name="k=2", k=2)))

    rankings = {str(n): [f"d{(n * m) % 1009}" for m in range(100)] for n in range(1, 1001)}
    begin = time.perf_counter()
    scores(rankings, {query: {"d7": 1, "d9": 2} for query in rankings}, [5, 100])
    print(f"\nMeasures of 1,000 rankings of 100: {time.perf_counter() - begin:.2f} s")
    rag.close()


if __name__ == "__main__":
    main()
