"""Answers whose process ended: at whatever event, by whatever model, they are gone on with."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from itertools import pairwise

import pytest
from msgspec.structs import replace

from ragnb import RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.errors import AnswerInUseError, InvalidInputError, JournalError
from ragnb.events import Final, Finished, Kept, Reranked, Resumed, Retrieved, Retrying, Routed, Token, Used
from ragnb.llms.anthropic import AnthropicLLM
from ragnb.llms.base import Stop, Text
from ragnb.llms.extractive import ExtractiveLLM
from ragnb.llms.openai import OpenAILLM
from ragnb.resumption.policy import Retry
from ragnb.simulator import Cut, Simulator, Status
from tests.conftest import TEXTS
from tests.resumption.provider import Simple
from tests.resumption.samples import broken_off, elsewhere, path

ANSWER = "Refunds are paid within five days [1]. A bicycle costs 15 euros, and it travels in the van [2, 3]. So 🙂."


@pytest.fixture
def place(tmp_path):
    """Makes pipelines on simulators of their own and on one home."""
    made = []

    def make(
        kind=OpenAILLM,
        model="m",
        *,
        answer=ANSWER,
        options=None,
        home="home",
        fallback=(),
        reranker=None,
        **simulator,
    ):
        sim, vectors = Simulator(answer, **simulator).start(), Simulator().start()
        url = sim.anthropic_url if kind is AnthropicLLM else sim.url
        llm = (
            ExtractiveLLM()
            if kind is ExtractiveLLM
            else kind(model, base_url=url, api_key="test", **(options or {}))
        )
        rag = RAGPipeline(
            llm,
            OpenAIEmbeddings(base_url=vectors.url, api_key="test"),
            "memory",
            reranker,
            home=home and tmp_path / home,
            fallback=fallback,
            retry=Retry(attempts=3, initial=0.0, maximum=0.0),
        )
        rag.add(TEXTS)
        made.extend([sim, vectors])
        rag.asked, rag.embedded = sim, vectors
        return rag

    yield make
    for sim in made:
        sim.stop()


def journal(rag):
    return rag._answering.journal


def answered(rag, question="How?", **options):
    answer = rag.start(question, **options)
    assert answer.wait(timeout=10)
    return answer


def resumed(rag, answer_id):
    """The answer, gone on with to its end."""
    answer = rag._answering.resume(answer_id).answer
    assert answer.wait(timeout=10)
    return answer


def citations(answer):
    return [(one.start, one.end, one.chunk_ids, one.marker) for one in answer.citations]


def is_one_log(answer):
    """Whether places have no gap, times do not go back, and there is one end."""
    events = answer.events
    assert [event.seq for event in events] == list(range(len(events)))
    assert all(before.at <= after.at for before, after in pairwise(events))
    assert [isinstance(event, Final) for event in events] == [False] * (len(events) - 1) + [True]
    assert answer.to_jsonl() == answer.from_jsonl(answer.to_jsonl()).to_jsonl()
    return True


REPORTING = {"stream_options": {"include_usage": True}}
WAYS = {
    "instruction": (OpenAILLM, "m", {}),
    "exact": (OpenAILLM, "m", {"continuation": "exact"}),
    "prefill": (OpenAILLM, "m", {"continuation": "prefill", "options": REPORTING}),
    "cursor": (OpenAILLM, "m", {"api": "responses", "background": True}),
    "foreground": (OpenAILLM, "m", {"api": "responses"}),
    "replay": (ExtractiveLLM, "", {}),
}


@pytest.mark.parametrize("way", WAYS)
def test_after_every_event(place, way):
    """Wherever the log ends, the resumed answer is the undisturbed one, and what was out comes first in it."""
    kind, model, options = WAYS[way]
    rag = place(kind, model, options=options)
    whole = answered(rag, "What does a bicycle cost?")
    assert whole.status == "finished" and whole.citations
    for length in range(1, len(whole.events)):
        answer_id = broken_off(journal(rag), whole.events[:length], length)
        answer = resumed(rag, answer_id)
        assert answer.status == "finished", length
        assert answer.text == whole.text, length
        assert citations(answer) == citations(whole), length
        assert answer.events[1:length] == whole.events[1:length]
        assert is_one_log(answer)
        if length == len(whole.events) - 1:
            assert isinstance(answer.events[length], Finished)  # all but the end was there
            continue
        assert answer.events[length].fault == "interrupted"
        strategies = [event.strategy for event in answer.all(Resumed)]
        has_text = any(isinstance(event, Token) for event in whole.events[:length])
        assert strategies == ([{"foreground": "instruction"}.get(way, way)] if has_text else [])
        costs = [used.estimated for used in answer.all(Used)]
        assert costs == ([True, False] if has_text and way != "cursor" else [False]), length
    assert len(list((journal(rag).folder).glob("*.jsonl"))) == len(whole.events)


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-5"])
def test_citations_beside_the_text(place, model):
    """Anthropic's answers go on too; a citation that was cut covers its sentence at least."""
    rag = place(AnthropicLLM, model)
    whole = answered(rag)
    for length in range(1, len(whole.events) - 1):
        answer = resumed(rag, broken_off(journal(rag), whole.events[:length], length))
        assert answer.text == whole.text and is_one_log(answer), length
        assert {one.end for one in answer.citations} <= {one.end for one in whole.citations}, length


