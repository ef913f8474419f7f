"""A pipeline on a local provider with four small documents, and questions about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ragnb import Document, RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.resumption.policy import Retry
from ragnb.simulator import Simulator
from tests.conftest import ROOT

DOCUMENTS = {
    "refunds.md": "Refunds are paid within five days. A Flex ticket is refunded in full until 24 hours before departure.",
    "bicycles.md": "Bicycles travel in the luggage van, as car 31. A reservation for a bicycle costs 15 euros.",
    "dogs.md": "Dogs are welcome in sleeper cabins. A large dog costs 29 euros a night, to be paid with the ticket.",
    "showers.md": "There is a shower at the end of each sleeping car. Warm water runs for six minutes.",
}
ROWS: list[dict[str, Any]] = [
    {"id": "q1", "kind": "number", "question": "How soon are refunds paid?", "answer": "Within five days.",
     "document": "refunds.md", "quote": "paid within five days"},
    {"id": "q2", "kind": "number", "question": "What does a bicycle cost?", "answer": "15 euros.",
     "document": "bicycles.md", "quote": "A reservation for a bicycle costs 15 euros."},
    {"id": "q3", "kind": "fact", "question": "Are dogs welcome?", "answer": "In sleeper cabins.",
     "document": "dogs.md", "quote": "Dogs are welcome in sleeper cabins."},
    {"id": "q4", "kind": "unanswerable", "question": "Is there a pool?", "answer": "no answer",
     "document": None, "quote": None},
]  # fmt: skip
NONE = "I found no answer in these documents."


def answer(request: dict[str, Any]) -> str:
    """Right on refunds and the pool, the wrong sentence on bicycles, nothing on dogs."""
    said = str(request["messages"])
    asked = said.rpartition("Question: ")[2]
    if "refunds" in asked:
        return f"Refunds are paid within five days [{_number(said, 'Refunds are paid')}]."
    if "bicycle" in asked:
        return f"Bicycles travel in the luggage van [{_number(said, 'Bicycles travel')}]."
    return NONE


def _number(said: str, words: str) -> str:
    """The number of the passage that holds the words."""
    return said.partition(words)[0].rpartition('<passage number="')[2].partition('"')[0]


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    file = tmp_path / "questions.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    return file


Make = Callable[..., tuple[RAGPipeline, Simulator]]


@pytest.fixture
def made() -> Iterator[Make]:
    """Makes pipelines whose model and embeddings are the real OpenAI SDK on local servers."""
    running: list[tuple[RAGPipeline, Simulator, Simulator]] = []

    def make(
        said: Any = answer, *, home: Path | None = None, model: str = "gpt-4o-mini", **simulator: Any
    ) -> tuple[RAGPipeline, Simulator]:
        sim, vectors = Simulator(said, **simulator).start(), Simulator().start()
        rag = RAGPipeline(
            OpenAILLM(model, base_url=sim.url, api_key="test"),
            OpenAIEmbeddings(base_url=vectors.url, api_key="test"),
            "memory",
            home=home,
            retry=Retry(attempts=2, initial=0.001, maximum=0.002),
        )
        rag.add([Document(text, source=name) for name, text in DOCUMENTS.items()])
        running.append((rag, sim, vectors))
        return rag, sim

    yield make
    for rag, sim, vectors in running:
        rag.close()
        sim.stop()
        vectors.stop()


def asked(sim: Simulator) -> int:
    """How often the model was called."""
    return sum("chat" in request.path for request in sim.requests)


@pytest.fixture(scope="package")
def sampled() -> Iterator[RAGPipeline]:
    """The sample corpus; what it is embedded with means nothing."""
    with Simulator() as vectors:
        rag = RAGPipeline(
            "extractive", OpenAIEmbeddings(base_url=vectors.url, api_key="test"), "memory", home=None
        )
        rag.ingest(ROOT / "data" / "handbook")
        yield rag
        rag.close()
