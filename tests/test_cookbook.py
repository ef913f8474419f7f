"""The cookbook runs as written: the real openai SDK against a local server that speaks its protocol."""

from __future__ import annotations

import asyncio
import time

import nbformat
import pytest
from nbclient import NotebookClient

from ragnb.simulator import Simulator

ANSWER = "Streaming sends each token as soon as it is there [1]. Nothing waits for the end."


@pytest.fixture
def provider(monkeypatch):
    """A provider that the SDK finds by its environment variables, as it finds OpenAI itself."""
    with Simulator(ANSWER) as sim:
        monkeypatch.setenv("OPENAI_BASE_URL", sim.url)
        monkeypatch.setenv("OPENAI_API_KEY", "test")
        yield sim


async def test_cookbook(provider):
    """Adding texts, streaming, the whole text, the time to the first token, collecting, cancelling."""
    docs = ["Streaming sends each token as soon as it is there.", "A batch waits for the end."]

    from ragnb import RAGPipeline
    from ragnb.embeddings.openai import OpenAIEmbeddings
    from ragnb.llms.openai import OpenAILLM
    from ragnb.vectorstores.memory import InMemoryVectorStore

    rag = RAGPipeline(
        llm=OpenAILLM(model="gpt-4o-mini"),
        embeddings=OpenAIEmbeddings(model="text-embedding-3-small"),
        vectorstore=InMemoryVectorStore(),
    )
    await rag.aadd(docs)

    # Streaming, and collecting while streaming.
    collected = []
    async for token in rag.astream("How does streaming work?"):
        collected.append(token)
    assert "".join(collected) == ANSWER
    assert len(collected) > 10

    # The whole text.
    assert await rag.aquery("How does streaming work?", k=1) == ANSWER

    # The time to the first token.
    start = time.perf_counter()
    ttft = None
    async for _ in rag.astream("How does streaming work?"):
        if ttft is None:
            ttft = time.perf_counter() - start
    assert ttft is not None
    assert rag.answers()[-1].timing.ttft <= ttft

    # Cancelling in mid-stream, by breaking out and by cancelling the task.
    async for _ in rag.astream("How does streaming work?"):
        break

    async def consume():
        async for _ in rag.astream("How does streaming work?"):
            await asyncio.sleep(0)

    task = asyncio.create_task(consume())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    rag.close()


def test_cookbook_in_a_script(provider):
    """The plain twins and asyncio.run do the same in a script, also one after the other."""
    from ragnb import RAGPipeline
    from ragnb.embeddings.openai import OpenAIEmbeddings
    from ragnb.llms.openai import OpenAILLM

    rag = RAGPipeline(llm=OpenAILLM("gpt-4o-mini"), embeddings=OpenAIEmbeddings(), home=None)
    rag.add("Streaming sends each token as soon as it is there.")
    assert rag.query("How?") == ANSWER
    assert "".join(rag.stream("How?")) == ANSWER
    assert asyncio.run(rag.aquery("How?")) == ANSWER  # another loop than the last time
    assert asyncio.run(rag.aquery("How?")) == ANSWER
    assert [type(event).__name__ for event in rag.events("How?")][-1] == "Finished"


CELL = """
import asyncio

from ragnb import RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.vectorstores.memory import InMemoryVectorStore

docs = ["Streaming sends each token as soon as it is there.", "A batch waits for the end."]


async def main():
    rag = RAGPipeline(
        llm=OpenAILLM(model="gpt-4o-mini"),
        embeddings=OpenAIEmbeddings(model="text-embedding-3-small"),
        vectorstore=InMemoryVectorStore(),
    )
    await rag.aadd(docs)
    async for token in rag.astream("How does streaming work?"):
        print(token, end="", flush=True)


asyncio.run(main())
"""


def test_cookbook_in_a_cell(provider):
    """The cookbook's script, asyncio.run and all, runs in a notebook's cell unchanged."""
    cells = [nbformat.v4.new_code_cell(source) for source in ("%load_ext ragnb", CELL, CELL)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    assert notebook.cells[0].outputs == []
    for cell in notebook.cells[1:]:
        assert {output.name for output in cell.outputs} == {"stdout"}
        assert "".join(output.text for output in cell.outputs) == ANSWER
