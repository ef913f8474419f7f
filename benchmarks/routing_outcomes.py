"""Two models that are simulated: which questions of data/questions.jsonl each of them gets right.

The small one fails where small models do: with two documents, with figures out of tables, with negations, and
with much to read. It is a simulation: these shares are
assumptions, and which question falls to which side is chance, by a seed. A router sees none of this, only the
question and the passages."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

from ragnb import RAGPipeline
from ragnb.documents import Hit
from ragnb.evaluation.questions import Question, read_questions
from ragnb.routing.signals import signals

ROOT = Path(__file__).resolve().parents[1]
PASSAGES = 5
LONG = 3_000  # characters of passages

SMALL = {
    "fact": 0.97, "paraphrase": 0.96, "number": 0.96, "unanswerable": 0.95, "outdated": 0.90,
    "other language": 0.94, "table": 0.45, "two documents": 0.30,
}  # fmt: skip
LARGE = {kind: 0.98 for kind in SMALL} | {"table": 0.94, "two documents": 0.90}
_NEGATION = re.compile(r"\b(?:not|never|without|except|unless|cannot)\b|n['’]t\b", re.IGNORECASE)


def chances(question: Question, passages: tuple[Hit, ...]) -> tuple[float, float]:
    """How often the small and the large model are right."""
    small, large = SMALL[question.kind], LARGE[question.kind]
    if _NEGATION.search(question.question):
        small, large = small * 0.5, large * 0.98
    if sum(len(hit.chunk.text) for hit in passages) > LONG:
        small, large = small * 0.80, large * 0.99
    gold = {Path(one.document).name for one in question.gold}
    if gold and not gold & {Path(hit.chunk.document).name for hit in passages}:
        small, large = 0.05, 0.05  # what was not found can hardly be answered
    return small, large


def asked() -> list[tuple[Question, tuple[Hit, ...], dict[str, float]]]:
    """Each question, its passages and its signals, by the default retrieval."""
    rag = RAGPipeline(llm="extractive", home=ROOT / "build" / "bench" / "routing", k=PASSAGES)
    rag.ingest(ROOT / "data" / "handbook")
    rows = []
    for question in read_questions(ROOT / "data" / "questions.jsonl"):
        answer = rag.start(question.question)
        answer.wait()
        found = answer.events[1].hits
        rows.append((question, answer.sources, signals(question.question, found, answer.sources)))
    rag.close()
    return rows


def drawn(chance: tuple[float, float], question: Question, seed: int) -> Iterator[float]:
    """1.0 for each model that is right in this run. What is hard is so for both, mostly."""
    dice = random.Random(f"{seed} {question.id}")
    luck = dice.random()
    for one in chance:
        yield float((luck if dice.random() < 0.7 else dice.random()) < one)
