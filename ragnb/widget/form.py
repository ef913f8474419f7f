"""A question box above an answer, or under those of a chat, for people who write no code: what ``rag.ui()``
and ``chat.ui()`` give."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Awaitable, Sequence, Sized
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

import anywidget
import ipywidgets  # type: ignore[import-untyped]
import traitlets as t

from ragnb.answer import Answer
from ragnb.background import spawn
from ragnb.display import environment, words
from ragnb.display.static import mimebundle
from ragnb.errors import InvalidInputError, RagnbError
from ragnb.widget.answer import AnswerWidget
from ragnb.widget.ending import end_of

_EMPTY = 'No documents are in the index yet: rag.ingest("a/folder") adds some.'
_ELSEWHERE = "{0}.ui() is a form for a Jupyter notebook; here, ask with {0}.ask(question)."
_SHOWN = 20  # earlier turns of a chat
_UNUSED = "A question box for documents stands here when this cell is run in a Jupyter notebook."


class Pipeline(Protocol):
    """What a form asks of a pipeline."""

    k: int

    def start(self, question: str, *, k: int | None = None) -> Answer: ...

    def start_again(self, answer: Answer) -> Answer: ...

    def adocuments(self) -> Awaitable[Sized]: ...


class Turns(Protocol):
    """What a form asks of a chat."""

    @property
    def answers(self) -> Sequence[Answer]: ...


def form(rag: Pipeline, examples: Sequence[str] = (), chat: Turns | None = None) -> Form:
    """The form, which shows itself as a cell's value; with a ``chat`` the box stands under its turns.

    ``examples`` are questions that a click puts into the box. Raises `InvalidInputError` if one is no text.
    """
    for example in examples:
        if not isinstance(example, str) or not example.strip():
            raise InvalidInputError(f"{example!r} is no question.", 'Give texts: examples=["How?"].')
    return Form(rag, list(examples), chat)


class Form:
    """A form that is made where it is shown; where nobody could use it, a sentence says what it is."""

    def __init__(self, rag: Pipeline, examples: list[str], chat: Turns | None = None) -> None:
        self._rag = rag
        self._examples = examples
        self._chat = chat

    def __repr__(self) -> str:
        return _ELSEWHERE.format("chat" if self._chat else "rag")

    def _ipython_display_(self) -> None:
        if not environment.in_notebook():
            print(self)
            return
        from IPython.display import display

        if environment.headless():
            display(record(self._chat.answers if self._chat else (), ""), raw=True)
            return
        live = LiveForm(self._rag, self._examples, self._chat)
        live.record = display(record(live.answers, live.mark), raw=True, display_id=True)
        display(live.bundle(), raw=True)


class QuestionBox(anywidget.AnyWidget):
    """A text box, a button, examples and a number of passages.

    Sends ``{v: 1, type: "ask", question, k}`` and is answered ``{v: 1, type: "refused", question}`` if that
    cannot be asked, so that it can be written better. Where the connection is slow, ipywidgets' own text
    box sends its Enter before the last keys, and a question loses its end; here the text goes along.
    """

    _esm = Path(__file__).parent / "form.js"
    _css = Path(__file__).parent / "form.css"

    label = t.Unicode("Ask these documents").tag(sync=True)
    note = t.Unicode().tag(sync=True)
    busy = t.Bool().tag(sync=True)
    examples = t.List(t.Unicode()).tag(sync=True)
    k = t.Int(5).tag(sync=True)
    hides = t.Unicode().tag(sync=True)  # a class of the page that is not shown beside this box


class LiveForm:
    """The widgets of a form, and the answers that were given in it.

    Each answer takes the place of the one before it; in a chat it stands below. ``record`` is the handle of
    the output that stays in a saved notebook. ``looked`` is done when the form says what can be asked,
    ``settled`` when the latest answer has ended and stands in the record.
    """

    def __init__(self, rag: Pipeline, examples: Sequence[str] = (), chat: Turns | None = None) -> None:
        self._rag = rag
        self._is_chat = chat is not None
        self.mark = f"ragnb-record-{secrets.token_hex(4)}"
        self.box = QuestionBox(examples=list(examples), k=rag.k, hides=self.mark)
        self.answer: AnswerWidget | None = None
        earlier = chat.answers[-_SHOWN:] if chat else ()
        self.answers: list[Answer] = [answer for answer in earlier if answer.ended]
        # A box of their own: where the question box changes its place it is drawn anew, without its words.
        self.turns = ipywidgets.VBox([*map(AnswerWidget, self.answers)])
        self.view = ipywidgets.VBox([self.turns, self.box] if self._is_chat else [self.box, self.turns])
        self.record: Any = None
        self._lock = threading.Lock()
        self.box.on_msg(self._on_message)
        self.looked: Future[None] = spawn(self._look())
        self.settled: Future[None] | None = None

    def bundle(self) -> dict[str, Any]:
        """The live form alone: what is read without it stands in the record."""
        model = {"version_major": 2, "version_minor": 0, "model_id": self.view.model_id}
        return {"application/vnd.jupyter.widget-view+json": model, "text/plain": ""}

    async def _look(self) -> None:
        """Tell how many documents can be asked. Opens the index, while the question is being typed."""
        try:
            count = len(await self._rag.adocuments())
        except RagnbError as error:
            self.box.note = str(error)
            return
        if count:
            self.box.label = f"Ask {count:,} documents" if count > 1 else "Ask this document"
        else:
            self.box.note = _EMPTY

    def _on_message(self, _: object, content: Any, buffers: object) -> None:
        match content:
            case {"v": 1, "type": "ask", "question": str(question), "k": int(k)}:
                self.ask(question, k)

    def ask(self, question: str, k: int) -> None:
        """Begin an answer in the form, unless one is being given; an error is told in the form."""
        with self._lock:
            if self.box.busy:
                return
            try:
                answer = self._rag.start(question, k=k)
            except RagnbError as error:
                self.box.note = str(error)
                self.box.send({"v": 1, "type": "refused", "question": question})
                return
            self._follow(answer)
            if self._is_chat:
                self.answer = AnswerWidget(answer)
                self.turns.children = [*self.turns.children, self.answer]
            elif self.answer is None:
                self.answer = AnswerWidget(answer, ask_again=self._ask_again)
                self.turns.children = [self.answer]
            else:
                self.answer.show(answer)

    def _ask_again(self) -> Answer:
        answer = self._rag.start_again(self.answers[-1])
        self._follow(answer)
        return answer

    def _follow(self, answer: Answer) -> None:
        self.answers.append(answer)
        self.box.note = ""
        self.box.busy = True
        self.settled = spawn(self._when_ended(answer))

    async def _when_ended(self, answer: Answer) -> None:
        await end_of(answer)
        self.box.busy = False
        if self.record is not None:
            self.record.update(record(self.answers, self.mark), raw=True)


def record(answers: Sequence[Answer], mark: str) -> dict[str, str]:
    """What a notebook without its kernel shows in the form's place: the answers that were given.

    The live form hides it by the class ``mark``. JupyterLab writes "model not found" where a widget was;
    the record takes those words, a widget's node without any element in it, off the page.
    """
    bundles = [mimebundle(answer) for answer in answers if answer.ended]
    questions = [words.readable(words.question(answer)) for answer in answers if answer.ended]
    asked = "1 question was" if len(bundles) == 1 else f"{len(bundles)} questions were"
    sentence = f"{asked} asked here. Run this cell again to ask more." if bundles else _UNUSED
    cards = "".join(bundle["text/html"] for bundle in bundles)
    hidden = f".jp-OutputArea:has(.{mark}) .jupyter-widgets:not(:has(*)){{display:none}}"
    style = f"<style>{hidden}</style>" if mark else ""
    quiet = "font-size:0.85em;opacity:0.75;margin:0.3em 0"
    texts = [f"{q}\n\n{bundle['text/plain']}" for q, bundle in zip(questions, bundles, strict=True)]
    return {
        "text/html": f'<div class="ragnb-record {mark}">{style}'
        f'<p style="{quiet}">{sentence}</p>{cards}</div>',
        "text/plain": "\n\n".join([sentence, *texts]),
    }
