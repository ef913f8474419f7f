"""What is searched for: follow-ups without a model, other wordings, and how their passages are fused."""

from __future__ import annotations

import json

import pytest

from ragnb import RAGPipeline
from ragnb.background import run
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.errors import ConfigurationError
from ragnb.events import Retrieved, Rewritten, Used
from ragnb.llms import followups
from ragnb.llms.base import Turn
from ragnb.llms.extractive import ExtractiveLLM
from ragnb.llms.openai import OpenAILLM
from ragnb.queries import Rewriter
from ragnb.retrieval import Retriever
from ragnb.simulator import Simulator, Status, prompt
from tests.conftest import ROOT, TEXTS, hits
from tests.resumption.cases import PROTOCOLS

FOLLOWUPS = ROOT / "data" / "followups.jsonl"


# ---- without a model --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "question", "alone"),
    [
        ("What does it cost to take a bicycle?", "And for dogs?", "And for dogs? cost take bicycle"),
        ("Can I bring a dog?", "How much is it?", "How much is it? bring dog"),
        ("Can I bring a dog?", "Where do they sleep?", "Where do they sleep? bring dog"),
        ("Can I bring a dog?", "Why?", "Why? bring dog"),
        ("Can I bring a dog?", "And what does a dog cost?", "And what does a dog cost? bring"),
        ("Can I bring a dog?", "Where is the dining car?", "Where is the dining car?"),
        ("Can I bring a dog?", "Who says that the train is late?", "Who says that the train is late?"),
        ("Why?", "And so?", "And so?"),
    ],
)
def test_standalone(before, question, alone):
    """A follow-up gets the words that it lacks; a question that needs none stays as it is."""
    assert followups.standalone(question, before) == alone


def test_a_long_chain_stays_short():
    """However many follow-ups follow each other, the query does not grow without end."""
    query = "How long does it take to get a refund for a berth in a couchette?"
    for number in range(50):
        query = followups.standalone(f"And for place{number} in car{number}?", query)
    assert len(query.split()) <= 20


def test_follow_ups_find_their_passage(handbook, minilm):
    """Of two-turn examples over the sample documents, many more find the passage once they are rewritten."""
    cases = [json.loads(line) for line in FOLLOWUPS.read_text().splitlines()]
    rag = RAGPipeline("extractive", minilm, home=None)
    rag.ingest(handbook)
    plain = recall(rag, cases, lambda case: case["question"])
    rewritten = recall(rag, cases, lambda case: followups.standalone(case["question"], case["first"]))
    rag.close()
    assert plain <= 0.75
    assert rewritten >= plain + 0.15


def recall(rag, cases, query):
    """The share of the cases whose passage is among the first five that the store finds."""
    retriever = rag._answering.engine.retriever
    found = 0
    for case in cases:
        hits = run(retriever.retrieve(query(case), 5)).hits[:5]
        found += any(spaced(case["quote"]) in spaced(hit.chunk.text) for hit in hits)
    return found / len(cases)


def spaced(text):
    return " ".join(text.split())


# ---- by a model -------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_every_model_rewrites(protocol):
    """One request to the real SDK, whichever protocol it speaks, and what it used."""
    history = (Turn("How do refunds work?", "Within five days."),)
    with Simulator("What do dogs cost?") as sim:
        llm = PROTOCOLS[protocol](sim)
        used, rewritten = [event async for event in Rewriter(llm, 0, 60.0).events("And for dogs?", history)]
        await llm.aclose()
        assert len(sim.requests) == 1
    assert rewritten == Rewritten(question="What do dogs cost?", model=llm.name)
    assert used.model == llm.name and used.input_tokens > 20
    assert used.estimated == (protocol == "chat, prefix")  # which is not asked for its usage


# ---- other wordings ---------------------------------------------------------------------------------

WORDINGS = ["How is money given back?", "Reimbursement of tickets", "When am I paid back?", "One too many"]


def is_rewriting(request):
    return any("other wordings" in text for text in prompt.texts(request))


def replying(request):
    return (
        "\n".join(f"{n}. {one}" for n, one in enumerate(WORDINGS, 1))
        if is_rewriting(request)
        else "So [1]."
    )


@pytest.fixture
def asking():
    """Makes pipelines that search for several wordings."""
    made = []

    def make(answer=replying, n=3, **simulator):
        sim, vectors = Simulator(answer, **simulator).start(), Simulator().start()
        rag = RAGPipeline(
            OpenAILLM("m", base_url=sim.url, api_key="test"),
            OpenAIEmbeddings(base_url=vectors.url, api_key="test"),
            "memory",
            home=None,
            multi_query=n,
        )
        rag.add(TEXTS)
        made.extend([sim, vectors])
        return rag, sim, vectors

    yield make
    for sim in made:
        sim.stop()


