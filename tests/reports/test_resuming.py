"""Nothing is paid twice: a run started again with its id asks only what is not answered yet, or has changed."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from ragnb import Document
from ragnb.errors import InvalidInputError, RunInUseError
from ragnb.events import Cancelled, Resumed, Routed
from ragnb.reports import run as runs
from ragnb.simulator import Cut, Status
from tests.conftest import ROOT
from tests.reports.conftest import DOCUMENTS, QUESTIONS, asked, said, write_questions


def test_a_finished_run(made, questions, tmp_path):
    """Started again, in another process too, it asks nothing, and writes the same report."""
    rag, sim = made(home=tmp_path / "home")
    rag.report(questions, run="one", output=tmp_path / "a")
    before = asked(sim)
    for again in (rag, made(sim=sim, home=tmp_path / "home")[0]):
        report = again.report(questions, run="one", output=tmp_path / "b")
        assert report.taken_over == 6 and asked(sim) == before
        assert "6 answers were there already, and not paid again." in repr(report)
        assert said(tmp_path / "a") == said(tmp_path / "b")
    assert rag.report(questions, run="two").taken_over == 0 and sum(asked(sim).values()) == 12


def test_without_a_home(made, questions):
    """A run is known as long as its pipeline lives."""
    rag, sim = made()
    rag.report(questions, run="one")
    assert rag.report(questions, run="one").taken_over == 6 and sum(asked(sim).values()) == 6


def test_changed_questions(made, questions, tmp_path):
    """Only a question that is new, or asks something else under its id, is asked."""
    rag, sim = made(home=tmp_path / "home")
    rag.report(questions, run="one")
    write_questions(questions, {"new": "Do bicycles need a van?", **QUESTIONS, "dog": "May dogs travel?"})
    report = rag.report(questions, run="one")
    assert report.taken_over == 5 and [one.id for one in report][:2] == ["new", "refund"]
    assert asked(sim) == dict.fromkeys(
        [*QUESTIONS.values(), "Do bicycles need a van?", "May dogs travel?"], 1
    )


def test_changed_documents(made, questions, tmp_path):
    """Only a question that is given other passages now is asked again, and the new answer is the report's."""
    rag, sim = made(home=tmp_path / "home")
    first = rag.report(questions, run="one", k=1)
    used = {one.question: answer.sources[0].chunk.source for one, answer in first.answers()}
    changed = "Dogs are welcome in sleeper cabins. A large dog costs 35 euros a night now."
    rag.add(Document(changed, source="dogs.md"))
    before = asked(sim)
    second = rag.report(questions, run="one", k=1)
    for one, answer in second.answers():
        sources = [hit.chunk.source for hit in answer.sources]
        is_touched = used[one.question] == "dogs.md" or "dogs.md" in sources
        assert asked(sim)[one.question] - before[one.question] == is_touched, one.question
    assert second.taken_over == sum(asked(sim)[one] == 1 for one in QUESTIONS.values()) > 0


def test_changed_settings(made, questions, tmp_path):
    """Another model or another k asks everything again."""
    rag, sim = made(home=tmp_path / "home")
    rag.report(questions, run="one")
    assert rag.report(questions, run="one", k=2).taken_over == 0
    other, _ = made(sim=sim, home=tmp_path / "home", model="gpt-4.1-mini")
    assert other.report(questions, run="one", k=2).taken_over == 0
    assert other.report(questions, run="one", k=2).taken_over == 6
    assert sum(asked(sim).values()) == 18


def test_an_answer_that_failed_half_way(made, questions, tmp_path):
    """It is gone on with behind the text that is out."""
    rag, sim = made(home=tmp_path / "home", faults=[Cut(after=3)], attempts=1)
    assert rag.report(questions, run="one", concurrency=1).counts["failed"] == 1
    report = rag.report(questions, run="one", concurrency=1)
    assert report.exit_status == 0 and report.taken_over == 5
    (_, answer), *_ = report.answers()
    (resumed,) = answer.all(Resumed)
    assert resumed.offset > 0 and asked(sim)[QUESTIONS["dog"]] == 1


def test_stopped(made, questions, tmp_path):
    """Stopped by its reader, it keeps what is out; started again, each answer goes on where it was."""
    rag, sim = made(home=tmp_path / "home", gate=True)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(_stopped, rag, questions, sim)
        assert asking.result() == "stopped"
    halves = [answer for answer in rag.answers() if answer.text]
    assert halves and all(answer.last(Cancelled) for answer in rag.answers())
    sim.release_all()
    report = rag.report(questions, run="one")
    assert report.exit_status == 0
    for one, answer in report.answers():
        if any(half.question == one.question for half in halves):
            assert next(iter(answer.all(Resumed))).offset > 0


def _stopped(rag, questions, sim):
    import asyncio

    async def stop():
        task = asyncio.ensure_future(rag.areport(questions, run="one", concurrency=2))
        await asyncio.to_thread(sim.wait_for_request, 2)
        sim.release(6)
        while not any(answer.text for answer in rag.answers()):
            await asyncio.sleep(0.005)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "stopped"

    return asyncio.run(stop())


