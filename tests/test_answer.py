"""Answer: one log, many readers, and what follows from it."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb.answer import Answer
from ragnb.events import (
    Cancelled,
    Failed,
    Finished,
    Reranked,
    Retrieved,
    Routed,
    Started,
    Token,
    Used,
)
from tests.conftest import hits


class Clock:
    """A clock that is set by hand, in seconds."""

    now = 100.0

    def __call__(self):
        return self.now


def write(answer, *events):
    for event in events:
        answer.append(event)


def started(k=2):
    return Started(answer_id="a1", question="Why?", k=k)


async def test_late_readers_replay_then_follow():
    """Readers at different positions all see the rest of the log, in order."""
    answer = Answer()
    write(answer, started(), Token(text="a"))
    early = asyncio.create_task(collect(answer, 0))
    await asyncio.sleep(0)
    write(answer, Token(text="b"))
    late = asyncio.create_task(collect(answer, 2))
    await asyncio.sleep(0)
    write(answer, Token(text="c"), Finished(reason="stop"))
    assert [e.seq for e in await early] == [0, 1, 2, 3, 4]
    assert [e.seq for e in await late] == [2, 3, 4]
    assert [e.seq for e in await collect(answer, 4)] == [4]
    assert await collect(answer, 5) == []


async def collect(answer, start):
    return [event async for event in answer.follow(start)]


def test_readers_on_other_threads_and_loops():
    """Ten readers, each on a loop of its own in a thread, see every event while another thread writes."""
    answer = Answer()
    seen: list[list[int]] = []
    barrier = threading.Barrier(11)

    def read():
        barrier.wait()
        seen.append([e.seq for e in asyncio.run(collect(answer, 0))])

    threads = [threading.Thread(target=read) for _ in range(10)]
    for thread in threads:
        thread.start()
    barrier.wait()
    write(answer, started(), *(Token(text=str(n)) for n in range(500)), Finished(reason="stop"))
    for thread in threads:
        thread.join()
    assert seen == [list(range(502))] * 10


def test_wait_blocks_until_the_event():
    """wait() returns once the event is there, and tells when time runs out instead."""
    answer = Answer()
    write(answer, started())
    assert answer.wait(start=0)
    assert not answer.wait(start=1, timeout=0.01)
    writer = threading.Thread(target=write, args=(answer, Token(text="a"), Cancelled()))
    writer.start()
    assert answer.wait()
    assert answer.status == "cancelled"
    writer.join()


def test_nothing_after_the_end():
    """The log ends with exactly one final event."""
    answer = Answer()
    write(answer, started(), Finished(reason="stop"))
    with pytest.raises(RuntimeError, match="has ended"):
        answer.append(Token(text="more"))


def test_journal_first():
    """An event is in the journal before any reader can see it."""
    answer: Answer

    def journal(event):
        assert event.seq == len(answer.events)
        written.append(event)

    written: list[object] = []
    answer = Answer(journal=journal)
    write(answer, started(), Token(text="a"), Finished(reason="stop"))
    assert written == list(answer.events)


def test_what_follows_from_the_log():
    """Text, sources, timing, usage, cost and status are computed from the events."""
    clock = Clock()
    answer = Answer(clock=clock)
    assert answer.status == "running"
    write(answer, started(k=2))
    for at, event in [
        (0.02, Retrieved(hits=hits("a", "b", "c"), embed_seconds=0.012, search_seconds=0.003)),
        (0.05, Reranked(hits=hits("a", "b", "c")[::-1])),
        (0.06, Routed(model="m", reason="")),
        (0.50, Token(text="Hel")),
        (0.60, Token(text="lo")),
        (0.90, Token(text="!")),
        (0.90, Used(model="m", input_tokens=10, output_tokens=3, cost=0.5)),
        (1.00, Finished(reason="stop")),
    ]:
        clock.now = 100.0 + at
        answer.append(event)
    timing = answer.timing
    assert answer.text == "Hello!"
    assert [hit.chunk.text for hit in answer.sources] == ["c", "b"]
    assert timing.retrieval == pytest.approx(0.02)
    assert timing.rerank == pytest.approx(0.03)
    assert timing.ttft == pytest.approx(0.5)
    assert timing.wait == pytest.approx(0.44)
    assert timing.total == pytest.approx(1.0)
    assert timing.gaps == pytest.approx((0.1, 0.3))
    assert timing.tokens_per_second == pytest.approx(2 / 0.4)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (10, 3)
    assert answer.cost == 0.5
    assert answer.status == "finished"


def test_cost_is_unknown_if_one_attempt_is():
    """One attempt without a price makes the sum unknown, not smaller."""
    answer = Answer()
    write(answer, started())
    assert answer.cost is None
    write(
        answer,
        Used(model="a", input_tokens=1, output_tokens=1, cost=0.1),
        Used(model="b", input_tokens=1, output_tokens=1, cost=None, estimated=True),
    )
    assert answer.cost is None
    assert answer.usage.estimated


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_joined_tokens_are_the_answer(pieces):
    """The joined texts of the tokens are the answer, also after the log went through a file."""
    answer = Answer()
    write(answer, started(), *(Token(text=piece) for piece in pieces), Finished(reason="stop"))
    again = Answer.from_jsonl(answer.to_jsonl())
    assert answer.text == again.text == "".join(pieces)
    assert again.events == answer.events


@pytest.mark.parametrize(
    ("kept", "text", "note"),
    [
        ((0, 1, 2, 3), "ab", None),
        ((0, 1, 3), "a", "The log breaks off after event 1: event 3 comes next."),
        ((1, 2, 3), "", "The log breaks off before its first event: event 1 comes next."),
        ((0, 1, 1, 2), "a", "The log breaks off after event 1: event 1 comes next."),
        ((0, 1, b"{", 2, 3), "a", "The log breaks off after event 1: what comes next is no event."),
        ((0, b'{"type":[]}', 1), "", "The log breaks off after event 0: what comes next is no event."),
        (
            (0, b'{"type":"New","seq":1,"at":"x"}', 1),
            "",
            "The log breaks off after event 0: what comes next is no event.",
        ),
        ((0, b"\xff\x00", 1), "", "The log breaks off after event 0: what comes next is no event."),
        ((0, b"", 1, 2), "ab", None),
        ((), "", None),
    ],
)
def test_a_damaged_file_is_read_as_far_as_it_goes(kept, text, note):
    """A gap or a broken line ends the reading, and the notes say where."""
    answer = Answer()
    write(answer, started(), Token(text="a"), Token(text="b"), Failed(error="E", message="m"))
    lines = answer.to_jsonl().splitlines(keepends=True)
    again = Answer.from_jsonl(b"".join(lines[k] if isinstance(k, int) else k + b"\n" for k in kept))
    assert again.text == text
    assert again.notes == ((note,) if note else ())


async def test_cancel_asks_the_writer():
    """cancel() calls the writer's hook while the answer runs, and never after its end."""
    answer = Answer()
    asked = []
    answer.on_cancel(lambda: asked.append(1))
    write(answer, started())
    answer.cancel()
    write(answer, Cancelled())
    answer.cancel()
    assert asked == [1]


def test_half_a_line_is_left_out():
    """A log whose last line was cut by a crash is read up to there."""
    answer = Answer()
    write(answer, started(), Token(text="a"), Token(text="b"))
    assert Answer.from_jsonl(answer.to_jsonl()[:-5]).text == "a"
