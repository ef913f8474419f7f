"""Answering: an answer is begun, joined or resumed, and written into the journal."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec import UNSET

from ragnb.answer import Answer
from ragnb.background import spawn
from ragnb.engine import Engine, record
from ragnb.errors import InvalidInputError
from ragnb.events import Cancelled, Failed, Finished, Retrying, Started, Used
from ragnb.history import MEMORY, history
from ragnb.llms.base import Turn
from ragnb.resumption import keys
from ragnb.resumption.journal import Journal
from ragnb.resumption.memory import InMemory
from ragnb.vectorstores.filters import Filter, parse

_LONGEST_QUESTION = 32_000  # characters; what is longer is a document


class Taken(NamedTuple):
    """An answer, and whether it was begun or resumed here and now: then it is the asker's to cancel."""

    answer: Answer
    is_ours: bool


class Answering:
    """The engine, which may be another one for the next answer, and the journal of all answers."""

    def __init__(self, engine: Engine, journal: Journal | InMemory) -> None:
        self.engine = engine
        self.journal = journal

    def ask(
        self,
        question: str,
        k: int,
        where: Filter | None,
        key: str | None,
        chat: str = "",
        memory: int = MEMORY,
    ) -> Taken:
        """The answer to a question: a new one, or that of its key where it need not be begun.

        As a turn of a ``chat`` it follows those before it, of which the model is sent about ``memory``
        tokens. Raises what `RAGPipeline.start` does.
        """
        question, key = _checked(question), keys.checked(key)
        if where is not None:
            parse(where)  # a filter that means nothing is told at once, where it was written
        started = Started(
            answer_id=new_id(),
            question=question,
            k=k,
            where=dict(where or {}),
            configured=self.engine.configured,
            key=key,
            chat=chat or UNSET,
        )
        with self.journal.claim(key) as found:
            if found is not None:
                keys.check_same(found, started)
                return self._take(found, found.id)
            answer = self.journal.begin(started)
        said = self._history(chat, question, answer.id, memory)
        spawn(record(answer, self.engine.events(question, k, where, history=said)))
        return Taken(answer, is_ours=True)

    def resume(self, answer_id: str) -> Taken:
        """An answer of the journal, gone on with where it has no end or did not end well.

        Raises what `RAGPipeline.resume` does.
        """
        with self.journal.claim_answer(answer_id) as found:
            match found.events[-1] if found.events else None:
                case Cancelled():
                    return self._go_on_anew(found, "cancelled", "The answer was cancelled.")
                case Failed(fault=fault, message=message):
                    return self._go_on_anew(found, fault or "failed", message)
            return self._take(found, answer_id)

    def _take(self, found: Answer, answer_id: str) -> Taken:
        """One that has ended or runs, as it is; one that was interrupted is gone on with."""
        if found.ended or not found.is_read:
            return Taken(found, is_ours=False)
        return self._go_on(answer_id, "interrupted", "The process that wrote this answer ended.")

    def _go_on_anew(self, ended: Answer, fault: str, message: str) -> Taken:
        """A log has one end, so what goes on after it is a copy."""
        return self._go_on(self.journal.copy(ended, new_id()).id, fault, message, before=ended.id)

    def _go_on(self, answer_id: str, fault: str, message: str, before: str = "") -> Taken:
        answer = self.journal.reopen(answer_id)
        last = answer.events[-1]
        if isinstance(last, Used) and not last.estimated and answer.text:
            answer.append(Finished(reason="stop"))  # a provider reports what was used when all is said
            return Taken(answer, is_ours=True)
        answer.append(Retrying(fault=fault, message=message, attempt=1, wait=0.0))
        started = answer.first(Started)
        assert started is not None
        said = self._history(answer.chat, started.question, before or answer_id)
        events = self.engine.events(started.question, started.k, started.where or None, answer, said)
        spawn(record(answer, events))
        return Taken(answer, is_ours=True)

    def _history(self, chat: str, question: str, before: str, memory: int = MEMORY) -> tuple[Turn, ...]:
        return history(self.journal.turns(chat), question, before, memory) if chat else ()


def new_id() -> str:
    """The id of an answer or a chat: by time, and unlike any other."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{secrets.token_hex(2)}"  # sorts by time


def _checked(question: str) -> str:
    if not isinstance(question, str) or not question.strip():
        raise InvalidInputError("The question is empty.", "Ask something, in words.")
    if len(question) > _LONGEST_QUESTION:
        raise InvalidInputError(
            f"The question has {len(question):,} characters; {_LONGEST_QUESTION:,} is the most.",
            "Put long texts in with rag.add(text) and ask about them in a sentence.",
        )
    return question.strip().encode("utf-8", "replace").decode()  # no half characters
