"""In a real kernel: one display where nobody watches, a live one where somebody does, a stop that stops."""

from __future__ import annotations

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from tests.conftest import TEXTS

SETUP = f"""
from ragnb import RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.simulator import Simulator
sim = Simulator("Refunds are paid within five days [1]. More. And more.", gate=True).start()
vectors = Simulator().start()
rag = RAGPipeline(
    OpenAILLM("gpt-4o-mini", base_url=sim.url), OpenAIEmbeddings(base_url=vectors.url), home=None
)
rag.add({TEXTS!r});
"""


def execute(*cells, monkeypatch, mode):
    monkeypatch.setenv("RAGNB_DISPLAY", mode)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (SETUP, *cells)])
    messages = []

    class Client(NotebookClient):
        def process_message(self, msg, cell, cell_index):
            messages.append((cell_index, msg["msg_type"]))
            return super().process_message(msg, cell, cell_index)

    Client(notebook, kernel_name="python3", timeout=120).execute()
    return notebook.cells[1:], messages


ASK = "sim.release_all(); answer = rag.ask('How are refunds paid?')"


@pytest.mark.parametrize("mode", ["static", "live"])
def test_one_output_at_the_end(monkeypatch, mode):
    """Live or not, the cell ends with one output: the finished answer, as plain HTML."""
    cells, messages = execute(ASK, monkeypatch=monkeypatch, mode=mode)
    (output,) = cells[0].outputs
    assert "within five days" in output.data["text/html"]
    assert "ragnb-status" not in output.data["text/html"]
    updates = [kind for index, kind in messages if index == 1 and kind == "update_display_data"]
    assert bool(updates) == (mode == "live")
    assert len([kind for index, kind in messages if index == 1 and kind == "display_data"]) == 1


def test_shown_once_as_the_last_expression(monkeypatch):
    """An answer that ask() has shown is not shown again as the cell's value; in the next cell it is."""
    cells, _ = execute(
        "sim.release_all(); answer = rag.ask('How?'); answer",
        "answer",
        monkeypatch=monkeypatch,
        mode="static",
    )
    assert [len(cell.outputs) for cell in cells] == [1, 1]
    assert "ragnb-answer" in cells[1].outputs[0].data["text/html"]


def test_the_loop_of_the_notebook_is_free(monkeypatch):
    """Plain and async calls work in a cell, whose loop runs already, and the async ones do not block it."""
    cell = """
sim.release_all()
import asyncio
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
    cells, _ = execute(cell, monkeypatch=monkeypatch, mode="static")
    assert cells[0].outputs[0].text == "1 True\n"


WATCH = """
import threading, time
def watch():
    while not rag.answers():
        time.sleep(0.01)
    rag.answers()[0].wait(start=4)
    print("two tokens", flush=True)
threading.Thread(target=watch).start()
"""


@pytest.mark.parametrize("mode", ["static", "live"])
@pytest.mark.parametrize("call", ["answer = rag.ask('How?')", "text = ''.join(rag.stream('How?'))"])
def test_interrupting_the_kernel(monkeypatch, mode, call):
    """An interrupt ends the answer with Cancelled, keeps its text, closes the connection and warns of nothing."""
    monkeypatch.setenv("RAGNB_DISPLAY", mode)
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        assert (
            client.execute_interactive(SETUP, timeout=60, output_hook=lambda m: None)["content"]["status"]
            == "ok"
        )
        client.execute(f"{WATCH}\nsim.release(2)\n{call}", stop_on_error=False)
        while "two tokens" not in client.get_iopub_msg(timeout=30)["content"].get("text", ""):
            pass
        manager.interrupt_kernel()
        client.get_shell_msg(timeout=30)
        said = []
        hook = lambda m: said.append(m["content"].get("text", ""))  # noqa: E731
        check = (
            "a = rag.answers()[0]; a.wait(timeout=10); sim.wait_for_disconnect()\n"
            "print(a.status, type(a.events[-1]).__name__, a.text)"
        )
        reply = client.execute_interactive(check, timeout=30, output_hook=hook)
        assert reply["content"]["status"] == "ok"
        assert "cancelled Cancelled Refunds are" in "".join(said)
        assert "Warning" not in "".join(said)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
