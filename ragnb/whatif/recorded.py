"""What is known of each question: what every tier's answer cost, or would have, and how good it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragnb.answer import Answer
from ragnb.errors import ConfigurationError, InvalidInputError
from ragnb.evaluation.result import Evaluation
from ragnb.events import Token, Used
from ragnb.llms import prompt
from ragnb.llms.base import Request, Usage
from ragnb.routing.hold import refuses
from ragnb.routing.labels import signals_of
from ragnb.routing.prices import Prices
from ragnb.routing.signals import signals
from ragnb.routing.tiers import Tier
from ragnb.whatif.traffic import Speed

Recording = Evaluation | Iterable[Answer]
Given = Recording | Mapping[str, Recording]

CHARACTERS_PER_TOKEN = 4
_BEGINNING = 200  # characters in which a refusal shows


@dataclass(frozen=True, slots=True)
class Try:
    """An answer by a tier. ``quality`` is from 0 to 1, None where it is not known; ``first`` and ``total``
    are seconds from the question on, None likewise. ``is_recorded`` says that this tier gave it; else its
    cost is another tier's tokens at this tier's price."""

    cost: float
    quality: float | None = None
    first: float | None = None
    total: float | None = None
    declined: bool = False
    is_recorded: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A question with its signals, and what each tier makes of it, by name. ``tokens`` is how much is to be
    read."""

    id: str
    question: str
    kind: str
    signals: dict[str, float]
    tokens: int
    tries: dict[str, Try]

    @property
    def is_measured(self) -> bool:
        """Whether the quality of every tier's answer is known."""
        return all(one.quality is not None for one in self.tries.values())


@dataclass(frozen=True, slots=True)
class _Line:
    """One question of one recording."""

    id: str
    question: str
    kind: str
    signals: dict[str, float]
    usage: Usage
    answer: Answer | None
    quality: float | None
    retrieval: float


def cases(
    given: Given, tiers: Sequence[Tier], measure: str, speeds: Mapping[str, Speed], output_tokens: int
) -> list[Case]:
    """The questions that were recorded. Raises `InvalidInputError` where there are none, or where they are
    those of no tier; `ConfigurationError` for a tier without a price."""
    names = [tier.name for tier in tiers]
    by_tier: dict[str, dict[str, _Line]] = {}
    if isinstance(given, Mapping):
        if unknown := [name for name in given if name not in names]:
            raise InvalidInputError(
                f"There are answers of {unknown[0]!r}, which is no tier.", f"The tiers: {', '.join(names)}."
            )
        by_tier = {name: _lines(one, measure, output_tokens) for name, one in given.items()}
    else:
        own = {_model(tier): tier.name for tier in tiers}
        for key, line in _lines(given, measure, output_tokens).items():
            model = line.answer.model if line.answer is not None else ""
            by_tier.setdefault(own.get(model, ""), {})[key] = line
    asked: dict[str, _Line] = {}
    for lines in by_tier.values():
        for key, line in lines.items():
            asked.setdefault(key, line)
    if not asked:
        raise InvalidInputError(
            "There is no answer to replay.",
            "Give an evaluation, answers that have ended, or an evaluation for each tier by its name.",
        )
    return [
        Case(
            line.id,
            line.question,
            line.kind,
            line.signals,
            line.usage.input_tokens,
            {
                tier.name: _try(tier, by_tier.get(tier.name, {}).get(key), line, speeds.get(tier.name))
                for tier in tiers
            },
        )
        for key, line in asked.items()
    ]


def _try(tier: Tier, own: _Line | None, other: _Line, speed: Speed | None) -> Try:
    line = own or other
    cost = Prices({_model(tier): tier.price} if tier.price else {}).cost(tier.llm, line.usage)
    if cost is None:
        raise ConfigurationError(
            f"The tier “{tier.name}” has no price: {_model(tier)} is not in the list.",
            "Give it one in USD per million tokens: Tier(…, price=Price(0.40, 1.60)).",
        )
    first = total = None
    if speed is not None:
        first = line.retrieval + speed.first
        total = first + line.usage.output_tokens / speed.tokens_per_second
    elif own is not None and own.answer is not None:
        first, total = own.answer.timing.ttft, own.answer.timing.total
    if own is None or own.answer is None:
        return Try(cost, None, first, total)
    declined = refuses(own.answer.text[:_BEGINNING])
    return Try(cost, own.quality, first, total, declined, is_recorded=True)


def _lines(given: Recording, measure: str, output_tokens: int) -> dict[str, _Line]:
    if isinstance(given, Evaluation):
        name = measure or next((one for one in ("judged", "correct") if one in given.measures), "")
        values = given.values(name) if name else {}
        return {
            one.question.id: _Line(
                one.question.id,
                one.question.question,
                one.question.kind,
                signals_of(one.answer)
                if one.answer
                else signals(one.question.question, one.hits, one.hits[: given.k]),
                _usage(one.question.question, one.hits[: given.k], one.answer, output_tokens),
                one.answer,
                values.get(one.question.id),
                one.seconds.get("sources", 0.0),
            )
            for one in given
            if not one.error
        }
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise InvalidInputError(
            f"{type(given).__name__} is nothing that can be replayed.",
            "Give an evaluation or answers. Passages for a file of questions are found by "
            "rag.evaluate(file, retrieval_only=True).",
        )
    answers = list(given)
    if strange := [one for one in answers if not isinstance(one, Answer)]:
        raise InvalidInputError(
            f"{strange[0]!r:.60} is no answer.",
            "Give answers, such as rag.answers(). For questions, evaluate them: "
            "rag.evaluate(questions, retrieval_only=True).",
        )
    times: Counter[str] = Counter()
    found = {}
    for one in answers:
        if one.status != "finished":
            continue
        times[one.question] += 1
        key = f"{one.question} ({times[one.question]})" if times[one.question] > 1 else one.question
        found[key] = _Line(
            key,
            one.question,
            "",
            signals_of(one),
            _usage(one.question, one.sources, one, output_tokens),
            one,
            None,
            one.timing.retrieval or 0.0,
        )
    return found


def _usage(question: str, hits: Sequence[Any], answer: Answer | None, output_tokens: int) -> Usage:
    """Of the model that answered, as its provider counted, else four characters a token."""
    used = [one for one in answer.all(Used) if one.model == answer.model] if answer is not None else []
    if any(one.input_tokens for one in used):
        return Usage(
            sum(one.input_tokens for one in used),
            sum(one.output_tokens for one in used),
            sum(one.cached_tokens for one in used),
        )
    request = Request(question, tuple(hits))
    said = len(prompt.system(request, citing=False)) + len(prompt.user(request))
    written = sum(1 for _ in answer.all(Token)) if answer is not None else output_tokens
    return Usage(said // CHARACTERS_PER_TOKEN, written)


def _model(tier: Tier) -> str:
    return tier.llm if isinstance(tier.llm, str) else tier.llm.name
