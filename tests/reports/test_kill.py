"""`kill -9` in the middle of a run: started again, it ends with the report of an undisturbed one, and asks no
more than what was interrupted."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest

from ragnb.resumption.journal import Journal
from ragnb.simulator import Simulator
from tests.conftest import ROOT
from tests.reports.conftest import asked, said
from tests.reports.dying import COUNT, PLACES, RUN, pipeline, questions

MOMENTS = 20


def answer(request):
    """The first passage's first words, with what was asked."""
    return f"It has the number of its line [1], or so one is told: {str(request['messages'])[-60:-40]!r}."


@pytest.mark.timeout(300)
def test_killed_at_twenty_moments(tmp_path):
    """Thirty questions, four at a time: an answer that was finished is never asked for again, one that was not is
    asked for at most once more, and all three files are those of a run that nobody disturbed."""
    file = tmp_path / "nightly.jsonl"
    file.write_text("".join(f"{json.dumps(one)}\n" for one in questions()))
    chance = random.Random(8)
    with Simulator(answer) as sim:
        undisturbed = pipeline(sim.url, tmp_path / "undisturbed")
        whole = undisturbed.report(file, run=RUN, output=tmp_path / "undisturbed" / "out", concurrency=4)
        assert whole.exit_status == 0 and sum(asked(sim).values()) == COUNT
        writes = (
            sum(len(answer.events) for answer in undisturbed.answers()) + 5
        )  # run.json, and the reports
        undisturbed.close()
        command = [sys.executable, "-m", "tests.reports.dying", sim.url, str(file)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, text=True, cwd=ROOT, **pipes) as process:
            for number in range(MOMENTS):
                home, place = tmp_path / f"home{number}", PLACES[number % 3]
                moment = chance.randrange(1, writes + 1) if number else writes
                begun = asked(sim)
                process.stdin.write(f"{home} {place} {moment}\n")
                process.stdin.flush()
                assert process.stdout.readline() == "-9\n", (place, moment)
                killed = asked(sim) - begun
                entries = Journal(home / "answers").answers().entries
                finished = {one.question for one in entries if one.status == "finished"}
                interrupted = {one.question for one in entries if one.status == "interrupted"}

                again = pipeline(sim.url, home)
                report = again.report(file, run=RUN, output=home / "out", concurrency=4)
                again.close()
                assert report.exit_status == 0 and report.taken_over == len(finished), (place, moment)
                assert said(home / "out") == said(tmp_path / "undisturbed" / "out"), (place, moment)
                total = asked(sim) - begun
                for one in questions():
                    most = 2 if one["question"] in interrupted else 1
                    assert 1 <= total[one["question"]] <= most, (place, moment, one["id"])
                    assert one["question"] not in finished or total[one["question"]] == 1
                twice = {question for question, count in total.items() if count == 2}
                assert len(interrupted) <= 4 and twice <= interrupted & set(killed)
            process.stdin.close()
