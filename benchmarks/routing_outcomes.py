"""Two models that are simulated: which questions of data/questions.jsonl each of them gets right, and what that costs.

It is a simulation. The shares below are assumptions; which question falls to which side is chance, by a seed. A
router sees none of this, only the question and the passages. The small model fails where small models do, by about
as much as is published of small and large ones:

- two documents: about 0.36 (Mixtral-8x7B) and 0.89 (GPT-4) right with all evidence given: Tang and Yang,
  MultiHop-RAG, 2024. Taken as it is.
- tables: a model of 7 or 8 billion parameters has about half the score of GPT-4: Wu et al., TableBench, 2024.
  Here 0.47 and 0.94.
- negation: how well it is understood grows with the size: Vrabcová et al., "Negation: A Pink Elephant in the Large
  Language Models' Room?", 2025. Here the small one is right half as often as without it.
- much to read: about 0.99 (at 4,000 tokens) to 0.94 (at 32,000) of GPT-4's share by Llama 3.1 8B: Hsieh et al., RULER,
  2024. Here 0.94 above 3,000 characters of passages.
- plain questions on one passage: 0.94 to 0.98 for models of all sizes: RGB, without noise.
- "I don't know": in CRAG (Yang et al., 2024) about 47 % of what Llama 3 70B did not answer rightly with retrieval
  were such answers. ragnb's prompt asks for "no answer in these documents" instead, which does not escalate. Here a
  quarter of the failures, and 1 % of what would have been right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ragnb import RAGPipeline
from ragnb.documents import Hit
from ragnb.evaluation.questions import Question, read_questions
from ragnb.llms import prompt
from ragnb.llms.base import Request, Usage
from ragnb.routing.prices import Prices
from ragnb.routing.signals import signals

ROOT = Path(__file__).resolve().parents[1]
PASSAGES = 5
CHARACTERS_PER_TOKEN = 4
CITATIONS = 20  # tokens of an answer besides its words
REFUSAL = 12  # tokens of "I don't know"

_NEGATION = re.compile(r"\b(?:not|never|without|except|unless|cannot)\b|n['’]t\b", re.IGNORECASE)


@dataclass(frozen=True)
class Assumed:
    """How often the models are right, by kind of question, and what makes them fail more often."""

    small: dict[str, float] = field(
        default_factory=lambda: {
            "fact": 0.97,
            "paraphrase": 0.96,
            "number": 0.96,
            "unanswerable": 0.95,
            "outdated": 0.90,
            "other language": 0.94,
            "table": 0.47,
            "two documents": 0.36,
        }
    )
    large: dict[str, float] = field(default_factory=lambda: {"table": 0.94, "two documents": 0.89})
    negation: float = 0.50  # of the small one's share: no published figure fits questions on documents
    long: float = 0.94
    long_from: int = 3_000  # characters of passages
    not_found: float = 0.05  # right, both, where no passage is of the right document
    declines: float = 0.25  # of the small one's failures
    overdeclines: float = 0.01  # of what it would have got right
    shared: float = 0.70  # how often both share their luck: what is hard is so for both, mostly

    def chances(self, question: Question, passages: Sequence[Hit]) -> tuple[float, float]:
        """How often the small and the large model are right."""
        small, large = self.small[question.kind], self.large.get(question.kind, 0.98)
        if _NEGATION.search(question.question):
            small, large = small * self.negation, large * 0.98
        if sum(len(hit.chunk.text) for hit in passages) > self.long_from:
            small, large = small * self.long, large * 0.99
        gold = {Path(one.document).name for one in question.gold}
        if gold and not gold & {Path(hit.chunk.document).name for hit in passages}:
            small = large = self.not_found
        return small, large


@dataclass(frozen=True)
class Asked:
    """A question, its passages and its signals, by the default retrieval."""

    question: Question
    passages: tuple[Hit, ...]
    signals: dict[str, float]

    @property
    def usage(self) -> Usage:
        """Tokens of the request and of an answer as long as the known one and its quote."""
        request = Request(self.question.question, self.passages)
        words = f"{self.question.answer} {' '.join(one.quote for one in self.question.gold)}"
        said = len(prompt.system(request, citing=False)) + len(prompt.user(request))
        return Usage(said // CHARACTERS_PER_TOKEN, len(words) // CHARACTERS_PER_TOKEN + CITATIONS)


@dataclass(frozen=True)
class Drawn:
    """What came of it in each run: arrays of runs × questions. ``small`` is what is shown where the small one is
    asked first, ``declined`` where it handed over."""

    small: Any
    large: Any
    declined: Any


def asked() -> list[Asked]:
    rag = RAGPipeline(llm="extractive", home=ROOT / "build" / "bench" / "routing", k=PASSAGES)
    rag.ingest(ROOT / "data" / "handbook")
    rows = []
    for question in read_questions(ROOT / "data" / "questions.jsonl"):
        answer = rag.start(question.question)
        answer.wait()
        found = signals(question.question, answer.candidates, answer.sources)
        rows.append(Asked(question, answer.sources, found))
    rag.close()
    return rows


def drawn(rows: Sequence[Asked], assumed: Assumed, runs: int, *, hold: bool, seed: int = 0) -> Drawn:
    """``hold`` hands over what the small model declines."""
    dice = np.random.default_rng(seed)
    chances = np.array([assumed.chances(one.question, one.passages) for one in rows])
    shape = (runs, len(rows))
    luck, own = dice.random((*shape, 1)), dice.random((*shape, 2))
    right = np.where(dice.random((*shape, 2)) < assumed.shared, luck, own) < chances
    small, large = right[..., 0], right[..., 1]
    share = np.where(small, assumed.overdeclines, assumed.declines)
    declined = (dice.random(shape) < share) & hold
    return Drawn(np.where(declined, large, small).astype(float), large.astype(float), declined)


def costs(rows: Sequence[Asked], pair: tuple[str, str]) -> tuple[Any, Any, Any]:
    """USD of each question's answer by the small and the large model, and of a small one's "I don't know"."""
    prices = Prices()

    def of(model: str, usage: Usage) -> float:
        cost = prices.cost(model, usage)
        if cost is None:
            raise SystemExit(f"The price of {model} is not in the list.")
        return cost

    usages = [one.usage for one in rows]
    refusals = [Usage(usage.input_tokens, REFUSAL) for usage in usages]
    return (
        np.array([of(pair[0], usage) for usage in usages]),
        np.array([of(pair[1], usage) for usage in usages]),
        np.array([of(pair[0], usage) for usage in refusals]),
    )
