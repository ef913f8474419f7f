"""Questions proposed from documents: by their own words, or by a model whose quotes are checked."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from ragnb import RAGPipeline
from ragnb.errors import EmptyIndexError, InvalidInputError, ProviderError
from ragnb.evaluation.gold import Locator
from ragnb.evaluation.questions import read_questions
from ragnb.llms.openai import OpenAILLM
from ragnb.simulator import Simulator
from tests.evaluation.conftest import DOCUMENTS, asked


def test_from_the_documents_own_words(sampled, tmp_path):
    """Gaps, cells and sections of the sample corpus: one a document before any has two, each quote in the index."""
    proposed = sampled.propose_questions(45)
    assert len(proposed) == 45 and len({one.question for one in proposed}) == 45
    assert {one.kind for one in proposed} == {"cloze", "table", "section"}
    documents = Counter(one.gold[0].document for one in proposed)
    assert max(documents.values()) == 1
    locator = Locator(sampled.vectorstore)
    assert all(locator.locate(one).is_whole for one in proposed)
    for one in proposed:
        if one.kind != "section":
            assert one.answer and one.answer in one.gold[0].quote
        if one.kind == "cloze":
            assert "____" in one.question
    proposed.save(tmp_path / "q.jsonl")
    assert read_questions(tmp_path / "q.jsonl") == proposed


def test_the_same_seed_the_same_questions(sampled):
    """A seed decides what is drawn."""
    assert sampled.propose_questions(8) == sampled.propose_questions(8)
    assert sampled.propose_questions(8, seed=1) != sampled.propose_questions(8)


def test_what_two_documents_say_is_not_asked(minilm):
    """A sentence that stands in two documents, also with another figure, has no one answer; nor is it asked twice."""
    rag = RAGPipeline("extractive", minilm, "memory", home=None)
    rag.add(
        [
            "A bicycle has to be at the luggage van 20 minutes before the departure of the train. "
            "The bicycle shop in Malmö repairs punctures for travellers at any time of the night.",
            "A bicycle has to be at the luggage van 30 minutes before the departure of the train. "
            "The bicycle shop in Narvik sells spare bells and lamps to travellers without lights.",
        ]
    )
    proposed = rag.propose_questions(10)
    rag.close()
    assert [one.answer for one in proposed] and not any(
        "luggage van" in one.gold[0].quote for one in proposed
    )


def test_what_is_evaluated(sampled):
    """Proposed questions can be asked as they are."""
    found = sampled.evaluate(sampled.propose_questions(6), retrieval_only=True)
    assert not found.missing and found.estimate("MRR").n == 6


def written(request):
    """A question with a quote about each passage, wrapped in words; lies and rubbish about some."""
    text = str(request["messages"])
    if "Refunds" in text:
        reply = {
            "question": "How fast is money returned?",
            "answer": "5 days",
            "quote": "Refunds are  paid within five days",
        }
        return f"Here it is:\n```json\n{json.dumps(reply)}\n```"
    if "Bicycles" in text:
        return json.dumps({"question": "Who?", "answer": "Nobody", "quote": "words that are not there"})
    if "Dogs" in text:
        return "I cannot think of any {question}."
    return json.dumps(
        {
            "question": "How long is a shower?",
            "answer": "6 minutes",
            "quote": "Warm water runs for six minutes.",
        }
    )


def test_by_a_model(made):
    """Only questions whose quote stands in the passage are kept, quoted as it stands there."""
    rag, sim = made(written)
    proposed = rag.propose_questions(4)
    assert sorted((one.question, one.gold[0].document, one.gold[0].quote) for one in proposed) == [
        ("How fast is money returned?", "refunds.md", "Refunds are paid within five days"),
        ("How long is a shower?", "showers.md", "Warm water runs for six minutes"),
    ]
    assert asked(sim) == len(DOCUMENTS) and [one.id for one in proposed] == ["p01", "p02"]


def test_by_another_model(made):
    """Any model may write them, as long as it can be reached."""
    rag, sim = made()
    with Simulator(written, api_keys=["test"]) as writer:
        assert rag.propose_questions(1, llm=OpenAILLM("m", base_url=writer.url, api_key="test"))
        assert asked(writer) >= 1 and asked(sim) == 0
        with pytest.raises(ProviderError, match="API key"):
            rag.propose_questions(1, llm=OpenAILLM("m", base_url=writer.url, api_key="other"))


def test_the_same_question_again(made):
    """A model that always asks the same gives one question."""
    reply = json.dumps({"question": "What is it?", "answer": "it", "quote": "a"})
    rag, _ = made(lambda request: reply)
    assert len(rag.propose_questions(4)) == 1


def test_nothing_to_ask_about(minilm):
    """Without documents, or without a number, it is told."""
    rag = RAGPipeline("extractive", minilm, "memory", home=None)
    with pytest.raises(EmptyIndexError, match="Add some first"):
        rag.propose_questions()
    with pytest.raises(InvalidInputError, match="n=0"):
        rag.propose_questions(0)
    rag.add("Short.")
    assert rag.propose_questions(3) == []
    rag.close()
