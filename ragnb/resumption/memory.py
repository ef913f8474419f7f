"""Answers without a home: kept for as long as the pipeline lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ragnb.answer import Answer
from ragnb.errors import InvalidInputError
from ragnb.events import Started
from ragnb.resumption.listing import AnswerList, entry


class InMemory:
    """What `Journal` does, on nothing but the answers themselves."""

    def __init__(self) -> None:
        self._answers: list[Answer] = []

    def begin(self, started: Started) -> Answer:
        answer = Answer()
        answer.append(started)
        self._answers.append(answer)
        return answer

    @contextmanager
    def claim(self, key: str) -> Iterator[Answer | None]:
        same = (a for a in reversed(self._answers) if key and _key(a) == key)
        latest = next(same, None)
        yield latest if latest and latest.status in ("running", "finished") else None

    def answer(self, answer_id: str) -> Answer:
        for answer in self._answers:
            if answer.id == answer_id:
                return answer
        raise no_answer(answer_id)

    @contextmanager
    def claim_answer(self, answer_id: str) -> Iterator[Answer]:
        yield self.answer(answer_id)

    def copy(self, answer: Answer, answer_id: str) -> Answer:
        copied = answer.unended(answer_id)
        self._answers.append(copied)
        return copied

    def reopen(self, answer_id: str) -> Answer:
        answer = self.answer(answer_id)
        answer.write_to(None)
        return answer

    def answers(self) -> AnswerList:
        return AnswerList([entry(a.id, a, a.status) for a in self._answers], self.answer)

    def turns(self, chat: str) -> AnswerList:
        return AnswerList(
            [entry(a.id, a, a.status) for a in self._answers if chat and a.chat == chat], self.answer
        )

    def tidy(self) -> None:
        pass


def no_answer(answer_id: str) -> InvalidInputError:
    return InvalidInputError(
        f"There is no answer {str(answer_id)[:80]!r} here.", "rag.answers() lists those that are there."
    )


def _key(answer: Answer) -> str:
    started = answer.first(Started)
    return started.key if started else ""
