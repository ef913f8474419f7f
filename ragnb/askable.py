"""What can be asked: a pipeline, and a chat with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import aclosing

from ragnb import errors
from ragnb.answer import Answer
from ragnb.answering import Taken
from ragnb.background import plain, plain_iterator
from ragnb.errors import InvalidInputError
from ragnb.events import AnyEvent, Failed, Started, Token
from ragnb.vectorstores.filters import Filter
from ragnb.widget import cell


class Askable(ABC):
    """The ways to ask a question and to read its answer, each with its plain twin."""

    @abstractmethod
    def _ask(self, question: str, k: int | None, where: Filter | None, key: str | None) -> Taken:
        """Begin an answer, or take up that of its key."""

    async def aevents(
        self, question: str, *, k: int | None = None, where: Filter | None = None, key: str | None = None
    ) -> AsyncGenerator[AnyEvent, None]:
        """Every event of an answer, as it happens; closing the iterator cancels it, unless it ran already
        and was joined.

        ``where`` restricts it to documents with such metadata: ``{"lang": "en", "year": {"gte": 2024}}``.
        ``key`` is as in `start`.
        """
        answer, is_ours = self._ask(question, k, where, key)
        try:
            async with aclosing(answer.follow()) as events:
                async for event in events:
                    yield event
        finally:
            if is_ours:
                await settle(answer)

    async def astream(
        self, question: str, *, k: int | None = None, where: Filter | None = None, key: str | None = None
    ) -> AsyncGenerator[str, None]:
        """The answer's text, one piece a token; closing the iterator is as in `aevents`.

        Raises the `RagnbError` that ended the answer, if one did.
        """
        async with aclosing(self.aevents(question, k=k, where=where, key=key)) as events:
            async for event in events:
                if type(event) is Token:
                    yield event.text
                elif isinstance(event, Failed):
                    raise errors.from_failure(event.error, event.message, event.advice, event.fault)

    async def aquery(
        self, question: str, *, k: int | None = None, where: Filter | None = None, key: str | None = None
    ) -> str:
        """The whole text of the answer. Raises the `RagnbError` that ended it, if one did."""
        async with aclosing(self.astream(question, k=k, where=where, key=key)) as pieces:
            return "".join([piece async for piece in pieces])

    def ask(
        self,
        question: str,
        *,
        k: int | None = None,
        where: Filter | None = None,
        key: str | None = None,
        wait: bool = True,
        keep_live: bool = False,
    ) -> Answer:
        """Answer in the notebook cell, live, and return the `Answer` when it is done.

        An interrupt (the stop button) cancels the answer, keeps its text and returns it. A failure is
        told in the cell; ``answer.status`` says which way it ended.

        With ``wait=False`` it returns at once, and the cell streams on by itself; ``await answer`` waits
        for the end. When an answer has ended, plain HTML takes the widget's place, so that the saved
        notebook needs no kernel; ``keep_live=True`` leaves the widget, with its button to ask again.

        Where nobody watches (papermill, nbval, nbconvert), answers are shown when they have ended, in the
        order in which they were asked, at the latest at the end of their cell.

        ``key`` makes asking idempotent: a cell that is run again shows the answer that is there, and goes
        on with it where its process ended before it did; see `start` for what it raises.
        """
        answer = self.start(question, k=k, where=where, key=key)
        show = cell.show if wait else cell.show_soon
        show(answer, ask_again=lambda: self.start_again(answer), keep_live=keep_live)
        return answer

    async def aask(
        self,
        question: str,
        *,
        k: int | None = None,
        where: Filter | None = None,
        key: str | None = None,
        keep_live: bool = False,
    ) -> Answer:
        """`ask` without blocking the caller's loop: other tasks and the cell's own buttons work meanwhile.

        Cancelling the task (the stop button does) cancels the answer and keeps its text in the cell.
        """
        answer = self.start(question, k=k, where=where, key=key)
        await cell.ashow(answer, ask_again=lambda: self.start_again(answer), keep_live=keep_live)
        return answer

    query = plain(aquery)
    stream = plain_iterator(astream)
    events = plain_iterator(aevents)

    def start(
        self, question: str, *, k: int | None = None, where: Filter | None = None, key: str | None = None
    ) -> Answer:
        """Begin an answer and return it at once; read it with ``answer.follow()`` or ``answer.wait()``.

        With a ``key`` there is one answer to it, whoever asks and however often: one that has finished is
        read from the journal and no model is called, one that runs in this process is joined, one whose
        process ended before it did is gone on with, and one that failed or was cancelled is begun anew.
        Raises `AnswerInUseError` while another process answers with that key, `InvalidInputError` if the
        key belongs to another question, ``k``, ``where`` or chat, and `JournalError` if the journal cannot
        be written.
        """
        return self._ask(question, k, where, key).answer

    def start_again(self, answer: Answer) -> Answer:
        """Begin another answer to the same question, with the same ``k`` and ``where``."""
        started = answer.first(Started)
        assert started is not None
        return self.start(started.question, k=started.k, where=started.where or None)


async def settle(answer: Answer) -> None:
    """Cancel what still runs and wait for the log's end."""
    answer.cancel()
    async with aclosing(answer.follow(len(answer.events))) as rest:
        async for _ in rest:
            pass


def checked_k(k: int) -> int:
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise InvalidInputError(f"k={k!r} is no number of passages.", "Use 1 or more; 5 is usual.")
    return k
