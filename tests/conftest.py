"""What tests share: the real embedding model, loaded once, and pipelines on a local provider."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ragnb.documents import Chunk, Hit, Locator
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.embeddings.sentence_transformers import SentenceTransformerEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.pipeline import RAGPipeline
from ragnb.resumption.policy import Retry
from ragnb.simulator import Simulator
from ragnb.vectorstores.memory import InMemoryVectorStore

ROOT = Path(__file__).resolve().parents[1]
# Exports of the embedding model are kept here, and not in the owner's cache, by the processes that tests start too.
os.environ["XDG_CACHE_HOME"] = str(ROOT / "build" / "cache")
TEXTS = [
    "Refunds are paid within five days. A Flex ticket is refunded in full until 24 hours before departure.",
    "Bicycles travel in the luggage van. A reservation for a bicycle costs 15 euros.",
    "Dogs are welcome in sleeper cabins. A large dog costs 29 euros a night.",
]


@pytest.fixture(autouse=True)
def without_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key of the machine's owner is used, and nothing is written into the project."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "GROQ_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def minilm() -> SentenceTransformerEmbeddings:
    """The default embedding model."""
    model = SentenceTransformerEmbeddings()
    model.warm_up()
    return model


@pytest.fixture
def handbook() -> Path:
    """The sample corpus."""
    return ROOT / "data" / "handbook"


@pytest.fixture
def wired() -> Iterator[Callable[..., tuple[RAGPipeline, Simulator]]]:
    """Makes pipelines whose model and embeddings are the real OpenAI SDK on a local server."""
    running: list[tuple[RAGPipeline, Simulator]] = []

    def make(*, llm: dict[str, Any] | None = None, home: Path | None = None, **simulator: Any):
        # The embeddings have a server of their own, so that faults hit the model alone.
        sim, vectors = Simulator(**simulator).start(), Simulator().start()
        rag = RAGPipeline(
            llm=OpenAILLM("gpt-4o-mini", base_url=sim.url, api_key="test", **(llm or {})),
            embeddings=OpenAIEmbeddings(base_url=vectors.url, api_key="test"),
            vectorstore=InMemoryVectorStore(),
            home=home,
            retry=Retry(attempts=3, initial=0.001, maximum=0.002),
        )
        rag.add(TEXTS)
        running.append((rag, sim))
        running.append((rag, vectors))
        return rag, sim

    yield make
    for rag, sim in running:
        rag.close()
        sim.stop()


def hits(*texts: str) -> tuple[Hit, ...]:
    """Passages as retrieval would give them."""
    return tuple(
        Hit(
            Chunk(
                id=f"00000000-0000-0000-0000-{number:012}",
                document=f"doc{number}.md",
                text=text,
                title=f"Document {number}",
                source=f"doc{number}.md",
                locator=Locator(heading=("Part",), lines=(1, 3)),
            ),
            1.0 / (number + 1),
        )
        for number, text in enumerate(texts)
    )
