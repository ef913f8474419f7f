"""What became of one question of a report: a line of its JSON Lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ragnb.answer import Answer
from ragnb.display import words
from ragnb.evaluation.gold import Located
from ragnb.evaluation.outcome import outcome
from ragnb.evaluation.questions import Question
from ragnb.events import Retrying, Used

Status = Literal["answered", "declined", "failed", "not asked"]


class Source(Struct, frozen=True, omit_defaults=True):
    """A passage that the answer cites, and the words that it takes from it."""

    number: int
    title: str
    place: str = ""
    source: str = ""
    quotes: tuple[str, ...] = ()


class Spent(Struct, frozen=True, omit_defaults=True):
    """What differs between two runs that say the same. Times are in seconds; ``cost`` is in USD, None where
    it is unknown; ``trouble`` says what went wrong on the way, and was overcome."""

    answer_id: str = ""
    model: str = ""
    sources: float | None = None
    first_token: float | None = None
    total: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    estimated: bool = False
    trouble: str = ""


class Result(Struct, frozen=True, omit_defaults=True):
    """A question and its answer. ``status`` is ``declined`` for an answer that says that the documents hold
    none; ``reason`` says why there is no answer. ``values`` are the measures that apply to the question,
    see `Evaluation`; they need gold quotes."""

    id: str
    question: str
    status: Status
    kind: str = ""
    answer: str = ""
    reason: str = ""
    sources: tuple[Source, ...] = ()
    values: dict[str, float] = {}
    spent: Spent = Spent()

    @property
    def has_answer(self) -> bool:
        return self.status in ("answered", "declined")


def result(question: Question, located: Located, answer: Answer) -> Result:
    """What an answer that has ended comes to."""
    measured = outcome(question, located, {}, answer)
    cited = (source for source in words.sources(answer) if source.quotes)
    timing, usage = answer.timing, answer.usage
    status: Status = "failed" if measured.error else "declined" if measured.declined else "answered"
    return Result(
        id=question.id,
        question=words.readable(question.question),
        status=status,
        kind=question.kind,
        answer=words.readable(answer.text),
        reason=words.readable(measured.error),
        sources=tuple(
            Source(
                one.number,
                words.readable(one.title),
                words.readable(one.place),
                one.hit.chunk.source,
                tuple(words.readable(" ".join(quote.text.split())) for quote in one.quotes),
            )
            for one in cited
        ),
        values=measured.values,
        spent=Spent(
            answer_id=answer.id,
            model=answer.model,
            sources=timing.retrieval,
            first_token=timing.ttft,
            total=timing.total,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost=answer.cost if answer.last(Used) else 0.0,
            estimated=usage.estimated,
            trouble=_trouble(answer),
        ),
    )


def not_asked(question: Question, reason: str = "") -> Result:
    """A question that the run did not come to, and what ended it."""
    asked = words.readable(question.question)
    return Result(question.id, asked, "not asked", question.kind, reason=words.readable(reason))


def failed(question: Question, reason: str) -> Result:
    """A question that cannot be asked."""
    return replace(not_asked(question, reason), status="failed")


def _trouble(answer: Answer) -> str:
    """What was tried again, and how often."""
    counted = Counter(words.lost(event.fault) for event in answer.all(Retrying))
    return ", ".join(f"{what} {count} times" if count > 1 else what for what, count in counted.items())


def to_lines(results: Iterable[Result]) -> Iterator[bytes]:
    """JSON Lines, a result each."""
    return (msgspec.json.encode(one) + b"\n" for one in results)


def from_lines(lines: bytes) -> list[Result]:
    """What `to_lines` wrote. Raises `msgspec.DecodeError` for anything else."""
    decoder = msgspec.json.Decoder(Result)
    return [decoder.decode(line) for line in lines.split(b"\n") if line]
