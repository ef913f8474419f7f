"""The extractive answerer: the right sentences, word for word, or an honest no."""

from __future__ import annotations

import json

import pytest

from ragnb import RAGPipeline
from ragnb.llms.base import Citation, Request, Stop, Text
from ragnb.llms.extractive import DECLINED, ExtractiveLLM
from tests.conftest import ROOT, hits


@pytest.fixture(scope="module")
def rag(minilm):
    pipeline = RAGPipeline(llm="extractive", embeddings=minilm, home=None)
    pipeline.ingest(ROOT / "data" / "handbook")
    return pipeline


def ask(rag, question):
    list(rag.events(question))
    return rag.answers()[-1]


QUESTIONS = [json.loads(line) for line in (ROOT / "data" / "questions.jsonl").read_text().splitlines()]


def test_answerable_questions_get_the_right_sentence(rag):
    """Of the corpus's answerable questions, most cite a sentence that answers them."""
    answerable = [q for q in QUESTIONS if q["kind"] != "unanswerable"]
    missed = [q["question"] for q in answerable if not is_cited(q["quote"], ask(rag, q["question"]))]
    assert len(missed) <= 0.4 * len(answerable), missed


def is_cited(quotes, answer):
    """Whether a gold quote is within what the answer quotes."""
    cited = " ".join(" ".join(q.text for c in answer.citations for q in c.quotes).split())
    return any(
        " ".join(quote.split()) in cited for quote in ([quotes] if isinstance(quotes, str) else quotes)
    )


def test_unanswerable_questions_are_declined(rag):
    """Of the questions that the corpus does not answer, most are declined."""
    hopeless = [q for q in QUESTIONS if q["kind"] == "unanswerable"]
    answered = [q["question"] for q in hopeless if ask(rag, q["question"]).text != DECLINED]
    assert len(answered) <= 0.3 * len(hopeless), answered


@pytest.mark.parametrize("question", [q["question"] for q in QUESTIONS[:12]])
def test_word_for_word_and_each_cited(rag, question):
    """Every sentence stands in a source as it is quoted, has its citation, and is said once."""
    answer = ask(rag, question)
    said = set()
    position = 0
    for cited in answer.citations:
        (quote,) = cited.quotes
        passage = answer.sources[quote.number - 1].chunk.text
        claim = answer.text[cited.start : cited.end]
        assert passage[quote.start : quote.end] == quote.text
        assert " ".join(quote.text.split()).removeprefix("- ") in " ".join(claim.split())
        assert answer.text[slice(*cited.marker)] == f"[{quote.number}]"
        assert claim not in said
        assert answer.text[position : cited.start].strip(" -\n") == ""
        said.add(claim)
        position = cited.marker[1]
    assert answer.text[position:] == "" or not answer.citations


def test_deterministic(rag):
    """The same question gives the same answer."""
    assert ask(rag, "How do refunds work?").text == ask(rag, "How do refunds work?").text


async def run(llm, *passages, question="What does a bicycle cost?"):
    return [delta async for delta in llm.stream(Request(question, hits(*passages)))]


def text_of(deltas):
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


async def test_without_a_model():
    """By shared words alone it finds the sentence too, and declines what shares none."""
    llm = ExtractiveLLM()
    deltas = await run(llm, "Dogs may come. A bicycle costs 15 euros. Ask the conductor.")
    assert text_of(deltas) == "A bicycle costs 15 euros. [1]"
    assert [d for d in deltas if isinstance(d, Citation)] == [Citation(0, 25, 1, 15, 40, (26, 29))]
    assert deltas[-1] == Stop("stop")
    assert text_of(await run(llm, "Dogs may come in.")) == DECLINED
    assert text_of(await run(llm)) == DECLINED


async def test_repeats_are_left_out():
    """Two passages that say the same are quoted once."""
    said = text_of(await run(ExtractiveLLM(), "A bicycle costs 15 euros.", "A bicycle costs 15 euros."))
    assert said == "A bicycle costs 15 euros. [1]"


async def test_a_table_row_has_its_header():
    """A row of a table is quoted below the table's header."""
    table = "| Thing | Cost |\n| --- | --- |\n| Dog | 29 euros |\n| Bicycle | 15 euros |"
    said = text_of(await run(ExtractiveLLM(), table))
    assert said.startswith("| Thing | Cost |\n| --- | --- |\n| Bicycle | 15 euros |")
    assert "Dog" not in said


async def test_what_a_sentence_leans_on_comes_with_it():
    """A sentence that begins with “It” is quoted with the one before."""
    said = text_of(
        await run(ExtractiveLLM(), "The bicycle goes into the van. It costs 15 euros, bicycle included.")
    )
    assert said.index("goes into the van") < said.index("It costs")
