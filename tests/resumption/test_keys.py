"""Asking with a key: one answer, however often it is asked for."""

from __future__ import annotations

import threading
from contextlib import aclosing

import pytest

from ragnb import Answer, RAGPipeline
from ragnb.errors import AnswerInUseError, InvalidInputError, ProviderError
from ragnb.simulator import Status
from tests.resumption.samples import elsewhere

TOKENS = ["One", " two", " [1]."]


def asked(sim) -> int:
    """How often the model was called."""
    return sum("chat" in request.path for request in sim.requests)


@pytest.fixture(params=["home", "memory"])
def place(request, tmp_path):
    return tmp_path / "home" if request.param == "home" else None


def test_a_finished_answer_is_replayed(wired, place):
    """Asking again gives the same events and the same display, and calls no model; without a key it is asked anew."""
    rag, sim = wired(answer=TOKENS, home=place)
    first = rag.ask("How?", key="q1")
    again = rag.ask("How?", key="q1")
    assert again.events == first.events and first.events[0].key == "q1"
    assert again._repr_mimebundle_() == first._repr_mimebundle_()
    assert list(rag.events("How?", key="q1")) == list(first.events)
    assert rag.query("How?", key="q1") == "".join(rag.stream("How?", key="q1")) == first.text
    assert asked(sim) == 1 and len(rag.answers()) == 1
    assert rag.ask("How?").id != first.id
    assert rag.ask("How?", key="q2").id != first.id
    assert asked(sim) == 3


async def test_the_async_twins_take_a_key(wired, place):
    """aask, aquery, astream and aevents replay as their plain twins do."""
    rag, sim = wired(answer=TOKENS, home=place)
    first = await rag.aask("How?", key="q1")
    assert await rag.aquery("How?", key="q1") == first.text
    async with aclosing(rag.aevents("How?", key="q1")) as events:
        assert [event async for event in events] == list(first.events)
    assert asked(sim) == 1


def test_replayed_in_another_pipeline(wired, tmp_path):
    """What another pipeline has answered on this home is read from its file."""
    rag, sim = wired(answer=TOKENS, home=tmp_path / "home")
    first = rag.ask("How?", key="q1")
    events, told = first.events, first._repr_mimebundle_()
    del first
    other, unasked = wired(answer="Not this.", home=tmp_path / "home")
    again = other.ask("How?", key="q1")
    assert again.is_read and again.events == events and again._repr_mimebundle_() == told
    assert (asked(sim), asked(unasked)) == (1, 0)


def test_a_running_answer_is_joined(wired, place):
    """Who asks with the key of an answer that runs gets that one; leaving early does not end it for the first."""
    rag, sim = wired(answer=TOKENS, gate=True, home=place)
    first = rag.start("How?", key="q1")
    sim.release(1)
    assert rag.start("How?", key="q1") is first
    pieces = rag.stream("How?", key="q1")
    assert next(pieces) == "One"
    pieces.close()
    assert first.status == "running"
    sim.release(5)
    assert first.wait(timeout=10) and first.text == "".join(TOKENS)
    assert asked(sim) == 1


def test_many_threads_with_one_key(wired, place):
    """Asked from many threads at once, it is answered once."""
    rag, sim = wired(answer=TOKENS, home=place)
    together, found = threading.Barrier(8), []

    def ask():
        together.wait()
        found.append(rag.start("How?", key="q1"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer.id for answer in found}) == 1 and len(rag.answers()) == 1
    assert found[0].wait(timeout=10) and asked(sim) == 1


def test_what_failed_or_was_cancelled_is_begun_anew(wired, place):
    """A key whose answer failed or was cancelled asks the model again; the last answer has the key then."""
    rag, sim = wired(answer=TOKENS, gate=True, faults=[Status(401)], home=place)
    with pytest.raises(ProviderError):
        rag.query("How?", key="q1")
    cancelled = rag.start("How?", key="q1")
    sim.release(1)
    assert cancelled.wait(3, timeout=10)
    cancelled.cancel()
    assert cancelled.wait(timeout=10)
    sim.release(9)
    assert rag.query("How?", key="q1") == rag.query("How?", key="q1") == "".join(TOKENS)
    assert [answer.status for answer in rag.answers()] == ["failed", "cancelled", "finished"]


