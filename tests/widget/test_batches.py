"""The log in batches: whole for every reader, whatever it asks for and when."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb.answer import Answer
from ragnb.events import Cited, Finished, Quote, Retrieved, Retrying, Started, Token, to_json
from ragnb.widget.batches import Batches, packed
from tests.conftest import hits
from tests.widget.page import Log

STARTED = Started(answer_id="a", question="How?", k=2)


def as_json(answer):
    return [msgspec.json.decode(to_json(event)) for event in answer.events]


async def until(condition):
    while not condition():
        await asyncio.sleep(0)


async def no_pause(_):
    await asyncio.sleep(0)


async def test_notes_go_with_the_log():
    """What is wrong with the log's file is told while the answer runs, and to a reader that comes late."""
    answer, sent = Answer(), []
    answer.append(STARTED)
    batches = Batches(answer, sent.append, pause=no_pause)
    reading = asyncio.ensure_future(batches.run())
    await until(lambda: batches.position == 1)
    answer.notes = ("The disk is full.",)
    answer.append(Finished(reason="stop"))
    await reading
    batches.send_from(2)
    told = {"v": 1, "type": "notes", "notes": ["The disk is full."]}
    assert [message["type"] for message in sent] == ["events", "events", "notes", "notes"]
    assert sent[2:] == [told, told]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("token"), st.text(max_size=4)),
        st.tuples(st.just("other"), st.sampled_from(["retry", "cited", "retrieved"])),
        st.tuples(st.just("ask"), st.integers(0, 30)),
        st.tuples(st.just("turn"), st.integers(1, 12)),
    ),
    max_size=40,
)
OTHERS = {
    "retry": Retrying(fault="cut", message="Cut.", attempt=1, wait=0.5),
    "cited": Cited(start=0, end=1, quotes=(Quote(1, "c", 0, 2, "Re"),), marker=(1, 2)),
    "retrieved": Retrieved(hits=hits("Refunds are paid.")),
}


@given(STEPS, st.integers(0, 5))
async def test_joined_batches_are_the_log(steps, late):
    """Whatever is asked for, in whatever order, the batches that a reader joined are the log, once each."""
    answer = Answer()
    answer.append(STARTED)
    log = Log()
    batches = Batches(answer, log.take, start=0, pause=no_pause)
    reading = asyncio.ensure_future(batches.run())
    for kind, what in steps:
        if kind == "token":
            answer.append(Token(text=what))
        elif kind == "other":
            answer.append(OTHERS[what])
        elif kind == "turn":
            for _ in range(what):
                await asyncio.sleep(0)
        else:
            batches.send_from(min(what, len(log.events)))
    answer.append(Finished(reason="stop"))
    await reading
    batches.send_from(max(0, len(log.events) - late))
    assert log.events == as_json(answer)
    assert not log.gaps


async def test_what_comes_within_a_pause_goes_out_together():
    """The first token goes out at once, those of the pause after it in one message, as one run."""
    answer, sent = Answer(), []
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def pause(_):
        waiting.set()
        await go_on.wait()
        go_on.clear()

    async def paused():
        await waiting.wait()
        waiting.clear()

    reading = asyncio.ensure_future(Batches(answer, sent.append, pause=pause).run())
    answer.append(STARTED)
    await paused()
    answer.append(Token(text="Re"))
    go_on.set()
    await paused()
    assert [message["seq"] for message in sent] == [0, 1]
    for text in ("funds", " are", " paid."):
        answer.append(Token(text=text))
    answer.append(Finished(reason="stop"))
    go_on.set()
    await paused()
    (run, end) = sent[2]["events"]
    assert run["texts"] == ["funds", " are", " paid."] and len(run["at"]) == 3
    assert end["type"] == "Finished" and end["seq"] == 5
    go_on.set()
    await reading
    assert len(sent) == 3


async def test_silence_is_told_apart_from_death():
    """While nothing happens a running answer says now and then that it runs; an ended one says nothing."""
    answer, sent = Answer(), []
    answer.append(STARTED)
    reading = asyncio.ensure_future(Batches(answer, sent.append, alive=0, pause=no_pause).run())
    await until(lambda: {"v": 1, "type": "alive"} in sent)
    answer.append(Finished(reason="stop"))
    await reading
    count = len(sent)
    await Batches(answer, sent.append, start=2, alive=0).run()
    assert len(sent) == count


@pytest.mark.parametrize("start", [0, 3])
async def test_a_log_that_nobody_writes_is_sent_and_left(start):
    """A log that was read from a file, and has no end, is not waited for."""
    answer = Answer()
    for event in (STARTED, Token(text="Re"), Token(text="funds")):
        answer.append(event)
    read, sent = Answer.from_jsonl(answer.to_jsonl()), []
    await Batches(read, sent.append, start=start).run()
    assert [message["type"] for message in sent] == ["events"] * (start == 0)


def test_a_reader_of_another_log_begins_anew():
    """Who has more events than there are is told to begin anew, and gets all."""
    answer, log = Answer(), Log()
    answer.append(STARTED)
    answer.append(Finished(reason="stop"))
    log.events = [{"type": "Token"}] * 7
    Batches(answer, log.take, start=2).send_from(7)
    assert log.events == as_json(answer)


def test_half_characters_keep_their_place():
    """Half a character, which no JSON carries, is one U+FFFD; all others are as they were."""
    answer = Answer()
    answer.append(STARTED)
    answer._events += [Token(seq=1, text="a\ud83d"), Token(seq=2, text="\ude00é😀")]
    assert packed(answer.events)[1]["texts"] == ["a\ufffd", "\ufffdé😀"]
