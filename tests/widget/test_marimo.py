"""In a marimo notebook: each answer in its cell, in the end as plain HTML among the cell's other outputs."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.conftest import TEXTS

NOTEBOOK = f"""
import marimo
app = marimo.App()

@app.cell
def setup():
    import marimo as mo
    from ragnb import RAGPipeline
    from ragnb.embeddings.openai import OpenAIEmbeddings
    from ragnb.llms.openai import OpenAILLM
    from ragnb.simulator import Simulator
    sim = Simulator("Refunds are paid within five days [1].").start()
    rag = RAGPipeline(
        OpenAILLM("gpt-4o-mini", base_url=sim.url), OpenAIEmbeddings(base_url=sim.url), home=None
    )
    rag.add({TEXTS!r})
    return mo, rag, sim

@app.cell
def first(mo, rag):
    mo.output.append("said before")
    answer = rag.ask("Sync?")
    mo.output.append("said after " + answer.status)
    return (answer,)

@app.cell
async def second(rag, answer):
    other = await rag.aask("Async?")
    return (other,)

@app.cell
def third(other):
    other
    return

if __name__ == "__main__":
    app.run()
"""


def run(folder, *command):
    (folder / "cells.py").write_text(NOTEBOOK)
    env = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_answers_stand_in_their_cells(tmp_path):
    """ask and aask leave the finished answer where they were called, as HTML without a widget, and an answer
    that is a cell's value shows itself."""
    run(tmp_path, "-m", "marimo", "export", "html", "cells.py", "-o", "page.html", "--no-sandbox")
    page = (tmp_path / "page.html").read_text()
    outputs = [cell for cell in re.findall(r'"text/html": "(.*?[^\\])"', page) if "ragnb-answer" in cell]
    assert len(outputs) == 3
    for output, question in zip(outputs, ("Sync?", "Async?", "Async?"), strict=True):
        assert question in output and "within five days" in output
        assert output.count("ragnb-facts") == 1 and "marimo-anywidget" not in output
    before, answer, after = (
        outputs[0].index(said) for said in ("said before", "Sync?", "said after finished")
    )
    assert before < answer < after
    # A style on a link within the page makes marimo 0.25 show React's error 62 in the cell's place.
    assert 'href=\\"#' in outputs[0] and not re.search(r'href=\\"#[^"]*" style=', outputs[0])


def test_as_a_script_it_prints(tmp_path):
    """The same notebook run as a script prints its answers."""
    said = run(tmp_path, "cells.py")
    assert said.count("Refunds are paid within five days [1].") == 2
