"""Chat: several turns with one pipeline, each an answer with its own log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence, Sized
from typing import Any

from ragnb.answering import Answering, Taken, new_id
from ragnb.askable import Askable, checked_k
from ragnb.display import thread
from ragnb.errors import InvalidInputError
from ragnb.history import MEMORY
from ragnb.resumption.listing import AnswerList
from ragnb.vectorstores.filters import Filter


class Chat(Askable):
    """Questions that may lean on what was said before: “And for dogs?”.

    ``chat.ask(question)`` and the other ways to ask are those of `RAGPipeline`. A follow-up is first
    written as a question that can be searched for by itself: by the pipeline's model in one short request,
    else by a rule that carries over words of the question before; the log has it as `Rewritten`. The model
    is sent the latest turns before the question, without their passages, as far as they fit into
    ``memory`` tokens.

    As a cell's value a chat shows all of its turns. ``id`` is what ``rag.chat(id)`` goes on with, also in
    another process: the turns are the answers in the journal that have it.
    """

    def __init__(
        self,
        answering: Answering,
        documents: Callable[[], Awaitable[Sized]],
        k: int,
        chat_id: str | None = None,
        memory: int = MEMORY,
    ) -> None:
        if not isinstance(memory, int) or isinstance(memory, bool) or memory < 0:
            raise InvalidInputError(f"memory={memory!r} is no number of tokens.", "2,000 are usual.")
        self._answering = answering
        self._documents = documents
        self.id = new_id() if chat_id is None else chat_id
        self.k = k
        self.memory = memory
        if chat_id is not None and not (isinstance(chat_id, str) and self.answers):
            raise InvalidInputError(
                f"There is no chat {str(chat_id)[:80]!r} here.",
                "rag.chat() begins one; rag.answers().entries tell of each answer its chat.",
            )

    @property
    def answers(self) -> AnswerList:
        """The turns so far, oldest first, those that still run or ended badly included."""
        return self._answering.journal.turns(self.id)

    def ui(self, examples: Sequence[str] = ()) -> Any:
        """A question box under the turns, for a notebook's readers who write no code; ``examples`` are
        questions that they can click on."""
        from ragnb.widget.form import form  # ipywidgets are needed for nothing else here

        return form(self, examples, chat=self)

    def adocuments(self) -> Awaitable[Sized]:
        """As `RAGPipeline.adocuments`."""
        return self._documents()

    def _ask(self, question: str, k: int | None, where: Filter | None, key: str | None) -> Taken:
        passages = self.k if k is None else checked_k(k)
        return self._answering.ask(question, passages, where, key, self.id, self.memory)

    def __repr__(self) -> str:
        return f"<Chat {self.id!r}: {len(self.answers)} turns>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return thread.mimebundle(self.answers)
