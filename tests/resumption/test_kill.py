"""`kill -9` in the middle of an answer: what a reader was shown is on disk, and a new process goes on with it."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ragnb.answer import Answer
from ragnb.events import Final, Finished, Token, from_json
from ragnb.resumption.journal import Journal
from ragnb.simulator import Simulator
from tests.conftest import ROOT
from tests.resumption.dying import PLACES, pipeline

TOKENS = [f"word{n} " for n in range(60)] + ["é", "🙂", "\n", "[1]."]
ANSWER = (
    "Row, row, row your boat [1]. 退款将在五天内支付 🙂 words words words words [1].\n\n```python\nrow = [1]\n```\n\n"
    "Row, row, row your boat, gently down the stream [1]. And on, and on, and on it goes, to its end."
)
MOMENTS = 50


class Dying:
    """The process whose forks die."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def answer(self, way: str, home: Path, key: str, seen: Path, place: str, moment: int) -> None:
        """Have a fork answer until it is killed."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{way} {home} {key} {seen} {place} {moment}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "-9\n", (way, place, moment)


@contextmanager
def dying(sim: Simulator) -> Iterator[Dying]:
    command = [sys.executable, "-m", "tests.resumption.dying", sim.url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, cwd=ROOT, **pipes) as process:
        try:
            yield Dying(process)
            process.stdin.close()
        except BaseException:
            process.kill()
            raise


@pytest.mark.timeout(300)
def test_killed_at_fifty_moments(tmp_path):
    """Killed at random events, before, in and after their writing: nothing shown is lost, the log goes on, the
    index agrees."""
    chance = random.Random(5)
    length = len(TOKENS) + 5  # Started, Retrieved, Routed; Cited and Used
    with Simulator(TOKENS) as sim, dying(sim) as process:
        for number in range(MOMENTS):
            place = PLACES[number % 4]
            home, seen, moment = (
                tmp_path / str(number),
                tmp_path / f"{number}.seen",
                chance.randrange(1, length),
            )
            home.mkdir()
            process.answer("instruction", home, "q1", seen, place, moment)
            check(home / "answers", seen, place, moment)


def shown(seen: Path) -> list[bytes]:
    return seen.read_bytes().splitlines() if seen.exists() else []


def cited(answer: Answer) -> list[tuple[int, int, tuple[int, int] | None]]:
    return [(one.start, one.end, one.marker) for one in answer.citations]


@pytest.mark.timeout(300)
def test_resumed_after_fifty_kills(tmp_path):
    """Killed at random moments and resumed elsewhere by its key, by each strategy that outlives a process: what
    was shown comes first in the answer, which is the undisturbed one."""
    chance = random.Random(6)
    ways = ("instruction", "exact", "prefill", "cursor")
    with Simulator(ANSWER) as sim, dying(sim) as process:
        rags = {way: pipeline(way, sim.url, tmp_path / way) for way in ways}
        wholes = {way: rags[way].start("How?") for way in ways}
        for number in range(MOMENTS):
            way, place = ways[number % 4], PLACES[number // 4 % 4]
            whole, seen, key = wholes[way], tmp_path / f"{number}.seen", f"q{number}"
            assert whole.wait(timeout=10) and whole.status == "finished"
            moment = chance.randrange(1, len(whole.events) - 1)
            process.answer(way, tmp_path / way, key, seen, place, moment)
            answer = rags[way].start("How?", key=key)
            assert answer.wait(timeout=10)
            case = (way, place, moment)
            assert answer.text == whole.text, case
            assert answer.events[: len(shown(seen))] == tuple(map(from_json, shown(seen))), case
            assert [event.seq for event in answer.events] == list(range(len(answer.events))), case
            assert [event for event in answer.events if isinstance(event, Final)] == [answer.events[-1]], (
                case
            )
            assert isinstance(answer.events[-1], Finished), case
            if way == "prefill":  # a divided sentence is cited from its beginning or not at all
                assert {end for _, end, _ in cited(answer)} <= {end for _, end, _ in cited(whole)}, case
            else:
                assert cited(answer) == cited(whole), case
            assert rags[way].answers()[-1].id == answer.id and len(rags[way].answers()) == number // 4 + 2
        for rag in rags.values():
            assert {entry.status for entry in rag.answers().entries} == {"finished"}
            rag.close()


def check(folder: Path, seen: Path, place: str, moment: int) -> None:
    """The journal against what the reader of the dead process had printed."""
    lines = shown(seen)
    (entry,) = Journal(folder).answers().entries
    answer = Journal(folder).answers()[0]
    assert answer.events[: len(lines)] == tuple(map(from_json, lines)), (place, moment)
    if place != "shown":
        assert len(answer.events) == moment + (place == "written")
    else:
        assert len(lines) == moment + 1
    said = "".join(event.text for event in answer.events if isinstance(event, Token))
    assert "".join(TOKENS).startswith(said)
    if answer.ended:  # the writer was ahead of the reader
        assert entry.status == "finished" and entry.cost == answer.cost
        return
    assert (entry.id, entry.key, entry.status) == (answer.id, "q1", "interrupted")
    again = Journal(folder).reopen(answer.id)
    assert again.events == answer.events and bool(again.notes) == (place == "half")
    again.append(Token(text=" and on"))
    last = again.append(Finished(reason="stop"))
    whole = Answer.from_jsonl((folder / f"{answer.id}.jsonl").read_bytes())
    assert whole.events == again.events and whole.text == said + " and on"
    assert last.seq == len(answer.events) + 1 and last.at >= answer.events[-1].at
    assert [one.status for one in Journal(folder).answers().entries] == ["finished"]
