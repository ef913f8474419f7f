"""The answer cell in a real kernel, as a page sees it: batches, cancelling, freezing, and what stays."""

from __future__ import annotations

import json

import pytest

from tests.conftest import TEXTS
from tests.widget.page import VIEW, Page

IMPORTS = """
import asyncio, json
import ragnb.widget.jupyter
from ragnb import RAGPipeline
from ragnb.documents import Document
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.simulator import Simulator
vectors = Simulator().start()
def log(answer):
    return [json.loads(line) for line in answer.to_jsonl().splitlines()]
"""
# The simulator gives a token for each one that is released.
PIPELINE = f"""
ragnb.widget.jupyter._GRACE = 0.0
sim = Simulator("Refunds are paid within five days [1]. More. And more.", gate=True).start()
rag = RAGPipeline(
    OpenAILLM("gpt-4o-mini", base_url=sim.url), OpenAIEmbeddings(base_url=vectors.url), home=None
)
rag.add({TEXTS!r});
"""
TEXT = "Refunds are paid within five days [1]. More. And more."
SYNC = "answer = rag.ask('How?')"
ASYNC = "answer = await rag.aask('How?')"
SOON = "answer = rag.ask('How?', wait=False)"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("cells"))
        page = Page()
        page.run(IMPORTS)
    yield page
    page.close()


@pytest.fixture
def page(kernel):
    """The kernel with a pipeline of its own for this test, and nothing on the page."""
    kernel.clear()
    kernel.run(PIPELINE)
    yield kernel
    kernel.run("rag.close(); sim.stop()")


def widget(page, count=1):
    """The id of the newest answer's widget, once there are ``count``."""
    page.until(lambda: len(page.answers()) == count)
    return page.answers()[-1]


def streaming(page, cell, tokens=2):
    """Run a cell until its answer has so many tokens; gives the request and the widget's id."""
    page.run(f"sim.release({tokens})")
    request = page.execute(cell)
    comm = widget(page)
    page.until(lambda: page.comms[comm].log.types.count("Token") == tokens)
    return request, comm


def frozen(page, request):
    """The one output of a cell, once it has no widget any more."""
    page.until(lambda: page.outputs.get(request) and VIEW not in page.outputs[request][0])
    (output,) = page.outputs[request]
    return output


@pytest.mark.parametrize("cell", [SYNC, ASYNC, SOON])
def test_the_page_has_the_log_and_the_file_has_html(page, cell):
    """The page is sent the whole log; at the end the cell is plain HTML and its widgets are gone."""
    page.run("sim.release_all()")
    request = page.execute(cell)
    comm = page.comms[widget(page)]
    page.until(lambda: comm.log.types[-1:] == ["Finished"])
    output = frozen(page, request)
    assert set(output) == {"text/html", "text/markdown", "text/plain"}
    assert "within five days" in output["text/html"]
    page.until(lambda: all(one.closed for one in page.comms.values()))
    assert not comm.log.gaps and comm.log.text == TEXT
    page.until(lambda: request in page.idle)
    assert comm.log.events == json.loads(page.run("print(json.dumps(log(answer)))"))
    assert comm.state["blocking"] is False and comm.state["can_ask_again"] is True


def test_sources_and_a_placeholder_come_before_the_first_token(page):
    """Before any token the page has the sources, and the output beside the widget tells the question."""
    request, comm = streaming(page, SOON, tokens=0)
    page.until(lambda: "Retrieved" in page.comms[comm].log.types and request in page.outputs)
    (output,) = page.outputs[request]
    assert output[VIEW]["model_id"] == comm
    assert "How?" in output["text/html"]


def test_a_gap_and_a_late_page(page):
    """Who asks from a number gets everything from there; a page that opens late has the log in its state."""
    _, comm = streaming(page, SOON)
    log = page.comms[comm].log
    all_of_it = list(log.events)
    del log.events[3:]
    page.send(comm, {"type": "resync", "seq": 3})
    page.until(lambda: len(log.events) == len(all_of_it))
    assert log.events == all_of_it
    log.events.clear()
    page.send(comm, {"type": "hello", "seq": 0})
    page.until(lambda: len(log.events) == len(all_of_it))
    assert log.events == all_of_it
    state = page.client.session.msg("comm_msg", {"comm_id": comm, "data": {"method": "request_state"}})
    page.client.shell_channel.send(state)
    page.until(lambda: len(page.comms[comm].state["events"]) > 1)
    log.events.clear()
    log.add(0, page.comms[comm].state["events"])
    assert log.events == all_of_it


