"""A run of papermill whose kernel dies: the next run goes on with the answers that have keys."""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import pytest

from ragnb.events import Resumed, Retrying
from ragnb.resumption.journal import Journal
from ragnb.simulator import Simulator, tokenize
from tests.conftest import ROOT, TEXTS

ANSWER = "Refunds are paid within five days [1]. A bicycle costs 15 euros [2]."
TOKENS = len(tokenize(ANSWER))
LAST = 9  # the event after which the kernel dies

PARAMETERS = 'url, home, dies = "", "", False'
SETUP = f"""
import os, signal, threading
from ragnb import RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
llm, embeddings = OpenAILLM("m", base_url=url, api_key="test"), OpenAIEmbeddings(base_url=url, api_key="test")
rag = RAGPipeline(llm, embeddings, "memory", home=home)
rag.add({TEXTS!r})

def die():
    rag.start("And then?", key="report/2").wait({LAST})
    os.kill(os.getpid(), signal.SIGKILL)
"""
CELLS = [
    'rag.ask("How?", key="report/1");',
    'dies and threading.Thread(target=die).start()\nrag.ask("And then?", key="report/2");',
]


@pytest.mark.timeout(300)
def test_the_next_run_goes_on(tmp_path):
    """What was finished is shown as it was, what was cut is gone on with, and nothing is asked twice."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in (PARAMETERS, SETUP, *CELLS)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    notebook.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(notebook, tmp_path / "report.ipynb")
    with Simulator(ANSWER, gate=True) as sim:

        def run(dies):
            given = {"url": sim.url, "home": str(tmp_path / "home"), "dies": dies}
            parameters = [part for name, value in given.items() for part in ("-p", name, str(value))]
            command = [sys.executable, "-m", "papermill", "--no-progress-bar"]
            done = subprocess.run(
                [*command, "report.ipynb", "out.ipynb", *parameters],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                timeout=120,
            )
            return done.returncode, done.stderr

        sim.release(TOKENS + LAST - 2)  # not the whole of the second answer
        code, said = run(dies=True)
        assert code and "died" in said
        entries = Journal(tmp_path / "home" / "answers").answers().entries
        assert [entry.status for entry in entries] == ["finished", "interrupted"]

        sim.release_all()
        code, said = run(dies=False)
        assert code == 0, said
        chats = [request for request in sim.requests if "chat" in request.path]
    assert len(chats) == 3
    first, second = Journal(tmp_path / "home" / "answers").answers()
    assert (first.status, second.status) == ("finished", "finished")
    assert first.text == second.text == ANSWER
    assert not list(first.all(Resumed)) and len(list(second.all(Resumed))) == 1
    assert [event.fault for event in second.all(Retrying)] == ["interrupted"]
    shown = [
        output.data["text/plain"]
        for cell in nbformat.read(tmp_path / "out.ipynb", 4).cells
        for output in cell.outputs
        if "text/html" in output.get("data", {})
    ]
    assert len(shown) == 2 and "the process ended after" not in shown[0]
    assert "[the process ended after" in shown[1] and "15 euros" in shown[1]
