"""``rag.ui()``: a question box above an answer, driven by the messages that its page would send."""

from __future__ import annotations

from queue import SimpleQueue

import nbformat
import pytest
from nbclient import NotebookClient

from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.errors import InvalidInputError
from ragnb.llms.extractive import ExtractiveLLM
from ragnb.pipeline import RAGPipeline
from ragnb.simulator import Simulator
from ragnb.widget.form import LiveForm, form, record
from tests.conftest import TEXTS

ANSWER = "Refunds are paid within five days [1]. More."


@pytest.fixture
def live(wired):
    """Makes live forms of a pipeline, and the pipeline and the provider behind them."""

    def make(**options):
        rag, sim = wired(**options)
        made = LiveForm(rag)
        made.looked.result(timeout=60)
        return made, rag, sim

    return make


def send(form, question, k=2):
    """What the page sends when somebody asks."""
    form.box._handle_custom_msg({"v": 1, "type": "ask", "question": question, "k": k}, [])


def changes_of(widget, name):
    """Waits for the next value of a trait, whichever thread sets it."""
    values = SimpleQueue()
    widget.observe(lambda change: values.put(change["new"]), name)
    return lambda: values.get(timeout=60)


class Handle:
    """Stands where IPython's display handle does, which needs a kernel."""

    def __init__(self):
        self.updates = SimpleQueue()

    def update(self, bundle, raw):
        assert raw
        self.updates.put(bundle)


def test_questions_reuse_the_cell(live):
    """One question after another is shown by one widget below the box; all are in the record."""
    form, rag, _ = live(answer=ANSWER)
    form.record = Handle()
    assert form.turns.children == ()
    send(form, "How are refunds paid?")
    assert ANSWER.split(" [")[0] in form.record.updates.get(timeout=60)["text/plain"]
    first = form.answer
    assert form.turns.children == (first,)
    send(form, "And dogs?", k=1)
    shown = form.record.updates.get(timeout=60)
    assert form.answer is first and first.answer is rag.answers()[-1]
    assert [(a.question, a.events[0].k) for a in rag.answers()] == [
        ("How are refunds paid?", 2),
        ("And dogs?", 1),
    ]
    assert "2 questions were asked here" in shown["text/html"]
    assert shown["text/plain"].count("Refunds are paid") == 2


def test_one_answer_at_a_time(live):
    """While an answer is given, the box is busy and takes no other question."""
    form, rag, sim = live(answer=ANSWER, gate=True)
    busy = changes_of(form.box, "busy")
    send(form, "How?")
    assert busy() is True
    send(form, "What?")
    assert len(rag.answers()) == 1
    sim.release_all()
    assert busy() is False
    send(form, "What?")
    assert busy() is True and busy() is False
    assert len(rag.answers()) == 2


def test_asking_again(live):
    """The answer's own button asks the same question again, and the box knows that it is busy."""
    form, rag, sim = live(answer=ANSWER, gate=True)
    busy = changes_of(form.box, "busy")
    send(form, "How?", k=1)
    assert form.answer.can_ask_again
    sim.release_all()
    assert [busy(), busy()] == [True, False]
    form.answer._handle_custom_msg({"v": 1, "type": "ask_again"}, [])
    assert [busy(), busy()] == [True, False]
    assert [(a.question, a.events[0].k) for a in rag.answers()] == [("How?", 1)] * 2
    assert form.answers == rag.answers()


def test_errors_are_told_in_the_form(live):
    """What cannot be asked is said in the form, which takes the next question; so is a failure of the model."""
    form, rag, _ = live(answer=ANSWER)
    send(form, "   ")
    assert form.box.note.startswith("The question is empty.")
    send(form, "How?", k=0)
    assert form.box.note.startswith("k=0 is no number of passages")
    assert (form.box.busy, rag.answers()) == (False, [])
    busy = changes_of(form.box, "busy")
    send(form, "How?")
    assert [busy(), busy()] == [True, False]
    assert form.box.note == ""
    for nonsense in ({}, {"v": 2, "type": "ask"}, {"v": 1, "type": "ask", "question": 5, "k": 1}, [], "x"):
        form.box._handle_custom_msg(nonsense, [])
    assert len(rag.answers()) == 1


def test_what_can_be_asked(live, minilm):
    """The label tells how many documents there are; an empty index is told before anybody asks."""
    form, _, _ = live()
    assert (form.box.label, form.box.note) == (f"Ask {len(TEXTS)} documents", "")
    rag = RAGPipeline(ExtractiveLLM(minilm.embed_documents), minilm, home=None)
    empty = LiveForm(rag)
    empty.looked.result(timeout=60)
    assert empty.box.note.startswith("No documents are in the index yet: rag.ingest(")
    rag.add(TEXTS)
    busy = changes_of(empty.box, "busy")
    send(empty, "How are refunds paid?")
    assert [busy(), busy()] == [True, False]
    assert empty.box.note == ""