def asked(rag, question="How do refunds work?"):
    answer = rag.start(question)
    assert answer.wait(timeout=20)
    return answer


def test_other_wordings(asking):
    """The model is asked once; as many as are wanted are searched for, and the log names them."""
    rag, sim, vectors = asking()
    before = len(vectors.requests)
    answer = asked(rag)
    kinds = [type(event).__name__ for event in answer.events]
    assert kinds[:5] == ["Started", "Used", "Rewritten", "Retrieved", "Routed"]
    rewritten = answer.last(Rewritten)
    assert rewritten.question == answer.question and rewritten.model == "openai:m"
    assert list(rewritten.others) == WORDINGS[:3]
    embedded = [text for request in vectors.requests[before:] for text in request.json["input"]]
    assert embedded == [answer.question, *WORDINGS[:3]]
    assert len(sim.requests) == 2 and answer.text == "So [1]."
    assert rewritten.at <= answer.last(Retrieved).at


def test_off_by_default(wired):
    """Without multi_query nothing is asked beside the question."""
    rag, sim = wired(answer="So [1].")
    assert asked(rag).last(Rewritten) is None
    assert len(sim.requests) == 1


def test_where_wordings_fail(asking):
    """The question alone is searched for, the log says why, and the answer comes."""
    rag, _, _ = asking(faults=[Status(500)])
    answer = asked(rag)
    rewritten = answer.last(Rewritten)
    assert answer.status == "finished"
    assert (rewritten.question, rewritten.others, rewritten.model) == (answer.question, (), "")
    assert rewritten.note.startswith("openai:m could not rewrite the question")


def test_wordings_without_a_model(minilm):
    """There are none, the log says so, and nothing is used."""
    rag = RAGPipeline(ExtractiveLLM(minilm.embed_documents), minilm, home=None, multi_query=2)
    rag.add(TEXTS)
    answer = asked(rag, "How are refunds paid?")
    assert answer.last(Rewritten) == Rewritten(
        question=answer.question,
        note="other wordings need a model",
        seq=1,
        at=answer.events[1].at,
    )
    assert "five days" in answer.text
    assert sum(used.input_tokens for used in answer.all(Used)) == 0
    rag.close()


def test_wordings_of_a_follow_up(asking):
    """One request gives the follow-up on its own and its other wordings."""

    def both(request):
        return "What does a dog cost?\nPrice of a dog\nDog fare" if is_rewriting(request) else "So [1]."

    rag, sim, _ = asking(both)
    chat = rag.chat()
    for question in ("How?", "And for dogs?"):
        assert chat.start(question).wait(timeout=20)
    rewritten = chat.answers[-1].last(Rewritten)
    assert (rewritten.question, rewritten.others) == (
        "What does a dog cost?",
        ("Price of a dog", "Dog fare"),
    )
    assert len(sim.requests) == 4


@pytest.mark.parametrize("wrong", [-1, 11, True, "3", None])
def test_a_number_that_is_none(wrong):
    """What is no number of wordings is refused."""
    with pytest.raises(ConfigurationError, match="multi_query"):
        RAGPipeline("extractive", home=None, multi_query=wrong)


class Finding:
    """A store that finds by the first word of a query."""

    def __init__(self, found):
        self._found = found
        self.asked = []

    def open(self, info):
        pass

    def search(self, text, vector, limit, where=None):
        self.asked.append((text, limit, where))
        return self._found[text.split()[0]][:limit]

    def __len__(self):
        return 3


async def test_fusion(minilm):
    """What stands high for most comes first, scores are from 0 to 1, and one query alone is left as it is."""
    a, b, c = hits("a", "b", "c")
    store = Finding({"one": [a, b, c], "two": [b, c], "three": [b, a]})
    retriever = Retriever(minilm, store, 2)
    fused = (await retriever.retrieve("one", 1, {"lang": "en"}, ("two", "three"))).hits
    assert [hit.chunk.id for hit in fused] == [b.chunk.id, a.chunk.id]
    assert 1 > fused[0].score > fused[1].score > 0
    assert store.asked == [(text, 2, {"lang": "en"}) for text in ("one", "two", "three")]
    assert (await retriever.retrieve("one")).hits == (a, b)
