"""The terminal: ingest, ask, and the sentences in between."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

import ragnb
from ragnb.cli import main
from tests.conftest import ROOT


def test_ingest_and_ask(tmp_path, capsys):
    """Documents go in, and an answer comes with its sources, its quotes and its figures."""
    home = str(tmp_path / "home")
    assert main(["ingest", str(ROOT / "data" / "handbook"), "--home", home]) == 0
    assert "55 added" in capsys.readouterr().out
    assert main(["ask", "Where is the defibrillator?", "--home", home, "-k", "3"]) == 0
    out = capsys.readouterr().out
    assert "no language model was used" in out
    assert "the defibrillator is in the dining car, to the left of the counter. [1]" in out
    assert out.index("[2]") < out.index("defibrillator")  # sources first
    assert "first token" in out
    assert main(["ask", "Again?", "--home", home, "--llm", "nonsense"]) == 1
    assert "There is no model called" in capsys.readouterr().err
    assert main(["ingest", "nowhere", "--home", home]) == 1
    assert "There is no file" in capsys.readouterr().err


def test_documents_are_listed_and_removed(tmp_path, capsys):
    """What is in can be listed, and taken out by its path; patterns leave files out."""
    home = str(tmp_path / "home")
    for name in ("a.md", "b.md", "c.txt"):
        (tmp_path / name).write_text(f"The text of {name}.")
    assert main(["ingest", str(tmp_path), "--ignore", "b.*", "--ignore", "home/", "--home", home]) == 0
    assert "2 added" in capsys.readouterr().out
    assert main(["remove", str(tmp_path / "c.txt"), "--home", home]) == 0
    assert "1 removed" in capsys.readouterr().out
    assert main(["documents", "--home", home]) == 0
    listed = capsys.readouterr().out
    assert "a.md (1 chunk)" in listed and "c.txt" not in listed
    assert main(["remove", "nothing.md", "--home", home]) == 1
    assert "No document in the index" in capsys.readouterr().err
    assert main(["move", "http://127.0.0.1:9", "--home", home]) == 1
    assert "127.0.0.1:9" in capsys.readouterr().err


def test_answers_are_listed_and_replayed(tmp_path, capsys):
    """Answers are listed with their keys, and one that has a key is shown again as it was."""
    home = str(tmp_path / "home")
    (tmp_path / "a.md").write_text("A large dog costs 29 euros a night.")
    assert main(["answers", "--home", home]) == 0
    assert capsys.readouterr().out == "no answers yet\n"
    assert main(["ingest", str(tmp_path / "a.md"), "--home", home]) == 0
    capsys.readouterr()
    shown = []
    for _ in range(2):
        assert main(["ask", "What does a dog cost?", "--home", home, "--key", "dogs"]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] and "29 euros" in shown[0]
    assert main(["answers", "--home", home]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "finished" in line and "What does a dog cost?  [dogs]" in line


def test_an_interrupted_answer_is_resumed(tmp_path, capsys):
    """The list says how to go on with what was interrupted, and `resume` does; what is no answer is told."""
    home = tmp_path / "home"
    (tmp_path / "a.md").write_text("A large dog costs 29 euros a night.")
    assert main(["ingest", str(tmp_path / "a.md"), "--home", str(home)]) == 0
    assert main(["ask", "What does a dog cost?", "--home", str(home)]) == 0
    whole = capsys.readouterr().out
    (log,) = (home / "answers").glob("*.jsonl")
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:5]))
    (home / "answers" / "index.sqlite").unlink()
    assert main(["answers", "--home", str(home)]) == 0
    listed = capsys.readouterr().out
    assert "interrupted" in listed and f"ragnb resume {log.stem}" in listed
    assert main(["resume", log.stem, "--home", str(home)]) == 0
    resumed = capsys.readouterr().out
    assert "the process ended after 1 token" in resumed and "29 euros a night. [1]" in resumed
    assert "29 euros a night. [1]" in whole
    assert main(["resume", "nothing", "--home", str(home)]) == 1
    assert "There is no answer 'nothing' here" in capsys.readouterr().err


def test_an_empty_home_fails_in_words(tmp_path, capsys):
    """Asking before ingesting ends with status 1 and a sentence."""
    assert main(["ask", "Why?", "--home", str(tmp_path)]) == 1
    assert "There is nothing to search yet" in capsys.readouterr().out


def test_the_command_is_installed():
    """``ragnb --version`` and ``python -m ragnb.cli`` say the version."""
    out = subprocess.run([sys.executable, "-m", "ragnb.cli", "--version"], capture_output=True, text=True)
    assert out.stdout == f"ragnb {ragnb.__version__}\n"


def test_names():
    """The package offers the names it lists, loads none of its heavy parts by itself, and no other."""
    for name in ragnb.__all__:
        assert getattr(ragnb, name)
    with pytest.raises(AttributeError):
        ragnb.nothing  # noqa: B018
    code = "import ragnb, sys; print([m for m in ('torch', 'openai', 'anthropic', 'numpy', 'qdrant_edge') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_nothing_hangs_at_exit():
    """A process that makes a pipeline and ends at once ends quietly, while the model still loads."""
    code = "from ragnb import RAGPipeline; RAGPipeline(home=None)"
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - begin < 60