def test_what_is_there_is_not_done_again(place):
    """The passages of the log are used: nothing is embedded, searched or ranked once more."""

    class Backwards:
        name = "backwards"
        calls = 0

        def rerank(self, question, hits):
            self.calls += 1
            return tuple(reversed(hits))

    reranker = Backwards()
    rag = place(reranker=reranker)
    whole = answered(rag)
    kinds = [type(event) for event in whole.events]
    assert kinds[1:4] == [Retrieved, Reranked, Routed]
    embedded = len(rag.embedded.requests)
    for length in (3, 4, 8):
        answer = resumed(rag, broken_off(journal(rag), whole.events[:length], length))
        assert answer.sources == whole.sources and answer.text == whole.text
    assert (len(rag.embedded.requests), reranker.calls) == (embedded, 1)
    answer = resumed(rag, broken_off(journal(rag), whole.events[:2], 20))
    assert answer.sources == whole.sources and reranker.calls == 2
    assert len(rag.embedded.requests) == embedded


def test_the_same_k_and_filter(place):
    """An answer that ended before its passages were found looks for what was asked."""
    rag = place()
    whole = answered(rag, k=2)
    answer = resumed(rag, broken_off(journal(rag), whole.events[:1]))
    assert len(answer.sources) == 2
    where = {"lang": "none"}
    first = replace(whole.events[0], where=where)
    answer = resumed(rag, broken_off(journal(rag), [first], 2))
    assert answer.status == "failed" and "where=" in answer.events[-1].message


def test_in_a_backoff(place):
    """A log that ends while the next attempt was waited for counts the dead attempt once, and goes on."""
    rag = place(faults=[Cut(6), None])
    whole = answered(rag)
    waiting = next(event.seq for event in whole.all(Retrying))
    answer = resumed(rag, broken_off(journal(rag), whole.events[: waiting + 1]))
    assert answer.text == whole.text and is_one_log(answer)
    assert [event.fault for event in answer.all(Retrying)] == ["cut", "interrupted"]
    assert [used.estimated for used in answer.all(Used)] == [True, False]


def test_twice_and_with_a_fault(place):
    """An answer may be interrupted again, and its continuation may break off as any stream does."""
    rag = place(faults=[None, Cut(5), None, None])
    whole = answered(rag)
    once = resumed(rag, broken_off(journal(rag), whole.events[:8]))
    assert [event.fault for event in once.all(Retrying)] == ["interrupted", "cut"]
    twice = resumed(rag, broken_off(journal(rag), once.events[:20], 2))
    for answer in (once, twice):
        assert answer.text == ANSWER and citations(answer) == citations(whole) and is_one_log(answer)


