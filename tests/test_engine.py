"""The engine: what happens in which order, and what the log says of it."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from ragnb.errors import ProviderError
from ragnb.events import Cited, Failed, Retrying, Used
from ragnb.llms.openai import OpenAILLM
from ragnb.pipeline import RAGPipeline
from ragnb.simulator import CleanEnd, Cut, ErrorEvent, Html, NeverAnswer, Stall, Status


def kinds(events):
    return [type(event).__name__ for event in events]


def test_the_whole_log(wired):
    """An answer's events come in order, and each citation after the words that it is about."""
    rag, _ = wired(answer="Refunds are paid within five days [1]. Ask.")
    events = list(rag.events("How are refunds paid?"))
    assert kinds(events)[:3] == ["Started", "Retrieved", "Routed"]
    assert kinds(events)[-2:] == ["Used", "Finished"]
    assert [event.seq for event in events] == list(range(len(events)))
    assert [event.at for event in events] == sorted(event.at for event in events)
    cited = next(event for event in events if isinstance(event, Cited))
    assert cited.quotes[0].text == "Refunds are paid within five days."
    assert cited.seq > 4
    assert events[2].reason == "you asked for it"
    assert events[-2].cost > 0


def test_sources_before_the_model_is_asked(wired):
    """Retrieved is in the log before the request leaves, and the sources are there if no answer comes."""
    rag, sim = wired(faults=[NeverAnswer()], llm={"stall_timeout": 30.0})
    answer = rag.start("How are refunds paid?")
    request = sim.wait_for_request()
    assert kinds(answer.events) == ["Started", "Retrieved", "Routed"]
    started = time.monotonic() - answer.events[1].at  # not after the request
    assert answer.events[1].at <= answer.events[2].at
    assert request.at >= started - 60
    assert len(answer.sources) == 3
    answer.cancel()
    assert answer.wait(timeout=10)
    assert answer.status == "cancelled"
    sim.wait_for_disconnect()


@pytest.mark.parametrize(
    "fault", [Status(503), Status(429), Status(500), Cut(0), Cut(0, "rst"), CleanEnd(0), ErrorEvent(0)]
)
def test_before_the_first_token_a_passing_fault_is_retried(wired, fault):
    """What fails before the first token is tried again, and the log tells."""
    rag, sim = wired(answer="Five days [1].", faults=[fault, None])
    events = list(rag.events("How?"))
    assert kinds(events).count("Retrying") == 1
    assert "".join(e.text for e in events if kinds([e]) == ["Token"]) == "Five days [1]."
    assert len(sim.requests) == 2


def test_retry_after_is_honoured(wired):
    """The wait before the next attempt is at least what the provider asks for."""
    rag, _ = wired(faults=[Status(429, retry_after=0.2), None])
    retrying = next(e for e in rag.events("How?") if isinstance(e, Retrying))
    assert retrying.wait >= 0.2


@pytest.mark.parametrize("fault", [Cut(3), Cut(3, "rst"), CleanEnd(3), Stall(3), ErrorEvent(3)])
def test_after_the_first_token_nothing_is_started_again(wired, fault):
    """A stream that breaks in the middle, and cannot be gone on with, fails with its text kept and its usage
    estimated."""
    faults = [fault, *[Status(503)] * 3]
    rag, sim = wired(answer=["One", " two", " three", " four"], faults=faults, llm={"stall_timeout": 0.3})
    answer = rag.start("How?")
    assert answer.wait(timeout=20)
    assert answer.status == "failed"
    assert answer.text == "One two three"
    assert answer.usage.estimated
    assert len(sim.requests) == 3
    assert answer.last(Failed).advice


def test_attempts_end(wired):
    """After the last attempt the answer fails with the fault, and an async reader gets the exception."""
    rag, sim = wired(faults=[Status(503)] * 9)
    with pytest.raises(ProviderError, match="overloaded") as caught:
        rag.query("How?")
    assert caught.value.fault == "overloaded"
    assert len(sim.requests) == 3


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Status(401), "did not accept the API key"),
        (Status(404), "has no model"),
        (Html(), "does not speak the protocol"),
        (Status(400), "refused the request"),
    ],
)
def test_lasting_faults_are_not_retried(wired, fault, said):
    """What will not pass fails at once, in a sentence that says what to do."""
    rag, sim = wired(faults=[fault])
    with pytest.raises(ProviderError, match=said) as caught:
        rag.query("How?")
    assert caught.value.advice
    assert len(sim.requests) == 1