def test_two_at_once(made, questions, tmp_path, monkeypatch):
    """The second start of a run that is under way says so, and asks nothing; another run is not in its way."""
    monkeypatch.setattr(runs, "_PATIENCE", 0.0)
    rag, sim = made(home=tmp_path / "home", gate=True)
    other, _ = made(sim=sim, home=tmp_path / "home")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(rag.report, questions, run="one")
        sim.wait_for_request(6)
        with pytest.raises(
            RunInUseError, match=r"'one' is under way in another process\. It goes on; start"
        ):
            other.report(questions, run="one")
        sim.release_all()
        assert first.result().exit_status == 0
    assert other.report(questions, run="two").exit_status == 0
    assert sum(asked(sim).values()) == 12


def test_a_run_that_was_killed_lets_go(tmp_path):
    """A process that dies holds its run no longer."""
    code = """
import os, pathlib, signal
from ragnb.reports.run import Runs
held = Runs(pathlib.Path("home")).begin("one", "nightly")
print(held.__enter__().began.isoformat(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    with runs.Runs(tmp_path / "home").begin("one", "nightly") as record:
        assert record.began.isoformat() == done.stdout.strip()


def test_an_id_of_other_questions(made, questions, tmp_path):
    """The id of a run belongs to its questions' file."""
    rag, _ = made(home=tmp_path / "home")
    rag.report(questions, run="one")
    with pytest.raises(
        InvalidInputError, match=r"'one' is one of the questions 'nightly'\. Use another id"
    ):
        rag.report(["Is there a shower?"], run="one")


def test_the_run_of_the_day(made, questions, tmp_path):
    """Without an id, a run is that of its questions and the day."""
    rag, _ = made(home=tmp_path / "home")
    report = rag.report(questions)
    began = report.record.began.astimezone()
    assert report.record.run == f"nightly-{began:%Y-%m-%d}"
    assert rag.report(questions).taken_over == 6


def test_a_budget(made, questions, tmp_path):
    """What it leaves no money for is not asked, of what was begun before it too; more money, and it goes on."""
    rag, sim = made(home=tmp_path / "home")
    whole = rag.report(questions, run="free", concurrency=1).cost
    budget = 0.0009 + whole / 3  # a request might cost 0.00089, and costs less than a tenth of it
    report = rag.report(questions, run="one", budget=budget, output=tmp_path / "out")
    done = report.counts["answered"] + report.counts["declined"]
    assert 0 < done < 6 and report.counts["not asked"] == 6 - done and report.exit_status == 1
    assert 0 < report.cost < whole
    assert "not asked" in (tmp_path / "out" / "report.html").read_text()
    before = sum(asked(sim).values())
    again = rag.report(questions, run="one", budget=budget)
    assert again.taken_over == done and sum(asked(sim).values()) == before
    more = rag.report(questions, run="one", budget=1.0)
    assert more.exit_status == 0 and sum(asked(sim).values()) == before + 6 - done


def test_a_budget_with_room_for_two_at_once(made, questions):
    """A question for which it has no room while others are under way waits for them, and is answered."""
    rag, sim = made()
    report = rag.report(questions, budget=0.002, concurrency=6)  # each might cost 0.00089
    assert report.exit_status == 0 and sum(asked(sim).values()) == 6


def test_a_budget_for_nothing(made, questions, tmp_path):
    """One that does not suffice for one question is told."""
    rag, sim = made(home=tmp_path / "home")
    with pytest.raises(Exception, match=r"may cost up to \$"):
        rag.report(questions, run="one", budget=0.0)
    assert not asked(sim)


def test_under_faults(made, tmp_path):
    """Every tenth request cut and some refused: all is answered, and the trouble is told."""
    questions = [{"id": str(n), "question": f"{QUESTIONS['dog']} {n}"} for n in range(60)]
    faults = [
        Cut(after=3) if n % 10 == 5 else Status(429, retry_after=0.0) if n % 13 == 7 else None
        for n in range(90)
    ]
    rag, _ = made(home=tmp_path / "home", faults=faults, attempts=5)
    report = rag.report(questions, output=tmp_path / "out")
    assert report.exit_status == 0 and report.counts == {"answered": 60}
    troubled = [one for one in report if one.spent.trouble]
    assert 5 <= len(troubled) <= 15 and f"{len(troubled)} answers met trouble" in repr(report)
    rows = [json.loads(line) for line in (tmp_path / "out" / "report.jsonl").read_text().splitlines()]
    assert {row["answer"] for row in rows} == {rows[0]["answer"]}


def test_documents_are_those_of_the_tests():
    """Each question but one has a document that answers it."""
    assert len(DOCUMENTS) == len(QUESTIONS)


def test_routed_once(made, questions, tmp_path):
    """What looks whether passages have changed calls no model."""
    rag, _ = made(home=tmp_path / "home")
    rag.report(questions, run="one")
    rag.report(questions, run="one")
    assert len(rag.answers()) == 6 and all(len(list(one.all(Routed))) == 1 for one in rag.answers())