ODD = [
    "../../etc/passwd",
    "a/b\\c:d*?",
    "\0",
    "'; DROP TABLE answers; --",
    "ключ 🔑",
    "e\u0301",
    "\n",
    " ",
    ".",
    "x" * 1000,
]


def test_odd_keys(wired, place):
    """Any text is a key, and no two are the same."""
    rag, sim = wired(answer=TOKENS, home=place)
    ids = [rag.ask("How?", key=key).id for key in [*ODD, "é", "\0\0", "  "]]
    assert len(set(ids)) == len(ids) == asked(sim)
    assert [rag.ask("How?", key=key).id for key in ODD] == ids[: len(ODD)]
    assert [entry.key for entry in rag.answers().entries][: len(ODD)] == ODD


@pytest.mark.parametrize("key", ["", 3, b"x", "x" * 1001, "\ud800"])
def test_what_is_no_key(wired, key):
    """An empty, long or half key is told in a sentence before anything is asked."""
    rag, sim = wired(answer=TOKENS)
    with pytest.raises(InvalidInputError, match="key="):
        rag.ask("How?", key=key)
    assert asked(sim) == 0


def test_a_key_belongs_to_one_question(wired, place):
    """The same key for another question, k or filter is an error, not the wrong answer."""
    rag, _ = wired(answer=TOKENS, home=place)
    rag.ask("How?", key="q1", k=2)
    with pytest.raises(InvalidInputError, match=r"belongs to an answer with question='How.'"):
        rag.ask("Why?", key="q1", k=2)
    with pytest.raises(InvalidInputError, match="with k=2"):
        rag.ask("How?", key="q1")
    with pytest.raises(InvalidInputError, match=r"with where={}"):
        rag.ask("How?", key="q1", k=2, where={"lang": "en"})


SCRIPT = """
from ragnb import RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
home, url = sys.argv[1:]
embeddings = OpenAIEmbeddings(base_url=url, api_key="test")
rag = RAGPipeline(OpenAILLM("m", base_url=url, api_key="test"), embeddings, "memory", home=home)
rag.add("A text.")
answer = rag.start("How?", key="q1")
answer.wait(2)
"""


def test_two_processes_with_one_key(wired, tmp_path):
    """While one process answers, the second is told so; when the first is killed, the second goes on."""
    rag, sim = wired(answer=TOKENS, gate=True, home=tmp_path / "home")
    with elsewhere(SCRIPT, str(tmp_path / "home"), sim.url) as process:
        with pytest.raises(
            AnswerInUseError, match=r"Another process is answering 'How.' with the key 'q1' now"
        ):
            rag.ask("How?", key="q1")
        assert [entry.status for entry in rag.answers().entries] == ["running"]
        process.kill()
        process.wait()
        sim.release(99)
        assert rag.ask("How?", key="q1").text == "".join(TOKENS)


def test_old_answers_go_when_a_pipeline_is_made(tmp_path, minilm):
    """What `keep` does not keep is deleted quietly when a pipeline opens the home."""
    import os

    from ragnb import Keep

    def pipeline(keep=None):
        rag = RAGPipeline("extractive", minilm, "memory", home=tmp_path / "home", keep=keep)
        for thread in threading.enumerate():
            if thread.name == "ragnb-warm-up":
                thread.join()
        return rag

    rag = pipeline()
    rag.add("A dog costs 29 euros.")
    ids = [rag.ask("What does a dog cost?").id for _ in range(3)]
    for name in ids:
        os.utime(tmp_path / "home" / "answers" / f"{name}.jsonl", (1e9, 1e9))
    assert [answer.id for answer in pipeline().answers()] == ids
    assert [answer.id for answer in pipeline(Keep(days=1)).answers()] == ids[2:]
    assert isinstance(rag.answers()[0], Answer)
