"""Bad input gets a sentence, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ragnb import RAGPipeline, Retry
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.errors import (
    ConfigurationError,
    EmbeddingMismatchError,
    EmptyIndexError,
    HomeInUseError,
    InvalidInputError,
    RagnbError,
)
from ragnb.simulator import Simulator


@pytest.fixture
def rag(minilm):
    pipeline = RAGPipeline(llm="extractive", embeddings=minilm, home=None)
    pipeline.add("A bicycle costs 15 euros.")
    return pipeline


@pytest.mark.parametrize("question", ["", "  \n", None, 3])
def test_an_empty_question(rag, question):
    """An empty question is told before anything is done."""
    with pytest.raises(InvalidInputError, match="question is empty"):
        rag.ask(question)
    assert rag.answers() == []


def test_a_huge_question(rag):
    """A question of 100 KB is told to be a document."""
    with pytest.raises(InvalidInputError, match="102,400 characters") as caught:
        rag.query("why? " * 20_480)
    assert "rag.add" in caught.value.advice


def test_a_long_question_is_answered(rag):
    """A question of thousands of words below the limit is answered."""
    assert "15 euros" in rag.query("What does a bicycle cost? " * 1000)


def test_k_larger_than_the_index(rag):
    """More passages than there are gives those that there are."""
    assert rag.start("What does a bicycle cost?", k=500).wait(timeout=20)
    assert len(rag.answers()[-1].sources) == 1


@pytest.mark.parametrize("k", [0, -1, 2.5, "3", True])
def test_k_that_is_no_number(rag, k):
    """A k that is no number of passages is told."""
    with pytest.raises(InvalidInputError, match="no number of passages"):
        rag.query("Why?", k=k)


def test_an_empty_index(minilm, capsys):
    """A question to an empty index is told what to do first, in the cell and as an exception."""
    empty = RAGPipeline(llm="extractive", embeddings=minilm, home=None)
    with pytest.raises(EmptyIndexError, match=r"rag\.ingest"):
        empty.query("Why?")
    answer = empty.ask("Why?")
    assert answer.status == "failed"
    assert "rag.ingest" in capsys.readouterr().out


def test_a_home_made_with_another_model(minilm, tmp_path):
    """An index made with another embedding model is refused, and is as it was afterwards."""
    first = RAGPipeline(llm="extractive", embeddings=minilm, home=tmp_path)
    first.add("A bicycle costs 15 euros.")
    first.close()
    with Simulator() as sim:
        other = RAGPipeline(llm="extractive", embeddings=OpenAIEmbeddings(base_url=sim.url), home=tmp_path)
        with pytest.raises(EmbeddingMismatchError, match="all-MiniLM-L6-v2"):
            other.add("Another text.")
        with pytest.raises(EmbeddingMismatchError):
            other.query("Why?")
    again = RAGPipeline(llm="extractive", embeddings=minilm, home=tmp_path)
    assert "15 euros" in again.query("What does a bicycle cost?")
    again.close()


def test_a_home_in_use(minilm, tmp_path):
    """A home that another process holds is told; the same process may open it twice."""
    first = RAGPipeline(llm="extractive", embeddings=minilm, home=tmp_path)
    first.add("A bicycle costs 15 euros.")
    code = f"from ragnb import RAGPipeline; RAGPipeline(llm='extractive', home={str(tmp_path)!r}).query('Why?')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert HomeInUseError.__name__ in done.stderr
    second = RAGPipeline(llm="extractive", embeddings=minilm, home=tmp_path)
    assert "15 euros" in second.query("What does a bicycle cost?")
    first.close()
    second.close()


def test_paths_that_are_not_there(rag):
    """A path that means nothing is told with the folder that was looked in."""
    with pytest.raises(InvalidInputError, match="There is no file"):
        rag.ingest("nothing/here")
    with pytest.raises(InvalidInputError, match="No path"):
        rag.ingest()


@pytest.mark.parametrize(
    "parts",
    [
        {"llm": "nobody"},
        {"llm": object()},
        {"embeddings": object()},
        {"vectorstore": "redis"},
        {"reranker": "magic"},
    ],
)
def test_parts_that_do_not_exist(parts):
    """A part that does not exist is told when the pipeline is made."""
    with pytest.raises(ConfigurationError):
        RAGPipeline(home=None, **parts)


def test_a_home_that_cannot_be_written(tmp_path):
    """A home that is a file, or below one, is told when the pipeline is made."""
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigurationError, match="cannot be written"):
            RAGPipeline(home=home)


def test_more_passages_than_candidates(minilm):
    """A k above the number of candidates is honoured."""
    pipeline = RAGPipeline(llm="extractive", embeddings=minilm, home=None, candidates=2)
    pipeline.add([f"Thing number {n} costs {n} euros." for n in range(9)])
    assert pipeline.start("What does thing 3 cost?", k=7).wait(timeout=20)
    assert len(pipeline.answers()[-1].sources) == 7


def test_a_retry_that_cannot_be():
    """A policy without attempts is told."""
    with pytest.raises(InvalidInputError):
        Retry(attempts=0)


def test_no_traceback_in_a_notebook():
    """IPython shows the sentence alone."""
    assert RagnbError("It broke.", "Mend it.")._render_traceback_() == ["RagnbError: It broke. Mend it."]
