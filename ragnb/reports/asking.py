"""All questions of a run asked, and none of them twice.

The answer to a question has the key ``report/RUN/QUESTION/N``. One that is there is taken over if the
question, the settings and the passages that the search finds now are those that it was written with: the
search is free. One that broke off is gone on with. Else ``N`` is one more, and the question is asked anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from ragnb.answer import Answer
from ragnb.answering import Answering, Taken
from ragnb.documents import Hit
from ragnb.errors import BudgetError, InvalidInputError, RagnbError, from_failure
from ragnb.evaluation.asking import HOPELESS
from ragnb.evaluation.gold import Located, Locator
from ragnb.evaluation.questions import Question
from ragnb.evaluation.together import each, ended, found_now
from ragnb.events import Failed, Retrieved, Rewritten, Started
from ragnb.reports.result import Result, failed, not_asked, result
from ragnb.resumption import keys
from ragnb.resumption.listing import Entry
from ragnb.routing.budgets import Allowance

Tell = Callable[[Result], None]

_CHECK = "Is everything there?"


class Asking:
    """Asks the questions of one run."""

    def __init__(self, answering: Answering, run: str, k: int, allowance: Allowance | None = None) -> None:
        self._answering = answering if allowance is None else _within(answering, allowance)
        self._k = k
        self._prefix = f"report/{run}/"
        self._locator = Locator(answering.engine.retriever.store)
        before = [one for one in answering.journal.answers().entries if one.key.startswith(self._prefix)]
        self._there = self._latest(before)
        if allowance is not None:
            allowance.settle(0.0, sum(one.cost or 0.0 for one in before))
        self._busy = 0  # answers under way
        self._one_ended = asyncio.Event()  # another one each time
        self._in_turn = asyncio.Lock()
        self._end: RagnbError | None = None
        self.taken_over: set[str] = set()

    def _latest(self, before: Sequence[Entry]) -> dict[str, tuple[int, Entry]]:
        """The latest answer of each question that was asked before, and its number."""
        found: dict[str, tuple[int, Entry]] = {}
        for entry in before:
            question, _, number = entry.key.removeprefix(self._prefix).rpartition("/")
            if number.isdecimal():
                found[question] = (int(number), entry)
        return found

    async def all(self, questions: Sequence[Question], at_once: int, tell: Tell) -> list[Result]:
        """What becomes of each question, in their order.

        What ends all questions, such as a wrong key or a budget that is spent, is raised where it left none
        with an answer.
        """
        for question in questions:
            keys.checked(self._key(question, 0))
        await found_now(self._answering.engine, _CHECK, 1, _searched(Rewritten(question=_CHECK)))
        await asyncio.to_thread(self._answering.engine.llm.warm_up)
        results = await each(questions, self._one, at_once, lambda _, became: tell(became))
        if self._end is not None and not any(one.has_answer for one in results):
            raise self._end
        return results

    async def _one(self, question: Question) -> Result:
        if self._end is not None:
            return not_asked(question, str(self._end))
        located = await asyncio.to_thread(self._locator.locate, question) if question.gold else Located()
        try:
            answer = await self._answer(question)
            if _is_refused(answer):
                answer = await self._answer_in_turn(question, answer)
        except InvalidInputError as error:  # too long, for example: the others are asked all the same
            return failed(question, str(error))
        end = answer.last(Failed)
        if end is not None and end.fault in HOPELESS:
            self._end = _error(end)
        return (
            not_asked(question, str(self._end))
            if _is_refused(answer)
            else result(question, located, answer)
        )

    async def _answer(self, question: Question) -> Answer:
        self._busy += 1
        try:
            return await ended(await self._taken(question))
        finally:
            self._busy -= 1
            self._one_ended.set()
            self._one_ended = asyncio.Event()

    async def _answer_in_turn(self, question: Question, answer: Answer) -> Answer:
        """Again and again what a budget left no room for: others that are under way have more set aside for
        them than they cost. Where none is, the budget is spent."""
        async with self._in_turn:
            while _is_refused(answer) and self._end is None:
                is_alone = not self._busy
                if not is_alone:
                    await self._one_ended.wait()
                answer = await self._answer(question)
                end = answer.last(Failed)
                if is_alone and end is not None and _is_refused(answer):
                    self._end = _error(end)
        return answer

    async def _taken(self, question: Question) -> Taken:
        number, entry = self._there.get(question.id, (0, None))
        if entry is not None:
            answer = self._answering.journal.answer(entry.id)
            if not await self._still_holds(question, answer):
                number += 1
            elif entry.status in ("cancelled", "failed") and answer.text:
                return self._answering.resume(entry.id)
            elif entry.status == "finished":
                self.taken_over.add(question.id)
        return self._answering.ask(question.question, self._k, None, self._key(question, number))

    async def _still_holds(self, question: Question, answer: Answer) -> bool:
        """Whether the same would be asked now, of the same passages."""
        engine, started = self._answering.engine, answer.first(Started)
        if started is None or (started.question, started.k) != (question.question, self._k):
            return False
        if started.configured != engine.configured:
            return False
        if answer.first(Retrieved) is None:
            return True
        so_far = _searched(*answer.all(Rewritten))
        now, _ = await found_now(engine, question.question, self._k, so_far)
        # With the same candidates, another order is chance: a reranker may have had less time.
        if _texts(now) == _texts(answer.candidates):
            return True
        return _texts(now[: self._k]) == _texts(answer.sources)

    def _key(self, question: Question, number: int) -> str:
        return f"{self._prefix}{question.id}/{number}"


def _within(answering: Answering, allowance: Allowance) -> Answering:
    engine = answering.engine
    return Answering(replace(engine, accounts=engine.accounts.within(allowance)), answering.journal)


def _searched(*rewritten: Rewritten) -> Answer:
    """An answer that is as far as the words to search for, so that no model is asked for them."""
    answer = Answer()
    for one in rewritten:
        answer.append(one)
    return answer


def _is_refused(answer: Answer) -> bool:
    """Whether a budget left no room for it."""
    end = answer.last(Failed)
    return end is not None and end.error == BudgetError.__name__ and not answer.text


def _error(end: Failed) -> RagnbError:
    return from_failure(end.error, end.message, end.advice, end.fault)


def _texts(hits: Sequence[Hit]) -> set[tuple[str, str]]:
    return {(hit.chunk.document, hit.chunk.text) for hit in hits}