def test_an_answer_cut_at_max_tokens_says_so(wired):
    """A stop at max_tokens is told as such, with the advice."""
    rag, _ = wired(answer="one two three four five six", llm={"max_tokens": 3})
    finished = list(rag.events("How?"))[-1]
    assert finished.reason == "length"
    assert "max_tokens" in finished.advice


def test_usage_is_counted_once(wired):
    """A provider that reports usage three times is counted once."""
    rag, _ = wired(answer="one two three", dialect="groq")
    used = [event for event in rag.events("How?") if isinstance(event, Used)]
    assert len(used) == 1
    assert used[0].output_tokens == 3
    assert not used[0].estimated


def test_reasoning_and_heartbeats_are_no_answer(wired):
    """Cerebras' habits are read: no [DONE], heartbeats, reasoning first, usage in the last chunk."""
    rag, _ = wired(answer="one two three", dialect="cerebras")
    events = list(rag.events("How?"))
    assert "".join(e.text for e in events if kinds([e]) == ["Token"]) == "one two three"
    assert events[-2].output_tokens >= 3  # reasoning is paid for too
    assert not events[-2].estimated


async def test_fifty_at_once(wired):
    """Fifty answers stream at once on one loop, each with its own text."""
    rag, _ = wired(answer=lambda request: request["messages"][-1]["content"].rpartition(" ")[2])
    asked = [f"What is number{n}?" for n in range(50)]
    texts = await asyncio.gather(*(rag.aquery(question) for question in asked))
    assert texts == [f"number{n}?" for n in range(50)]


def test_two_pipelines_share_nothing(wired):
    """Two pipelines in one process answer side by side, each from its own documents."""
    one, _ = wired(answer="one")
    two, _ = wired(answer="two")
    assert (one.query("?!"), two.query("?!")) == ("one", "two")
    assert len(one.answers()) == len(two.answers()) == 1


def test_a_reranker_decides_the_order(wired):
    """A reranker's order is in the log, and is what the model gets."""
    from ragnb.documents import Hit

    class Backwards:
        name = "backwards"

        def rerank(self, question, hits):
            return [Hit(hit.chunk, float(n)) for n, hit in enumerate(reversed(hits))]

    rag, sim = wired()
    turned = RAGPipeline(rag.llm, rag.embeddings.inner, rag.vectorstore, Backwards(), home=None)
    answer = turned.start("How are refunds paid?", k=1)
    assert answer.wait(timeout=10)
    assert kinds(answer.events)[1:4] == ["Retrieved", "Reranked", "Routed"]
    assert answer.sources[0].chunk == answer.events[1].hits[-1].chunk
    assert answer.sources[0].chunk.text in sim.requests[-1].json["messages"][-1]["content"]


def test_all_models_are_warmed_up(wired):
    """A model that only goes on with what another began is warmed up too, for then there is no time."""
    rag, sim = wired()

    class Warm(OpenAILLM):
        def warm_up(self):
            super().warm_up()
            warmed.release()

    warmed = threading.Semaphore(0)
    llms = [Warm(name, base_url=sim.url) for name in "abc"]
    RAGPipeline(llms[0], rag.embeddings.inner, rag.vectorstore, home=None, fallback=llms[1:])
    assert all(warmed.acquire(timeout=10) for _ in llms)


def test_a_part_that_raises_is_told(wired):
    """An exception that nobody foresaw ends the log with Failed, not with silence."""
    rag, _ = wired()

    class Broken:
        name = "broken"
        citing = False

        async def stream(self, request):
            raise ZeroDivisionError("oops")
            yield

        def warm_up(self):
            pass

    answer = RAGPipeline(Broken(), rag.embeddings.inner, rag.vectorstore, home=None).start("How?")
    assert answer.wait(timeout=10)
    assert answer.last(Failed).error == "ZeroDivisionError"
    assert "oops" in answer.last(Failed).message
