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
from ragnb.errors import InvalidInputError, RagnbError, from_failure
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
        self._is_short = False  # of money
        self._end: RagnbError | None = None
        self.taken_over = 0

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

        Where a budget leaves no room for a question while others are under way, it is asked once more when
        they have ended. What ends all questions, such as a wrong key, is raised where it left none with an
        answer.
        """
        for question in questions:
            keys.checked(self._key(question, 0))
        await found_now(self._answering.engine, "Is everything there?", 1)
        await asyncio.to_thread(self._answering.engine.llm.warm_up)

        def told(_: Question, became: Result) -> None:
            if became.status != "not asked":
                tell(became)

        results = await each(questions, self._one, at_once, told)
        for place, question in enumerate(questions):
            if results[place].status == "not asked":
                self._is_short = False
                if self._end is None:
                    results[place] = await self._one(question, alone=True)
                elif not any(one.has_answer for one in results):
                    raise self._end
                else:
                    results[place] = not_asked(question, str(self._end))
                tell(results[place])
        if self._end is not None and not any(one.has_answer for one in results):
            raise self._end
        return results

    async def _one(self, question: Question, alone: bool = False) -> Result:
        if self._end is not None or self._is_short:
            return not_asked(question)
        located = await asyncio.to_thread(self._locator.locate, question) if question.gold else Located()
        try:
            answer = await ended(await self._taken(question))
        except InvalidInputError as error:  # too long, for example: the others are asked all the same
            return failed(question, str(error))
        end = answer.last(Failed)
        if end is not None and end.error == "BudgetError" and not answer.text:
            if not alone:
                self._is_short = True
                return not_asked(question)
            self._end = from_failure(end.error, end.message, end.advice, end.fault)
            return not_asked(question, str(self._end))
        if end is not None and end.fault in HOPELESS:
            self._end = from_failure(end.error, end.message, end.advice, end.fault)
        return result(question, located, answer)

    async def _taken(self, question: Question) -> Taken:
        number, entry = self._there.get(question.id, (0, None))
        if entry is not None:
            answer = self._answering.journal.answer(entry.id)
            if not await self._still_holds(question, answer):
                number += 1
            elif entry.status in ("cancelled", "failed") and answer.text:
                return self._answering.resume(entry.id)
            elif entry.status == "finished":
                self.taken_over += 1
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
        so_far = Answer()
        for rewritten in answer.all(Rewritten):
            so_far.append(rewritten)
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


def _texts(hits: Sequence[Hit]) -> set[tuple[str, str]]:
    return {(hit.chunk.document, hit.chunk.text) for hit in hits}
