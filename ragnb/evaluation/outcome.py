"""What became of one question."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ragnb.answer import Answer
from ragnb.documents import Hit
from ragnb.evaluation.citing import precision_and_recall
from ragnb.evaluation.declining import declines
from ragnb.evaluation.gold import Located
from ragnb.evaluation.judge import Verdict
from ragnb.evaluation.questions import Question
from ragnb.events import Failed

SECONDS = ("sources", "first token", "total")


class Outcome(Struct, frozen=True):
    """A question, its answer, and what was measured.

    ``values`` holds the measures that apply to the question, from 0 to 1, ``seconds`` the times from the
    question to the sources, the first token and the end. ``missing`` names gold that is not in the index,
    ``error`` says why there is no answer; what depends on either is not in ``values``. ``answer`` is None
    where only the retrieval was looked at. ``cost`` is in USD, None where it is unknown.
    """

    question: Question
    hits: tuple[Hit, ...]
    values: dict[str, float]
    seconds: dict[str, float]
    answer: Answer | None = None
    declined: bool | None = None
    verdict: Verdict | None = None
    missing: tuple[str, ...] = ()
    error: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None

    def __str__(self) -> str:
        asked = self.question
        lines = [f"{asked.id}  {asked.question}"]
        lines += [f"  expected: {expected}"] if (expected := _expected(asked)) else []
        lines += [f"  gold:     {gold.document}: “{gold.quote}”" for gold in asked.gold if gold.quote]
        if self.answer is not None:
            lines.append(f"  answer:   {' '.join(self.answer.text.split()) or self.error}")
        measured = ", ".join(f"{name} {value:.2f}" for name, value in self.values.items())
        lines += [f"  {measured}"] if measured else []
        return "\n".join(lines)

    __repr__ = __str__


def _expected(question: Question) -> str:
    return "that there is no answer" if question.answerable is False else question.answer


def outcome(
    question: Question,
    located: Located,
    ranked: dict[str, float],
    answer: Answer,
    verdict: Verdict | None = None,
) -> Outcome:
    """What an answer is worth. ``ranked`` are the measures of its ranking."""
    failed = answer.last(Failed)
    error = f"{failed.message} {failed.advice}".strip() if failed else ""
    if answer.status == "cancelled":
        error = "It was cancelled."
    declined = None if error else declines(answer)
    values = dict(ranked)
    if declined is not None:
        values |= _answered(question, located, answer, declined)
    if verdict is not None and verdict.score is not None:
        values["judged"] = verdict.score
    timing, usage = answer.timing, answer.usage
    measured = zip(SECONDS, (timing.retrieval, timing.ttft, timing.total), strict=True)
    return Outcome(
        question=question,
        hits=answer.candidates,
        values=values,
        seconds={} if error else {name: value for name, value in measured if value is not None},
        answer=answer,
        declined=declined,
        verdict=verdict,
        missing=located.missing,
        error=error,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost=answer.cost,
    )


def _answered(question: Question, located: Located, answer: Answer, declined: bool) -> dict[str, float]:
    values: dict[str, float] = {}
    if located.is_whole and located.quotes:
        precision, recall = precision_and_recall(answer, located)
        if precision is not None:
            values["citation precision"] = precision
        values["citation recall"] = recall
        values["correct"] = float(recall == 1.0 and not declined)
    if question.answerable is False:
        values["correct"] = float(declined)
    if question.answerable is not None:
        values["declined"] = float(declined)
    return values


def retrieved(
    question: Question, located: Located, ranked: dict[str, float], hits: Sequence[Hit], seconds: float
) -> Outcome:
    """What a retrieval is worth, without an answer."""
    return Outcome(
        question=question,
        hits=tuple(hits),
        values=ranked,
        seconds={SECONDS[0]: seconds},
        missing=located.missing,
    )