def test_only_white_space_is_out(place):
    """White space cannot be gone on with: the whole comes again, and its beginning is left out."""
    rag = place(answer=["\n", "\n", "Two", " words."])
    whole = answered(rag)
    for length in (4, 5):
        assert (
            resumed(rag, broken_off(journal(rag), whole.events[:length], length)).text == "\n\nTwo words."
        )


def test_half_a_line(place):
    """A file that ends in half a line says what was lost, and goes on."""
    rag = place()
    whole = answered(rag)
    answer_id = broken_off(journal(rag), whole.events[:8])
    with path(journal(rag), answer_id).open("ab") as file:
        file.write(b'{"type":"Tok')
    answer = resumed(rag, answer_id)
    assert answer.text == ANSWER and is_one_log(answer)
    assert answer.notes == ("After event 7 stood 12 bytes of one that no reader saw; they are cut off.",)
    assert answer.notes[0] in answer._repr_mimebundle_()["text/plain"]


def test_by_another_model(place):
    """A pipeline with another model goes on with the same text, and the log says so."""
    whole = answered(place())
    rag = place(model="other")
    answer = resumed(rag, broken_off(journal(rag), whole.events[:9]))
    kinds = [type(event) for event in answer.events[9:13]]
    assert kinds == [Retrying, Used, Routed, Resumed]
    assert answer.text == ANSWER and citations(answer) == citations(whole)
    assert [event.model for event in answer.all(Used)] == ["openai:m", "openai:other"]
    assert (
        answer.last(Routed).reason
        == "the process that used openai:m ended, and this pipeline has another model"
    )
    assert "the process ended after 6 tokens, resumed with openai:other" in str(answer._repr_mimebundle_())
    before_its_text = resumed(rag, broken_off(journal(rag), whole.events[:3], 2))
    assert before_its_text.model == "openai:other" and before_its_text.text == ANSWER
    assert not list(before_its_text.all(Resumed))


def test_by_the_model_that_wrote_it(place):
    """Where a fallback wrote last, it is the fallback that goes on."""
    other = place(model="other").llm
    rag = place(faults=[Cut(6), Status(401)], fallback=other)
    whole = answered(rag)
    assert whole.model == "openai:other"
    routed = whole.last(Routed).seq
    for length in (routed + 1, routed + 4):
        answer = resumed(rag, broken_off(journal(rag), whole.events[:length], length))
        assert answer.text == ANSWER
        assert answer.events[: routed + 1][-1] == whole.events[routed] and answer.last(Routed).seq == routed


def test_a_model_that_cannot_go_on(place):
    """Where no model can go on the answer fails with advice, its text is kept, and what was used is counted."""

    whole = answered(place())
    rag = place()
    rag = RAGPipeline(Simple([Text("Anew."), Stop("stop")]), rag.embeddings, rag.vectorstore, home=rag.home)
    answer = resumed(rag, broken_off(journal(rag), whole.events[:9]))
    assert answer.status == "failed" and "cannot go on" in answer.events[-1].message
    assert ANSWER.startswith(answer.text) and answer.text
    assert [used.model for used in answer.all(Used)] == ["openai:m"]
    assert resumed(rag, broken_off(journal(rag), whole.events[:3], 2)).text == "Anew."


def test_a_provider_that_forgot(place):
    """Where the provider no longer keeps the answer, the model is told to go on; both are counted."""
    options = {"api": "responses", "background": True}
    whole = answered(place(options=options))
    rag = place(options=options)
    answer = resumed(rag, broken_off(journal(rag), whole.events[:12]))
    assert answer.text == ANSWER and is_one_log(answer)
    assert [event.strategy for event in answer.all(Resumed)] == ["instruction"]
    assert [used.estimated for used in answer.all(Used)] == [True, False]
    second = max(event.seq for event in answer.all(Kept))
    for length in range(second - 1, len(answer.events) - 1):
        again = resumed(rag, broken_off(journal(rag), answer.events[:length], length))
        assert again.text == ANSWER and citations(again) == citations(whole) and is_one_log(again), length