def test_a_second_page_keeps_its_widget(page):
    """A page that was loaded anew does not hear of the frozen output, so its widget stays and has the end."""
    request, comm = streaming(page, SOON)
    for _ in range(2):
        page.send(comm, {"type": "hello", "seq": 0})
    page.run("sim.release_all(); await answer; await asyncio.sleep(0.01)")
    frozen(page, request)
    page.until(lambda: page.comms[comm].log.types[-1:] == ["Finished"])
    page.run("")
    assert not page.comms[comm].closed


@pytest.mark.parametrize("cell", [ASYNC, SOON])
def test_cancel(page, cell):
    """The cancel button ends an answer whose cell does not block: at once, in words, with its text."""
    request, comm = streaming(page, cell)
    page.send(comm, {"type": "cancel"})
    assert "Cancelled after 2 tokens" in frozen(page, request)["text/html"]
    page.until(lambda: request in page.idle)
    page.run("sim.wait_for_disconnect()")
    assert page.run("print(answer.status, answer.text)") == "cancelled Refunds are\n"


def test_cancel_while_the_cell_blocks(page):
    """A page that sends over a subshell is heard while a plain ask() blocks, also by ipykernel 7.4."""
    subshell = page.open_subshell()
    request, comm = streaming(page, SYNC)
    assert page.comms[comm].state["blocking"] is True
    page.send(comm, {"type": "hello", "seq": 0}, subshell)
    page.send(comm, {"type": "cancel"}, subshell)
    page.until(lambda: request in page.idle)
    assert "Cancelled after 2 tokens" in frozen(page, request)["text/html"]
    assert page.run("print(answer.status, answer.text)") == "cancelled Refunds are\n"


def test_interrupt_while_the_cell_blocks(page):
    """An interrupt ends the answer and not the cell: no traceback, the text is kept, the cell is frozen."""
    request, _ = streaming(page, f"{SYNC}\nprint('went on', answer.status)")
    page.manager.interrupt_kernel()
    page.until(lambda: request in page.idle)
    assert not page.errors and "went on cancelled" in page.said
    assert "Cancelled after 2 tokens" in frozen(page, request)["text/html"]


@pytest.mark.parametrize("call", [SYNC, "text = ''.join(rag.stream('How?'))"])
def test_interrupt_where_nobody_watches(page, call):
    """There too an interrupt cancels the answer, closes the connection and keeps the text."""
    watch = """
import threading
def watch():
    while not rag.answers():
        pass
    rag.answers()[0].wait(start=4)
    print("two tokens", flush=True)
threading.Thread(target=watch).start()
"""
    page.run("sim.release(2)")
    said = len(page.said)
    request = page.execute(watch + call, watched=False)
    page.until(lambda: "two tokens" in page.said[said:])
    page.manager.interrupt_kernel()
    page.until(lambda: request in page.idle)
    if call == SYNC:
        (output,) = page.outputs[request]
        assert "Cancelled after 2 tokens" in output["text/html"]
    page.errors.clear()
    page.run("answer = rag.answers()[0]; answer.wait(timeout=10); sim.wait_for_disconnect()")
    assert page.run("print(answer.status, answer.text)") == "cancelled Refunds are\n"
    assert "Warning" not in page.said[said:]


def test_interrupt_while_the_cell_awaits(page):
    """An interrupt of ``await rag.aask()`` cancels the answer, freezes the cell, and ends the cell in one line."""
    request, _ = streaming(page, ASYNC)
    page.manager.interrupt_kernel()
    page.until(lambda: request in page.idle)
    assert [error["traceback"] for error in page.errors] == [
        ["Stopped waiting for the answer; what there is of it is kept."]
    ]
    page.errors.clear()
    assert "Cancelled after 2 tokens" in frozen(page, request)["text/html"]
    page.run("sim.wait_for_disconnect()")


def test_the_loop_is_free_while_an_answer_is_awaited(page):
    """Other tasks of the notebook run while ``aask`` streams."""
    cell = """
async def release():
    await asyncio.sleep(0)
    sim.release_all()
answer, _ = await asyncio.gather(rag.aask('How?'), release())
"""
    page.run(cell)
    assert page.run("print(answer.status)") == "finished\n"


