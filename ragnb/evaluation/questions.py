"""Questions with known answers, and the files that they are kept in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ragnb.errors import InvalidInputError

_SHOWN = 20
_NAMED = 10  # broken lines that a message names


class Gold(Struct, frozen=True):
    """Words that support the answer, as they stand in the visible text of ``document``; without them, the
    document as a whole. ``grade`` is how relevant it is, 1 or more."""

    document: str
    quote: str = ""
    grade: int = 1


class Question(Struct, frozen=True):
    """A question and what is known of its answer.

    ``answerable`` is False for one that the documents do not answer, and None where nothing is known: then
    only times and cost are measured. ``kind`` groups questions in tables, ``split`` tells those for
    choosing settings from those for measuring them.
    """

    id: str
    question: str
    kind: str = ""
    answer: str = ""
    gold: tuple[Gold, ...] = ()
    answerable: bool | None = None
    split: str = ""

    def to_dict(self) -> dict[str, Any]:
        """What stands on a line of a file."""
        documents, quotes = [one.document for one in self.gold], [one.quote for one in self.gold]
        line: dict[str, Any] = {"id": self.id, "kind": self.kind, "question": self.question}
        line["answer"] = self.answer
        if self.gold or self.answerable is False:
            line["document"] = _one_or_list(documents)
            line["quote"] = _one_or_list(quotes) if any(quotes) else None
        line["split"] = self.split
        return line


class QuestionList(list[Question]):
    """Questions; displays itself as a table."""

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write them as JSON Lines, to be edited by hand.

        Raises `InvalidInputError` if the file is there already: somebody may have edited it.
        """
        path = Path(path)
        if path.exists() and not overwrite:
            raise InvalidInputError(f"{path} is there already.", "Pass overwrite=True, or another name.")
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps(one.to_dict(), ensure_ascii=False) for one in self)
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")

    def __str__(self) -> str:
        lines = [f"{one.id}  {one.question}" for one in self[:_SHOWN]]
        more = [f"… and {len(self) - _SHOWN:,} more"] if len(self) > _SHOWN else []
        return "\n".join(lines + more) or "No questions."

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in _COLUMNS)
        rows = "".join(f"<tr>{''.join(map(_cell, _row(one)))}</tr>" for one in self[:_SHOWN])
        more = f"<div>… and {len(self) - _SHOWN:,} more</div>" if len(self) > _SHOWN else ""
        return f"<table><tr>{head}</tr>{rows}</table>{more}" if self else "<div>No questions.</div>"


_COLUMNS = ("id", "kind", "question", "answer", "document", "quote")


def _row(one: Question) -> tuple[str, ...]:
    documents = dict.fromkeys(gold.document for gold in one.gold)
    quotes = " … ".join(gold.quote for gold in one.gold)
    return one.id, one.kind, one.question, one.answer, ", ".join(documents), quotes


def _cell(text: str) -> str:
    return f"<td style='text-align:left'>{escape(text)}</td>"


def read_questions(path: str | Path) -> QuestionList:
    """The questions of a JSON Lines file: ``question``, and where known ``id``, ``kind``, ``answer``,
    ``document``, ``quote``, ``split``.

    ``document`` and ``quote`` are texts or lists of the same length; both null say that the documents do
    not answer the question. Other fields are left alone. Raises `InvalidInputError`, with the numbers of
    the lines, for a file that cannot be read so.
    """
    path = Path(path)
    try:
        lines = path.read_text("utf-8-sig").split("\n")  # a text may hold what splitlines() breaks at
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(
            f"The questions in {path} cannot be read: {getattr(error, 'strerror', None) or error}.",
            "Pass a JSON Lines file in UTF-8, or a BEIR folder.",
        ) from error
    numbered = [(f"line {number}", line) for number, line in enumerate(lines, 1) if line.strip()]
    return _checked(((place, _json(line)) for place, line in numbered), str(path))


def as_questions(given: Iterable[Question | Mapping[str, Any] | str]) -> QuestionList:
    """Questions from what stands for them: `Question` objects, rows of a file, or texts.

    Raises `InvalidInputError` for what is none of these.
    """
    return _checked(((f"item {n}", one) for n, one in enumerate(given, 1)), "The list of questions")


def _checked(items: Iterator[tuple[str, Any]], where: str) -> QuestionList:
    found, broken = QuestionList(), []
    places: dict[str, str] = {}
    total = 0
    for place, item in items:
        total += 1
        try:
            one = _question(item, place.rpartition(" ")[2])
        except ValueError as error:
            broken.append(f"{place}: {error}")
            continue
        if one.id in places:
            broken.append(f"{place}: the id {one.id!r} is that of {places[one.id]} too")
        places.setdefault(one.id, place)
        found.append(one)
    if broken:
        more = f"; and {len(broken) - _NAMED:,} more" if len(broken) > _NAMED else ""
        raise InvalidInputError(
            f"{where} has {len(broken):,} of {total:,} questions that cannot be used: "
            f"{'; '.join(broken[:_NAMED])}{more}.",
            'A question is written like {"id": "q1", "question": "…", "answer": "…", "document": "a.md", '
            '"quote": "…"}; document and quote are null where there is no answer.',
        )
    if not found:
        raise InvalidInputError(f"{where} holds no questions.", "Put one on each line, as a JSON object.")
    return found


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        return error


def _question(item: Any, default_id: str) -> Question:
    """Raises ValueError, in words, for what is no question."""
    if isinstance(item, ValueError):
        raise ValueError(f"is no JSON ({item})")
    if isinstance(item, Question):
        if not item.question.strip():
            raise ValueError("the question is empty")
        return item if item.id else replace(item, id=default_id)
    if isinstance(item, str):
        item = {"question": item}
    if not isinstance(item, Mapping):
        raise ValueError(f"is a {type(item).__name__} and no object")
    texts = {name: _text(item, name) for name in ("question", "kind", "answer", "split")}
    if not texts["question"]:
        raise ValueError('"question" is missing or empty')
    identity = item.get("id", default_id)
    if not isinstance(identity, (str, int)) or isinstance(identity, bool) or identity == "":
        raise ValueError('"id" is neither text nor number')
    gold = _gold(_texts(item, "document"), _texts(item, "quote"))
    says_none = "document" in item and not gold
    is_known = gold or (texts["answer"] and texts["answer"].casefold() != "no answer")
    answerable = True if is_known and not says_none else False if says_none else None
    return Question(id=str(identity), gold=gold, answerable=answerable, **texts)


def _gold(documents: list[str], quotes: list[str]) -> tuple[Gold, ...]:
    if quotes and not documents:
        raise ValueError('there is a "quote" without a "document"')
    if len(documents) == 1:
        return tuple(Gold(documents[0], quote) for quote in quotes or [""])
    if quotes and len(quotes) != len(documents):
        raise ValueError(f"there are {len(documents)} documents and {len(quotes)} quotes")
    return tuple(Gold(*pair) for pair in zip(documents, quotes or [""] * len(documents), strict=True))


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f'"{name}" is no text')
    return (value or "").strip()


def _texts(item: Mapping[str, Any], name: str) -> list[str]:
    value = item.get(name)
    values = [] if value is None or value == "" else [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) and one.strip() for one in values):
        raise ValueError(f'"{name}" is neither a text nor a list of texts')
    return values


def _one_or_list(values: list[str]) -> str | list[str] | None:
    return None if not values else values[0] if len(values) == 1 else values