# ---- which answers -----------------------------------------------------------------------------------


def test_what_has_finished_or_runs(place):
    """One that has finished comes as it is, one that runs here is joined."""
    rag = place(gate=True)
    running = rag.start("How?")
    assert rag._answering.resume(running.id) == (running, False)
    rag.asked.release_all()
    assert running.wait(timeout=10)
    requests = len(rag.asked.requests)
    assert rag.resume(running.id).events == running.events
    assert rag.resume(rag.answers()[0]).events == running.events
    assert len(rag.asked.requests) == requests


async def test_its_async_twin(place, capsys):
    """aresume shows the answer from its beginning and waits for its end."""
    rag = place()
    whole = rag.start("How?")
    await whole
    answer = await rag.aresume(broken_off(journal(rag), whole.events[:9]))
    assert answer.text == ANSWER and answer.status == "finished"
    out = capsys.readouterr().out
    assert out.index("Refunds are paid") < out.index(
        "[the process ended after 6 tokens, resumed with openai:m"
    )


def test_what_is_no_answer(place):
    """An id that means nothing, and a file that holds nothing, are told in a sentence."""
    rag = place()
    answered(rag)
    for name in ("nothing", "../home", ""):
        with pytest.raises(InvalidInputError, match="There is no answer"):
            rag.resume(name)
    path(journal(rag), "20260101-000000-000000-abcd").write_bytes(b"nonsense\n")
    with pytest.raises(JournalError, match="no event can be read"):
        rag.resume("20260101-000000-000000-abcd")


SCRIPT = """
from pathlib import Path
from ragnb.resumption.journal import Journal
answer = Journal(Path(sys.argv[1])).reopen(sys.argv[2])
"""


def test_what_another_process_writes(place):
    """While another process writes it, it is not resumed; when that one is killed, it is."""
    rag = place()
    whole = answered(rag)
    answer_id = broken_off(journal(rag), whole.events[:8])
    with elsewhere(SCRIPT, str(journal(rag).folder), answer_id) as process:
        with pytest.raises(AnswerInUseError, match="is being written now"):
            rag.resume(answer_id)
        process.kill()
        process.wait()
        assert resumed(rag, answer_id).text == ANSWER