def test_awaiting_an_answer_gives_it_frozen(page):
    """``await answer`` gives the Answer, ended and with its cell frozen; its cell shows it once."""
    request, _ = streaming(page, f"{SOON}\nanswer")
    page.run("sim.release_all()\nprint((await answer) is answer, answer.status)")
    assert page.said.endswith("True finished\n")
    frozen(page, request)
    again = page.execute("answer")
    page.until(lambda: again in page.idle)
    assert "within five days" in frozen(page, again)["text/html"]


def test_a_running_answer_as_a_cells_value_is_live(page):
    """An answer that still runs, shown in another cell, streams there too and is frozen there too."""
    request, _ = streaming(page, SOON)
    second = page.execute("answer")
    comm = page.comms[widget(page, 2)]
    page.run("sim.release_all(); await answer")
    page.until(lambda: comm.log.types[-1:] == ["Finished"])
    assert frozen(page, second) == frozen(page, request)


def test_cancelling_who_awaits_cancels_the_answer(page):
    """The wait for an answer behaves like a task: its cancellation, here by a timeout, reaches the answer."""
    streaming(page, SOON)
    check = """
try:
    await asyncio.wait_for(answer, 0.001)
except TimeoutError:
    answer.wait()
    print(answer.status)
"""
    assert page.run(check) == "cancelled\n"


def test_two_cells_stream_at_once(page):
    """Two answers stream side by side, each into its own cell."""
    first, one = streaming(page, SOON)
    second = page.execute("other = rag.ask('What of dogs?', wait=False)")
    two = widget(page, 2)
    page.run("sim.release_all(); await asyncio.gather(answer, other)")
    htmls = [frozen(page, request)["text/html"] for request in (first, second)]
    assert "How?" in htmls[0] and "What of dogs?" in htmls[1]
    for comm, question in ((one, "How?"), (two, "What of dogs?")):
        log = page.comms[comm].log
        page.until(lambda log=log: log.types[-1:] == ["Finished"])
        assert log.events[0]["question"] == question and log.text == TEXT


def test_keep_live_and_ask_again(page):
    """With keep_live the widget stays, its state and the file have the whole answer, and it asks again."""
    page.run(
        "sim.release_all(); rag.add(Document('Refunds are paid within five days.', metadata={'lang': 'en'}));"
    )
    request = page.execute("answer = rag.ask('How?', k=1, where={'lang': 'en'}, keep_live=True)")
    comm_id = widget(page)
    comm = page.comms[comm_id]
    page.until(lambda: request in page.idle and comm.log.types[-1:] == ["Finished"])
    (output,) = page.outputs[request]
    assert output[VIEW]["model_id"] == comm_id and "within five days" in output["text/html"]
    assert not comm.closed
    saved = type(comm.log)()
    saved.add(0, comm.state["events"])
    assert saved.events == comm.log.events and saved.types[-1] == "Finished"

    before = comm.log.events[0]
    page.send(comm_id, {"type": "ask_again"})
    page.until(lambda: comm.log.events[:1] != [before] and comm.log.types[-1:] == ["Finished"])
    after = comm.log.events[0]
    assert after["answer_id"] != before["answer_id"]
    assert {name: after[name] for name in ("question", "k", "where")} == {
        name: before[name] for name in ("question", "k", "where")
    }
    assert comm.log.text == TEXT
    assert page.run("print(len(rag.answers()), rag.answers()[1].status)") == "2 finished\n"


def test_a_frozen_cell_lets_go(page):
    """When its cell is plain HTML, an answer no longer holds the pipeline that gave it."""
    page.run("other = RAGPipeline(rag.llm, OpenAIEmbeddings(base_url=vectors.url), 'memory', home=None)")
    page.run("sim.release_all(); other.add('Refunds.'); answer = other.ask('How?')")
    comm = page.comms[widget(page)]
    page.until(lambda: comm.closed)
    check = """
import gc, weakref
held = weakref.ref(other)
other = None
gc.collect()
print(held() is None, answer.status)
"""
    assert page.run(check) == "True finished\n"


def test_messages_that_mean_nothing(page):
    """What a page of another version sends, or nonsense, does no harm."""
    _, comm = streaming(page, SOON)
    for message in (
        {"v": 2, "type": "cancel"},
        {"type": "hello"},
        {"type": "resync", "seq": "x"},
        {"type": 7},
    ):
        page.send(comm, message)
    page.send(comm, {"type": "hello", "seq": -5})
    page.run("sim.release_all(); await answer")
    assert page.run("print(answer.status)") == "finished\n"
    assert not page.errors
