"""`ragnb report`, as a scheduler runs it: the notebook in a kernel of its own, files, a log, a status."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from ragnb.cli import main
from ragnb.reports import command
from ragnb.reports.run import Runs
from ragnb.simulator import Simulator, Status
from tests.conftest import ROOT
from tests.reports.conftest import DOCUMENTS, QUESTIONS, answer, asked, said, write_questions

KEY = "sk-proj-1234567890abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def place(tmp_path):
    """A folder with documents and questions, as a scheduler has it."""
    (tmp_path / "handbook").mkdir()
    for name, text in DOCUMENTS.items():
        (tmp_path / "handbook" / name).write_text(text)
    write_questions(tmp_path / "nightly.jsonl", QUESTIONS)
    return tmp_path


def words(*more, questions="nightly.jsonl"):
    """A command's words, which name the local provider's models."""
    given = ["report", questions, "-o", "out", "--corpus", "handbook", "--llm", "openai:gpt-4o-mini"]
    return [
        *given,
        "--embeddings",
        "openai:text-embedding-3-small",
        "--home",
        "home",
        "--run",
        "one",
        *more,
    ]


def environment(sim, key=KEY):
    return {**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_BASE_URL": sim.url, "OPENAI_API_KEY": key}


def run(place, sim, *more, key=KEY, **options):
    done = subprocess.run(
        [sys.executable, "-m", "ragnb.cli", *words(*more, **options)],
        cwd=place,
        env=environment(sim, key),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def files(place):
    return {path.name for path in (place / "out").iterdir()}


@pytest.mark.timeout(300)
def test_a_run_and_the_next(place):
    """All files, a line in the log for each question, the status; no key anywhere; asked again, nothing is paid."""
    with Simulator(answer, api_keys=[KEY]) as sim:
        status, out, log = run(place, sim)
        assert (status, out) == (0, "out/report.html\n"), log
        lines = [line for line in log.splitlines() if "/6 " in line]
        assert len(lines) == 6 and sum("answered in" in line for line in lines) == 5
        assert log.rstrip().endswith("6 questions: 5 answered, 1 declined.")
        assert files(place) == {"report.html", "report.ipynb", "report.jsonl", "report.md"}
        first = said(place / "out")
        status, _, log = run(place, sim)
        assert status == 0 and said(place / "out") == first and sum(asked(sim).values()) == 6
    notebook = nbformat.read(place / "out" / "report.ipynb", 4)
    assert not [cell for cell in notebook.cells if "error" in str(cell.get("outputs", ""))[:60]]
    shown = [out for cell in notebook.cells for out in cell.get("outputs", ()) if "data" in out]
    assert sum('class="ragnb-question' in one.data.get("text/html", "") for one in shown) == 6
    assert "/6 refund" not in json.dumps(notebook)  # the log is for the log
    written = [path for path in place.rglob("*") if path.is_file()]
    assert len(written) > 10 and not [path for path in written if KEY[-20:].encode() in path.read_bytes()]
    assert KEY[-20:] not in log + out


@pytest.mark.timeout(300)
def test_some_failed(place):
    """A report is there all the same, the notebook has no banner, and the status is 1."""
    with Simulator(answer, faults=[None] * 4 + [Status(400)]) as sim:
        status, out, log = run(place, sim, "--concurrency", "1", "--alert", "declined > 50%")
    assert (
        status == 1
        and out
        and "1 failed" in log
        and "papermill" not in (place / "out/report.md").read_text()
    )
    notebook = nbformat.read(place / "out" / "report.ipynb", 4)
    assert "An Exception was encountered" not in json.dumps(notebook)
    assert notebook.cells[-1].outputs[0].ename == "UnansweredError"


@pytest.mark.timeout(300)
def test_a_wrong_key(place):
    """It could not run: a sentence without the key, status 2, and the report of an earlier run stays."""
    with Simulator(answer, api_keys=[KEY]) as sim:
        assert run(place, sim)[0] == 0
        before = said(place / "out")
        wrong = f"sk-proj-{'wrong' * 6}"
        status, out, log = run(place, sim, "--run", "two", key=wrong)
    assert (status, out) == (2, "") and "ragnb: " in log and "Traceback" not in log
    assert wrong[8:] not in log and said(place / "out") == before


@pytest.mark.timeout(300)
def test_killed_and_started_again(place):
    """The whole command is killed while its kernel asks; started again at once, it ends as if nothing had been."""
    with Simulator(answer, gate=True) as sim:
        given = [sys.executable, "-m", "ragnb.cli", *words("--concurrency", "2")]
        with subprocess.Popen(given, cwd=place, env=environment(sim), stderr=subprocess.DEVNULL) as process:
            # Six documents and the check before the first question, then two questions.
            while sum(asked(sim).values()) < 2:
                sim.wait_for_request(len(sim.requests) + 1, timeout=60)
            sim.release(4)
            os.kill(process.pid, signal.SIGKILL)
        sim.release_all()
        status, _, log = run(place, sim)
        assert status == 0, log
        assert all(count <= 2 for count in asked(sim).values()) and sum(asked(sim).values()) <= 8
    killed = said(place / "out")[0]
    with Simulator(answer) as sim:
        assert run(place, sim, "--run", "undisturbed")[0] == 0
    assert said(place / "out")[0] == killed
    assert "Since the run one: every answer is the same." in (place / "out" / "report.md").read_text()


@pytest.mark.timeout(300)
def test_the_budget_reached(place):
    """What was done is reported with status 1; with more money the same run goes on, and pays nothing twice."""
    with Simulator(answer) as sim:
        status, out, log = run(place, sim, "--budget", "0.00095")
        assert (status, out) == (1, "out/report.html\n") and "not asked" in log
        assert "not asked: A request to openai:gpt-4o-mini may cost up to" in log
        assert 0 < sum(asked(sim).values()) < 6
        status, _, log = run(place, sim, "--budget", "1")
        assert status == 0 and sum(asked(sim).values()) == 6, log


def test_without_papermill(place, monkeypatch, capsys):
    """What is missing is named, with what to run."""
    monkeypatch.chdir(place)
    monkeypatch.setitem(sys.modules, "papermill", None)
    assert main(words()) == 2
    assert 'not installed. Run: pip install "ragnb[notebook]"' in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_two_at_once(place):
    """The second says that the first is under way, leaves with status 2, and leaves the files alone."""
    with Simulator(answer) as sim, Runs(place / "home").begin("one", "nightly"):
        status, out, log = run(place, sim)
        assert (status, out) == (2, "") and "The run 'one' is under way in another process." in log
        assert not asked(sim) and files(place) == set()


@pytest.mark.timeout(300)
def test_plain_papermill(place):
    """papermill runs the notebook too: the files are written, and it fails where a question did."""
    with Simulator(answer, faults=[None] * 4 + [Status(400)]) as sim:
        given = {
            "concurrency": "1",
            "questions": "nightly.jsonl",
            "corpus": "handbook",
            "output": "out",
            "home": "home",
            "run": "one",
        }
        given |= {"llm": "openai:gpt-4o-mini", "embeddings": "openai:text-embedding-3-small"}
        parameters = [part for name, value in given.items() for part in ("-p", name, value)]
        notebook = str(command.template())
        line = [
            sys.executable,
            "-m",
            "papermill",
            "--log-output",
            "--no-progress-bar",
            notebook,
            "out.ipynb",
        ]
        done = [
            subprocess.run(
                [*line, *parameters], cwd=place, env=environment(sim), capture_output=True, text=True
            )
            for _ in range(2)
        ]
    assert done[0].returncode == 1 and "UnansweredError" in done[0].stderr
    assert sum("/6 " in line for line in done[0].stderr.splitlines()) == 6
    assert done[1].returncode == 0 and max(asked(sim).values()) <= 2 and len(asked(sim)) == 6
    assert files(place) == {"report.html", "report.jsonl", "report.md"}


@pytest.mark.parametrize(
    ("more", "words_of_it"),
    [
        (["-p", "temperature=3"], "no parameter called temperature.*There are: corpus, questions"),
        (["-p", "nonsense"], "is no parameter"),
        (["--kernel", "cobol"], "No such kernel named cobol.*jupyter kernelspec list"),
        (["--notebook", "gone.ipynb"], "There is no notebook gone.ipynb"),
        (["--alert", "tea > 3"], "is no threshold"),
        (["-o", "nightly.jsonl/out"], "cannot be written"),
    ],
)
def test_what_cannot_run(place, monkeypatch, capsys, more, words_of_it):
    """Each is told in a sentence before a kernel is started, with status 2."""
    monkeypatch.chdir(place)
    assert main(words(*more)) == 2
    assert re.search(words_of_it, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("lines", "of_it"),
    [("", "holds no questions"), ('{"question": "A?"}\n{', "line 2: is no JSON"), (None, "cannot be read")],
)
def test_questions_that_cannot_be_used(place, monkeypatch, capsys, lines, of_it):
    """They are told before a kernel is started."""
    monkeypatch.chdir(place)
    (place / "nightly.jsonl").unlink()
    if lines is not None:
        (place / "nightly.jsonl").write_text(lines)
    assert main(words()) == 2
    assert of_it in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_a_corpus_that_vanished(place):
    """What only the notebook finds out ends the command with its sentence and status 2."""
    (place / "handbook").rename(place / "gone")
    with Simulator() as sim:
        status, out, log = run(place, sim)
    assert (status, out) == (2, "") and "the index is left as it is" in log and "Traceback" not in log


@pytest.mark.timeout(300)
def test_a_notebook_of_ones_own(place):
    """A changed copy is run as it is; where its code fails, what ran is kept."""
    notebook = nbformat.read(command.template(), 4)
    notebook.cells.append(nbformat.v4.new_code_cell("tone / 0"))
    notebook.cells[1].source += "\ntone = 1"
    nbformat.write(notebook, place / "mine.ipynb")
    with Simulator(answer) as sim:
        status, _, log = run(place, sim, "--notebook", "mine.ipynb", "-p", "tone=2")
    assert status == 2 and "ZeroDivisionError" in log and "out/unfinished.ipynb" in log
    assert "tone = 2" in (place / "out" / "unfinished.ipynb").read_text()


def test_the_notebook_is_there():
    """The command's notebook is that of the documentation."""
    assert command.template() == Path(ROOT / "notebooks" / "07_report.ipynb")
