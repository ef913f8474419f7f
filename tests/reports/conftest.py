"""Pipelines on a local provider with six small documents, and questions about them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ragnb import Document, RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.resumption.policy import Retry
from ragnb.simulator import Simulator

DOCUMENTS = {
    "refunds.md": "Refunds are paid within five days. A Flex ticket is refunded in full until 24 hours before departure.",
    "bicycles.md": "Bicycles travel in the luggage van, as car 31. A reservation for a bicycle costs 15 euros.",
    "dogs.md": "Dogs are welcome in sleeper cabins. A large dog costs 29 euros a night, to be paid with the ticket.",
    "showers.md": "There is a shower at the end of each sleeping car. Warm water runs for six minutes.",
    "meals.md": "Breakfast is served from six to nine in the dining car. It costs 9 euros.",
    "luggage.md": "Each traveller may take three pieces of luggage. Skis count as one piece.",
}
QUESTIONS = {
    "refund": "How soon are refunds paid?",
    "bicycle": "What does a bicycle cost?",
    "dog": "Are dogs welcome?",
    "shower": "Is there a shower?",
    "meal": "When is breakfast served?",
    "pool": "Is there a pool?",
}
NONE = "I found no answer in these documents."
_TIMES = re.compile(r'<div class="ragnb-times".*?</div>', re.DOTALL)


def answer(request: dict[str, Any]) -> str:
    """The first sentence of the document that the question's longest word is in; else that there is none."""
    said = str(request["messages"])
    asked = said.rpartition("Question: ")[2].lower()
    for text in DOCUMENTS.values():
        first = text.partition(". ")[0]
        word = first.split()[0].lower().rstrip("s") if not first.startswith("There") else "shower"
        if word in asked and first in said:
            number = said.partition(first)[0].rpartition('<passage number="')[2].partition('"')[0]
            return f"{first} [{number}]."
    return NONE


def write_questions(path: Path, questions: dict[str, str]) -> Path:
    rows = ({"id": name, "question": question} for name, question in questions.items())
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    return write_questions(tmp_path / "nightly.jsonl", QUESTIONS)


Make = Callable[..., tuple[RAGPipeline, Simulator]]


@pytest.fixture
def made() -> Iterator[Make]:
    """Makes pipelines whose model and embeddings are the real OpenAI SDK on local servers; with ``sim`` one
    more on a server that is there."""
    running: list[RAGPipeline] = []
    servers: list[Simulator] = []

    def make(
        said: Any = answer,
        *,
        sim: Simulator | None = None,
        home: Path | None = None,
        documents: dict[str, str] = DOCUMENTS,
        model: str = "gpt-4o-mini",
        attempts: int = 2,
        **simulator: Any,
    ) -> tuple[RAGPipeline, Simulator]:
        if sim is None:
            sim = Simulator(said, **simulator).start()
            servers.append(sim)
        vectors = Simulator().start()
        servers.append(vectors)
        rag = RAGPipeline(
            OpenAILLM(model, base_url=sim.url, api_key="test"),
            OpenAIEmbeddings(base_url=vectors.url, api_key="test"),
            "memory",
            home=home,
            retry=Retry(attempts=attempts, initial=0.001, maximum=0.002),
        )
        rag.add([Document(text, source=name) for name, text in documents.items()])
        running.append(rag)
        return rag, sim

    yield make
    for rag in running:
        rag.close()
    for server in servers:
        server.stop()


def asked(sim: Simulator) -> Counter[str]:
    """How often the model was asked each question."""
    said = (str(one.json["messages"]) for one in sim.requests if "chat" in one.path)
    return Counter(question for text in said for question in _questions(text))


def _questions(text: str) -> list[str]:
    return re.findall(r"Question: (.+?)(?:\\n|'|\")", text)[-1:]


def said(folder: Path) -> tuple[list[dict[str, Any]], str, str]:
    """A report's files without what differs between two runs that say the same."""
    rows = [json.loads(line) for line in (folder / "report.jsonl").read_text().splitlines()]
    for row in rows:
        row.pop("spent")
    page = _TIMES.sub("", (folder / "report.html").read_text())
    text = (folder / "report.md").read_text().partition("## Time and cost")[0]
    return rows, page, re.sub(r"(?m)^- \*Begun on .*$", "", text)