def test_from_many_threads(place):
    """Resumed from many threads at once it goes on once, and all get the same answer."""
    rag = place()
    whole = answered(rag)
    answer_id = broken_off(journal(rag), whole.events[:8])
    together, found = threading.Barrier(8), []

    def resume():
        together.wait()
        found.append(rag._answering.resume(answer_id))

    threads = [threading.Thread(target=resume) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answer = found[0].answer
    assert answer.wait(timeout=10) and answer.text == ANSWER
    assert {taken.answer.text for taken in found} == {ANSWER}
    assert sum(taken.is_ours for taken in found) == 1 and len(rag.asked.requests) == 2


@pytest.mark.parametrize("home", ["home", None])
def test_what_was_cancelled_or_failed(place, home):
    """What was ended early goes on as a new answer, that begins with what is out of it; the old one stays."""
    rag = place(home=home, gate=True, faults=[None, None, Cut(6), Status(401), None])
    cancelled = rag.start("How?", key="q1")
    rag.asked.release(6)
    assert cancelled.wait(8, timeout=10)
    cancelled.cancel()
    assert cancelled.wait(timeout=10)
    rag.asked.release_all()
    again = resumed(rag, cancelled.id)
    assert again.id != cancelled.id and again.text == ANSWER and is_one_log(again)
    assert again.events[1:8] == cancelled.events[1:8] and again.events[0].key == "q1"
    assert "[cancelled after 6 tokens, resumed with openai:m" in again._repr_mimebundle_()["text/plain"]
    assert rag.start("How?", key="q1").id == again.id
    failed = answered(rag)
    assert failed.status == "failed" and failed.text
    again = resumed(rag, failed.id)
    assert again.text == ANSWER and is_one_log(again)
    assert [answer.status for answer in rag.answers()] == ["cancelled", "finished", "failed", "finished"]


# ---- with a key --------------------------------------------------------------------------------------


async def _asked_in_every_way(rag, key):
    """The text of the answer with that key, by each method that takes one."""
    loop = asyncio.get_running_loop()
    plain = [
        lambda: rag.ask("How?", key=key).text,
        lambda: answered(rag, key=key).text,
        lambda: rag.query("How?", key=key),
        lambda: "".join(rag.stream("How?", key=key)),
        lambda: "".join(event.text for event in rag.events("How?", key=key) if isinstance(event, Token)),
    ]
    for ask in plain:
        yield lambda ask=ask: loop.run_in_executor(None, ask)

    async def streamed():
        async with aclosing(rag.astream("How?", key=key)) as pieces:
            return "".join([piece async for piece in pieces])

    async def shown():
        return (await rag.aask("How?", key=key)).text

    yield streamed
    yield shown
    yield lambda: rag.aquery("How?", key=key)


async def test_asked_again_with_its_key(place):
    """Every method that takes a key goes on with the answer, and gives its text from the beginning."""
    rag = place()
    whole = await rag.start("How?")
    number = 0
    async for ask in _asked_in_every_way(rag, "q1"):
        number += 1
        answer_id = broken_off(journal(rag), whole.events[:9], number, key="q1")
        assert await ask() == ANSWER
        entry = next(entry for entry in rag.answers().entries if entry.id == answer_id)
        assert (entry.key, entry.status) == ("q1", "finished")
    assert number == 8 and len(rag.answers()) == 9


def test_its_key_belongs_to_its_question(place):
    """An interrupted answer is not gone on with for another question."""
    rag = place()
    whole = answered(rag)
    broken_off(journal(rag), whole.events[:9], key="q1")
    with pytest.raises(InvalidInputError, match="belongs to an answer with question="):
        rag.ask("Why?", key="q1")
    assert rag.answers().entries[0].status == rag.answers()[0].status == "interrupted"


def test_leaving_early(place):
    """Closing the iterator that resumed an answer cancels it; closing one that joined it does not."""
    whole = answered(place())
    rag = place(gate=True)
    broken_off(journal(rag), whole.events[:9], key="q1")
    first = rag.stream("How?", key="q1")
    assert next(first) == "Refunds"
    joined = rag.stream("How?", key="q1")
    assert next(joined) == "Refunds"
    joined.close()
    assert rag.answers()[0].status == "running"
    first.close()
    assert rag.answers()[0].status == "cancelled"
    assert rag.answers()[0].text == "".join(
        event.text for event in whole.events[:9] if isinstance(event, Token)
    )


def test_the_list_says_so(place):
    """The list of answers says which were interrupted, and how to go on with them, as each of these does."""
    rag = place()
    whole = answered(rag)
    assert "interrupted" not in repr(rag.answers())
    answer_id = broken_off(journal(rag), whole.events[:9])
    assert repr(rag.answers()).endswith(
        f"1 was interrupted: rag.resume('{answer_id}') goes on, as does `ragnb resume {answer_id}`."
    )
    shown = rag.answers()[0]._repr_mimebundle_()["text/plain"]
    assert f"Its process ended before it did: rag.resume('{answer_id}') goes on with it." in shown
    assert "Writing" not in shown
    assert rag.resume(rag.answers()[0]).notes == ()
    assert "interrupted" not in repr(rag.answers())