def test_an_index_that_cannot_be_used(minilm, tmp_path):
    """Why the index cannot be opened is told in the form."""
    home = tmp_path / "home"
    with Simulator() as sim:
        other = OpenAIEmbeddings(base_url=sim.url, api_key="test")
        first = RAGPipeline("extractive", other, home=home)
        first.add(TEXTS)
        first.close()
    form = LiveForm(RAGPipeline("extractive", minilm, home=home))
    form.looked.result(timeout=60)
    assert "text-embedding-3-small" in form.box.note


def test_examples(wired):
    """Examples are questions in words."""
    rag, _ = wired()
    assert LiveForm(rag, ["How?"]).box.examples == ["How?"]
    for wrong in ([""], [5]):
        with pytest.raises(InvalidInputError):
            form(rag, wrong)


def test_outside_a_notebook(wired, capsys):
    """In a script or a terminal the form says what it is and what to do there."""
    rag, _ = wired()
    shown = rag.ui()
    assert "rag.ask(question)" in repr(shown)
    shown._ipython_display_()
    assert "rag.ask(question)" in capsys.readouterr().out


def test_the_record(wired):
    """The record holds the ended answers, as the notebook shows answers anyway."""
    rag, sim = wired(answer=ANSWER, gate=True)
    running = rag.start("How?")
    assert "ragnb-answer" not in record([running], "mark")["text/html"]
    sim.release_all()
    running.wait()
    bundle = record([running], "mark")
    assert running._repr_mimebundle_()["text/html"] in bundle["text/html"]
    assert "1 question was asked here" in bundle["text/plain"] and "How?" in bundle["text/plain"]
    assert ".jp-OutputArea:has(.mark)" in bundle["text/html"]


SETUP = f"""
from ragnb import RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.simulator import Simulator
sim = Simulator({ANSWER!r}).start()
rag = RAGPipeline(
    OpenAILLM("gpt-4o-mini", base_url=sim.url, api_key="x"),
    OpenAIEmbeddings(base_url=sim.url, api_key="x"), home=None,
)
rag.add({TEXTS!r});
"""
ASK = """
from ragnb.widget.form import LiveForm
import asyncio, gc
(form,) = [one for one in gc.get_objects() if isinstance(one, LiveForm)]
form.ask("How?", 2)
await asyncio.wrap_future(form.settled)
"""


def execute(monkeypatch, mode, *cells):
    monkeypatch.setenv("RAGNB_DISPLAY", mode)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (SETUP, *cells)])
    client = NotebookClient(notebook, kernel_name="python3", timeout=120, store_widget_state=False)
    client.execute()
    return notebook.cells[1:]


def test_in_a_run_that_nobody_watches(monkeypatch):
    """One sentence stands there, and no widget is made."""
    (cell,) = execute(monkeypatch, "static", "rag.ui()")
    (output,) = cell.outputs
    assert set(output.data) == {"text/html", "text/plain"}
    assert "A question box for documents" in output.data["text/plain"]


def test_in_a_saved_notebook(monkeypatch):
    """Two outputs: the record, which takes in each answer when it ends, and the live form."""
    shown, _ = execute(monkeypatch, "live", "rag.ui()", ASK)
    written, live = shown.outputs
    assert "1 question was asked here" in written.data["text/plain"]
    assert "Refunds are paid within five days" in written.data["text/html"]
    assert set(live.data) == {"application/vnd.jupyter.widget-view+json", "text/plain"}
    assert live.data["text/plain"] == ""


def test_a_chat_in_a_saved_notebook(monkeypatch):
    """Each turn stands in its cell, the chat as a value is the whole thread, and its box stands under it."""
    turns, thread, box = execute(
        monkeypatch,
        "static",
        'chat = rag.chat()\nchat.ask("How are refunds paid?")\nchat.ask("And for dogs?");',
        "chat",
        "chat.ui()",
    )
    assert ["Refunds are paid" in output.data["text/html"] for output in turns.outputs] == [True, True]
    (whole,) = thread.outputs
    assert set(whole.data) == {"text/html", "text/markdown", "text/plain"}
    assert whole.data["text/html"].count("ragnb-question") == 2
    assert whole.data["text/plain"].index("> How are") < whole.data["text/plain"].index("> And for dogs?")
    (record,) = box.outputs
    assert "2 questions were asked here" in record.data["text/plain"]
