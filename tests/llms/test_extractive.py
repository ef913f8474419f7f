"""The extractive answerer: the right sentences, word for word, or an honest no."""

from __future__ import annotations

import json

import numpy as np
import pytest
from msgspec.structs import replace

from ragnb import RAGPipeline
from ragnb.documents import Hit
from ragnb.llms.base import Citation, Request, Stop, Text
from ragnb.llms.extractive import DECLINED, ExtractiveLLM
from tests.conftest import ROOT, hits

TABLE = "| Thing | Cost |\n| --- | --- |\n| Dog | 29 euros |\n| Bicycle | 15 euros |\n| Skis | 5 euros |"


@pytest.fixture(scope="module")
def rag(minilm):
    pipeline = RAGPipeline(llm="extractive", embeddings=minilm, home=None)
    pipeline.ingest(ROOT / "data" / "handbook")
    return pipeline


def ask(rag, question):
    list(rag.events(question))
    return rag.answers()[-1]


QUESTIONS = [json.loads(line) for line in (ROOT / "data" / "questions.jsonl").read_text().splitlines()]


# A little below what benchmarks/extractive.py prints: share of the answerable questions whose gold quotes are
# cited, and of the unanswerable ones that are declined. The constants were chosen on “tune”.
FLOORS = {"tune": (0.7, 0.6), "test": (0.5, 0.44)}


@pytest.mark.parametrize("split", FLOORS)
def test_answerable_questions_get_the_right_sentence(rag, split):
    """Of the corpus's answerable questions, most cite the sentences that answer them."""
    answerable = [q for q in QUESTIONS if q["split"] == split and q["kind"] != "unanswerable"]
    missed = [q["question"] for q in answerable if not is_cited(q["quote"], ask(rag, q["question"]))]
    assert len(missed) <= (1 - FLOORS[split][0]) * len(answerable), missed


def is_cited(quotes, answer):
    """Whether all gold quotes are within what the answer quotes."""
    cited = " ".join(" ".join(q.text for c in answer.citations for q in c.quotes).split())
    return all(
        " ".join(quote.split()) in cited for quote in ([quotes] if isinstance(quotes, str) else quotes)
    )


@pytest.mark.parametrize("split", FLOORS)
def test_unanswerable_questions_are_declined(rag, split):
    """Of the questions that the corpus does not answer, so many are declined."""
    hopeless = [q for q in QUESTIONS if q["split"] == split and q["kind"] == "unanswerable"]
    answered = [q["question"] for q in hopeless if ask(rag, q["question"]).text != DECLINED]
    assert len(answered) <= (1 - FLOORS[split][1]) * len(hopeless), answered


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
    """A row of a table is quoted below the table's header, without the other rows."""
    said = text_of(await run(ExtractiveLLM(), TABLE))
    assert said == "| Thing | Cost |\n| --- | --- |\n| Bicycle | 15 euros |\n\n[1]"


async def test_neighbouring_rows_share_a_header():
    """Rows that stand one below the other are one quote under one header."""
    deltas = await run(ExtractiveLLM(), TABLE, question="Cost of dog or bicycle")
    rows = "| Dog | 29 euros |\n| Bicycle | 15 euros |"
    assert text_of(deltas) == f"| Thing | Cost |\n| --- | --- |\n{rows}\n\n[1]"
    (cited,) = (delta for delta in deltas if isinstance(delta, Citation))
    assert TABLE[cited.quote_start : cited.quote_end] == rows


async def test_a_small_table_whose_rows_all_miss_is_quoted_as_a_whole():
    """Where the columns speak of the question and no row does, no row is preferred."""
    said = text_of(await run(ExtractiveLLM(least=0.2), TABLE, question="What is the cost of a canoe?"))
    assert said.startswith(TABLE)


async def test_both_parts_of_a_question_are_answered():
    """A question with two parts gets the best sentence for each, from whichever passage."""
    said = text_of(
        await run(
            ExtractiveLLM(least=0.4),
            "A bicycle costs 15 euros on every train of ours.",
            "Tie the label to the saddle.",
            question="What does a bicycle cost on every train, and where do I tie the label?",
        )
    )
    assert (
        said == "A bicycle costs 15 euros on every train of ours. [1]\n\nTie the label to the saddle. [2]"
    )


async def test_a_name_that_no_passage_has_is_a_reason_to_decline():
    """What is asked of one place is not answered with what is said of another."""
    question = "What does a bicycle cost in Oslo?"
    assert text_of(await run(ExtractiveLLM(), "A bicycle costs 15 euros.", question=question)) == DECLINED
    said = text_of(await run(ExtractiveLLM(), "In Oslo a bicycle costs 15 euros.", question=question))
    assert said == "In Oslo a bicycle costs 15 euros. [1]"


def dated(*passages):
    """Passages as `hits` makes them, each with a date."""
    found = zip(hits(*(text for _, text in passages)), passages, strict=True)
    return tuple(Hit(replace(hit.chunk, metadata={"date": date}), hit.score) for hit, (date, _) in found)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What does a bicycle cost?", "A bicycle costs 15 euros on our trains. [2]"),
        ("What did a bicycle cost in 2024?", "In 2024 a bicycle costs 12 euros on our trains. [1]"),
    ],
)
async def test_the_newer_of_two_like_sentences(question, expected):
    """Of two documents that say nearly the same, the newer is quoted, unless the older one is asked for."""
    passages = dated(
        ("2024-03-01", "In 2024 a bicycle costs 12 euros on our trains."),
        ("2026-03-01", "A bicycle costs 15 euros on our trains."),
    )
    deltas = [delta async for delta in ExtractiveLLM(least=0.3).stream(Request(question, passages))]
    assert text_of(deltas) == expected


async def test_few_sentences_are_embedded_and_none_twice():
    """Long passages cost no more vectors than short ones, and the next question reuses what it can."""
    seen = []

    def embed(texts):
        seen.append(list(texts))
        return np.ones((len(texts), 1), np.float32)

    llm = ExtractiveLLM(embed)
    passage = " ".join(f"A bicycle costs {number} euros here." for number in range(100))
    await run(llm, passage)
    await run(llm, passage, question="Does a bicycle cost much?")
    assert 2 < len(seen[0]) <= 20
    assert seen[1:] == [["Does a bicycle cost much?"]]


async def test_what_a_sentence_leans_on_comes_with_it():
    """A sentence that begins with “It” is quoted with the one before."""
    said = text_of(
        await run(ExtractiveLLM(), "The bicycle goes into the van. It costs 15 euros, bicycle included.")
    )
    assert said.index("goes into the van") < said.index("It costs")
