"""What the notebooks of the browser tests import: pipelines on a part of the handbook, in the notebook's kernel."""

from __future__ import annotations

import io
from contextlib import chdir, redirect_stdout
from functools import cache

from ragnb import RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.simulator import Simulator
from ragnb.vectorstores.memory import InMemoryVectorStore
from tests.conftest import ROOT


def pipeline(url: str, texts: list[str] | None = None) -> RAGPipeline:
    """A pipeline whose model is the simulator at ``url``, on the handbook or on ``texts``."""
    # A gate may hold a token for as long as a test looks at the page.
    llm = OpenAILLM("gpt-4o-mini", base_url=url, api_key="test", stall_timeout=300, max_tokens=8192)
    rag = RAGPipeline(
        llm, _embeddings(), _handbook() if texts is None else InMemoryVectorStore(), home=None
    )
    if texts is not None:
        with redirect_stdout(io.StringIO()):  # no progress bar
            rag.add(texts)
    return rag


@cache
def _embeddings() -> OpenAIEmbeddings:
    return OpenAIEmbeddings(base_url=Simulator().start().url, api_key="test")


@cache
def _handbook() -> InMemoryVectorStore:
    store = InMemoryVectorStore()
    with chdir(ROOT / "data"), redirect_stdout(io.StringIO()):
        RAGPipeline("extractive", _embeddings(), store, home=None).ingest("handbook/*.md")
    return store
