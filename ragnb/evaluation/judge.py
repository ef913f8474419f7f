"""A model as judge of answers: any `LLM`, asked through the same interface as for answers."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from ragnb.answer import Answer
from ragnb.documents import Chunk, Hit
from ragnb.evaluation.asking import Asker
from ragnb.evaluation.questions import Question
from ragnb.events import Failed
from ragnb.llms.base import Request

_ASK = (
    "Passage 1 holds a question and what is known to be its right answer. Passage 2 is somebody's answer "
    "to it. Is that answer right? Begin with one word: correct, if it says what the right answer says, "
    "also in other words or with more beside it; partly, if something of it is missing or wrong; wrong, if "
    "it says something else or nothing. Then give the reason in one sentence."
)
_SCORES = {"correct": 1.0, "partly": 0.5, "partially": 0.5, "wrong": 0.0, "incorrect": 0.0}
# At the beginning alone: “not correct” is no praise.
_WORD = re.compile(rf"\W*(?:verdict\W+)?({'|'.join(_SCORES)})\b", re.IGNORECASE)


class Verdict(Struct, frozen=True):
    """What the judge said. ``score`` is 1, 0.5 or 0; None where it said none of the three words, or failed.
    ``cost`` is in USD, None where it is unknown."""

    answer_id: str
    judge: str
    score: float | None
    reason: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None


class Judge:
    """Judges answers, each once: verdicts are kept in a file, where there is one."""

    def __init__(self, asker: Asker, file: Path | None = None) -> None:
        self.llm = asker.llm
        self._asker = asker
        self._file = file
        self._known = {(one.answer_id, one.judge): one for one in _read(file)}

    async def verdict(self, question: Question, answer: Answer) -> Verdict | None:
        """The verdict on an answer; None where there is nothing to compare it with."""
        if not question.answer and question.answerable is not False:
            return None
        if known := self._known.get((answer.id, self.llm.name)):
            return known
        said = await self._ask(question, answer.text)
        failed = said.last(Failed)
        word = _WORD.match(said.text)
        verdict = Verdict(
            answer_id=answer.id,
            judge=self.llm.name,
            score=_SCORES[word[1].casefold()] if word and not failed else None,
            reason=failed.message if failed else " ".join(said.text.split()),
            input_tokens=said.usage.input_tokens,
            output_tokens=said.usage.output_tokens,
            cost=said.cost,
        )
        if not failed:
            self._keep(verdict)
        return verdict

    async def _ask(self, question: Question, text: str) -> Answer:
        expected = question.answer or "The documents hold no answer, and an answer should say so."
        quotes = "".join(f"\nSource: {gold.quote}" for gold in question.gold if gold.quote)
        known = f"Question: {question.question}\nRight answer: {expected}{quotes}"
        passages = (_passage(1, "Question and right answer", known), _passage(2, "Answer", text))
        return await self._asker.ask(Request(_ASK, passages))

    def _keep(self, verdict: Verdict) -> None:
        self._known[verdict.answer_id, verdict.judge] = verdict
        if self._file is not None:
            # A line of its own, also behind one that was cut off. What cannot be kept is judged again.
            with suppress(OSError), open(self._file, "ab", opener=_private) as file:
                file.write(b"\n" + msgspec.json.encode(verdict) + b"\n")


def _private(path: str, flags: int) -> int:
    """For the owner alone, as answers are."""
    return os.open(path, flags, 0o600)


def _passage(number: int, title: str, text: str) -> Hit:
    return Hit(Chunk(id=str(number), document=title, text=text, title=title), 1.0)


def _read(file: Path | None) -> list[Verdict]:
    if file is None or not file.exists():
        return []
    found = []
    for line in file.read_bytes().splitlines():
        with suppress(msgspec.DecodeError):  # a last line that was cut off is judged again
            found.append(msgspec.json.decode(line, type=Verdict))
    return found
