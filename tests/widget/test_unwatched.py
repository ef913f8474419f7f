"""A notebook that nobody watches: each answer once, finished, in the order asked, and no widget."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import TEXTS

SETUP = f"""
import asyncio
from ragnb import RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.simulator import Simulator
sim = Simulator("Refunds are paid within five days [1]. More. And more.", gate=True).start()
slow = Simulator("A slow answer.", gate=True).start()
vectors = Simulator().start()
def pipeline(server):
    llm = OpenAILLM("gpt-4o-mini", base_url=server.url)
    return RAGPipeline(llm, OpenAIEmbeddings(base_url=vectors.url), "memory", home=None)
rag, late = pipeline(sim), pipeline(slow)
rag.add({TEXTS!r})
late.add({TEXTS!r});
"""


def execute(*cells, **options):
    """Run a notebook as papermill, nbconvert and nbval do; gives the cells and the messages by cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (SETUP, *cells)])
    messages = []

    class Client(NotebookClient):
        def process_message(self, msg, cell, cell_index):
            messages.append((cell_index, msg["msg_type"]))
            return super().process_message(msg, cell, cell_index)

    Client(notebook, kernel_name="python3", timeout=120, **options).execute()
    assert "widgets" not in notebook.metadata
    return notebook.cells[1:], messages


ASK = "sim.release_all(); answer = rag.ask('How are refunds paid?')"
WAYS = {
    "ask": ASK,
    "aask": "sim.release_all(); answer = await rag.aask('How are refunds paid?')",
    "wait=False": "answer = rag.ask('How are refunds paid?', wait=False); sim.release_all()",
    "wait=False, awaited": "answer = rag.ask('How?', wait=False); sim.release_all(); await answer",
    "keep_live": "sim.release_all(); answer = rag.ask('How?', keep_live=True)",
    "as the last expression": "sim.release_all(); answer = rag.ask('How?'); answer",
}


def test_one_display_and_no_widget():
    """However it was asked, each cell has one output, displayed once and never updated; no widget is opened."""
    cells, messages = execute(*WAYS.values(), "answer")
    for cell in cells:
        (output,) = cell.outputs
        assert output.output_type == "display_data" and "within five days" in output.data["text/html"]
        assert "ragnb-status" not in output.data["text/html"]
        assert set(output.data) == {"text/html", "text/markdown", "text/plain"}
    kinds = {kind for _, kind in messages}
    assert not kinds & {"comm_open", "comm_msg", "update_display_data", "error"}


@pytest.mark.parametrize(
    "cell",
    [
        "first = late.ask('Slow?', wait=False); second = rag.ask('Fast?', wait=False)",
        "first = late.ask('Slow?', wait=False); second = rag.ask('Fast?', wait=False); await second",
        "first, second = await asyncio.gather(late.aask('Slow?'), rag.aask('Fast?'))",
        "first = late.ask('Slow?', wait=False); second = rag.ask('Fast?')",
    ],
)
def test_answers_stand_in_the_order_asked(cell):
    """The slower answer, asked first, stands first: two runs give the same notebook."""
    helper = """
import threading
def let_out():
    while not rag.answers():
        pass
    sim.release_all()
    rag.answers()[0].wait()
    slow.release_all()
threading.Thread(target=let_out, daemon=True).start()
"""
    cells, _ = execute(helper + cell)
    htmls = [output.data["text/html"] for output in cells[0].outputs]
    assert ["Slow?" in html for html in htmls] == [True, False]
    assert "A slow answer." in htmls[0] and "within five days" in htmls[1]


def test_live_without_anybody(monkeypatch):
    """Told to be live where nobody watches, the cell ends with the same one output."""
    monkeypatch.setenv("RAGNB_DISPLAY", "live")
    # nbclient would save the state of every widget that was ever open, closed ones too.
    cells, messages = execute(ASK, store_widget_state=False)
    (output,) = cells[0].outputs
    assert "within five days" in output.data["text/html"]
    assert set(output.data) == {"text/html", "text/markdown", "text/plain"}
    assert {"comm_open", "update_display_data"} <= {kind for _, kind in messages}


def test_the_loop_of_the_notebook_is_free():
    """Plain and async calls work in a cell, whose loop runs already, and the async ones do not block it."""
    cell = """
sim.release_all()
ticks = 0
async def tick():
    global ticks
    while True:
        ticks += 1
        await asyncio.sleep(0)
ticking = asyncio.create_task(tick())
texts = [rag.query("How?"), await rag.aquery("How?"), "".join(rag.stream("How?"))]
texts.append("".join([token async for token in rag.astream("How?")]))
ticking.cancel()
print(len(set(texts)), ticks > 10)
"""
    cells, _ = execute(cell)
    assert cells[0].outputs[0].text == "1 True\n"
