"""`kill -9` in the middle of an answer: what a reader was shown is on disk."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from ragnb.answer import Answer
from ragnb.events import Finished, Token, from_json
from ragnb.resumption.journal import Journal
from ragnb.simulator import Simulator
from tests.conftest import ROOT

TOKENS = [f"word{n} " for n in range(60)] + ["é", "🙂", "\n", "[1]."]
MOMENTS = 50

# One process makes ready what all need and forks for each moment: the fork is the one that dies.
SCRIPT = """
import os, sys
import openai
from ragnb import RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.events import to_json
from ragnb.llms.openai import OpenAILLM
from ragnb.resumption import logfile

def die():
    os.kill(os.getpid(), 9)

def answer(home, seen, place, moment):
    write = logfile.os.write
    def torn(file, line):
        written[0] += 1
        if written[0] <= moment:
            return write(file, line)
        if place == "half":
            write(file, line[: len(line) // 2])
        elif place == "written":
            write(file, line)
        die()
    written = [0]
    if place != "shown":
        logfile.os = type("Torn", (), {**vars(os), "write": staticmethod(torn)})
    url = sys.argv[1]
    embeddings = OpenAIEmbeddings(base_url=url, api_key="test")
    rag = RAGPipeline(OpenAILLM("m", base_url=url, api_key="test"), embeddings, "memory", home=home)
    rag.add("A text.")
    shown = os.open(seen, os.O_WRONLY | os.O_CREAT)
    for event in rag.events("How?", key="q1"):
        write(shown, to_json(event) + b"\\n")
        if place == "shown" and event.seq == moment:
            die()

for line in sys.stdin:
    home, seen, place, moment = line.split()
    child = os.fork()
    if not child:
        answer(home, seen, place, int(moment))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.timeout(300)
def test_killed_at_fifty_moments(tmp_path):
    """Killed at random events, before, in and after their writing: nothing shown is lost, the log goes on, the
    index agrees."""
    chance = random.Random(5)
    length = len(TOKENS) + 5  # Started, Retrieved, Routed; Cited and Used
    with (
        Simulator(TOKENS) as sim,
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, sim.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as process,
    ):
        for number in range(MOMENTS):
            place = ("shown", "before", "half", "written")[number % 4]
            home, seen, moment = (
                tmp_path / str(number),
                tmp_path / f"{number}.seen",
                chance.randrange(1, length),
            )
            home.mkdir()
            process.stdin.write(f"{home} {seen} {place} {moment}\n")
            process.stdin.flush()
            assert process.stdout.readline() == "-9\n", (place, moment)
            check(home / "answers", seen, place, moment)
        process.stdin.close()


def check(folder: Path, seen: Path, place: str, moment: int) -> None:
    """The journal against what the reader of the dead process had printed."""
    lines = seen.read_bytes().splitlines() if seen.exists() else []
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
