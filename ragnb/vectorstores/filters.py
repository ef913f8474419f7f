"""Metadata filters: ``{"lang": "en", "year": {"gte": 2024}}``, alike in every store.

All conditions must hold. A key is a name of the metadata, or ``source`` or ``title``. A condition is

- a value: equal to it (2024 and 2024.0 are the same number);
- a list: any of these;
- ``{"gt", "gte", "lt", "lte": bound}``: numbers, or dates (ISO 8601 texts or `datetime.date`). A bound
  such as "2024" or "2024-05" or "2024-05-17" means the whole year, month or day: ``lte`` includes its
  end. A time without a zone is UTC;
- ``{"not": value or list}``: none of these.

A chunk that has no value under the key, or one of another type, fits no condition on it, not even
``not``.
"""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal

from msgspec import Struct

from ragnb.documents import Chunk
from ragnb.errors import InvalidInputError

Filter = Mapping[str, Any]

Kind = Literal["text", "number", "date"]
Fields = dict[str, dict[str, Any]]


class AnyOf(Struct, frozen=True):
    """The value is one of these, which are all texts or all numbers."""

    key: str
    kind: Kind
    values: tuple[Any, ...]


class NoneOf(Struct, frozen=True):
    """There is a value of this kind, and it is none of these."""

    key: str
    kind: Kind
    values: tuple[Any, ...]


class Between(Struct, frozen=True):
    """The number, or the date in seconds since 1970, is within the bounds."""

    key: str
    kind: Kind
    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None


Condition = AnyOf | NoneOf | Between

_BOUNDS = ("gt", "gte", "lt", "lte")
_ALLOWED = (
    "A condition is a text or a number, a list of either, or a dict of “gt”, “gte”, “lt”, “lte” and “not”, "
    'as in {"lang": ["en", "de"], "year": {"gte": 2024}, "status": {"not": "draft"}}.'
)


def parse(where: Filter | None) -> tuple[Condition, ...]:
    """The conditions of a filter; none for None and for an empty one.

    Raises `InvalidInputError` for what is no condition.
    """
    if where is None:
        return ()
    if not isinstance(where, Mapping):
        raise InvalidInputError(f"where={where!r} is no filter.", f"Pass a dict. {_ALLOWED}")
    found: list[Condition] = []
    for key, wanted in where.items():
        if not isinstance(key, str) or not key or not _is_unicode(key):
            raise InvalidInputError(f"{key!r} is no name in the metadata.", _ALLOWED)
        if isinstance(wanted, Mapping):
            found.extend(_operators(key, wanted))
        else:
            found.append(AnyOf(key, *_values(key, wanted)))
    return tuple(found)


def fits(conditions: Iterable[Condition], fields: Fields) -> bool:
    """Whether a chunk with these `fields` fits all conditions."""
    return all(_holds(condition, fields) for condition in conditions)


def fields(chunk: Chunk) -> Fields:
    """What of a chunk can be filtered by: its texts, numbers (as floats) and dates (as seconds since 1970),
    each under their `name`. A text that is a date is there as both.

    Raises `InvalidInputError` for metadata that no store can keep.
    """
    found: Fields = {"text": {}, "number": {}, "date": {}}
    for key, value in (*chunk.metadata.items(), ("source", chunk.source), ("title", chunk.title)):
        known = name(key)
        if isinstance(value, str):
            if not _is_unicode(value):
                raise _not_kept(chunk, key, "has half of a character in it (a lone surrogate)")
            found["text"][known] = value
            period = _period(value)
            if period is not None:
                found["date"][known] = period[0]
        elif _is_number(value):
            found["number"][known] = float(value)
        else:
            raise _not_kept(chunk, key, "is neither a text nor a finite number of 64 bits")
    return {kind: values for kind, values in found.items() if values}


def path(condition: Condition) -> str:
    """Where the value of a condition stands in the payload of a point that has `fields`."""
    return f"{condition.kind}.{name(condition.key)}"


def keys(conditions: Sequence[Condition]) -> dict[str, Kind]:
    """The path of each field that is asked for, and what is in it."""
    return {path(condition): condition.kind for condition in conditions}


def name(key: str) -> str:
    """The key as a plain word: in a path, dots, brackets and quotes would mean something."""
    return key if key.isascii() and key.isidentifier() else f"x-{key.encode(errors='replace').hex()}"


def _holds(condition: Condition, fields: Fields) -> bool:
    value = fields.get(condition.kind, {}).get(name(condition.key))
    if value is None:
        return False
    match condition:
        case AnyOf(values=values):
            return value in values
        case NoneOf(values=values):
            return value not in values
        case Between(gt=gt, gte=gte, lt=lt, lte=lte):
            return (
                (gt is None or value > gt)
                and (gte is None or value >= gte)
                and (lt is None or value < lt)
                and (lte is None or value <= lte)
            )


def _operators(key: str, wanted: Mapping[Any, Any]) -> list[Condition]:
    unknown = [operator for operator in wanted if operator not in (*_BOUNDS, "not")]
    if unknown or not wanted:
        what = f"knows no operator {unknown[0]!r}" if unknown else "has no operator"
        raise InvalidInputError(f"The filter on {key!r} {what}.", _ALLOWED)
    found: list[Condition] = []
    bounds = {operator: bound for operator, bound in wanted.items() if operator != "not"}
    if bounds:
        found.append(_between(key, bounds))
    if "not" in wanted:
        found.append(NoneOf(key, *_values(key, wanted["not"])))
    return found


def _values(key: str, given: Any) -> tuple[Kind, tuple[Any, ...]]:
    values = list(given) if isinstance(given, list | tuple | set | frozenset) else [given]
    if not values:
        raise InvalidInputError(f"The filter on {key!r} has an empty list.", "Give it one value or more.")
    if all(isinstance(value, str) and _is_unicode(value) for value in values):
        return "text", tuple(values)
    if all(_is_number(value) for value in values):
        return "number", tuple(float(value) for value in values)
    if any(isinstance(value, date) for value in values):
        raise InvalidInputError(
            f"The filter on {key!r} asks whether a date is equal to another.",
            'Give a range, as in {"gte": "2024-05-17", "lte": "2024-05-17"}, or the text as it is kept.',
        )
    raise InvalidInputError(
        f"The filter on {key!r} has {given!r}, which is neither texts nor (finite) numbers.", _ALLOWED
    )


def _between(key: str, given: Mapping[str, Any]) -> Between:
    if all(_is_number(bound) for bound in given.values()):
        return _narrowed(key, "number", [(operator, float(bound)) for operator, bound in given.items()])
    bounds: list[tuple[str, float]] = []
    for operator, bound in given.items():
        period = _period(bound)
        if period is None:
            raise InvalidInputError(
                f"The filter on {key!r} compares with {', '.join(map(repr, given.values()))}.",
                "Compare with numbers alone, or with dates alone (“2024-05-17”, or datetime.date).",
            )
        start, end = period
        if operator in ("gt", "lte") and end > start:
            bounds.append(({"gt": "gte", "lte": "lt"}[operator], end))
        else:
            bounds.append((operator, start))
    return _narrowed(key, "date", bounds)


def _narrowed(key: str, kind: Kind, bounds: Sequence[tuple[str, float]]) -> Between:
    """With the narrower of two bounds on the same side, as Qdrant Edge heeds only one of “gt” and “gte”."""
    kept: dict[str, float] = {}
    lower = [(bound, operator) for operator, bound in bounds if operator in ("gt", "gte")]
    if lower:
        bound, operator = max(lower, key=lambda pair: (pair[0], pair[1] == "gt"))
        kept[operator] = bound
    upper = [(bound, operator) for operator, bound in bounds if operator in ("lt", "lte")]
    if upper:
        bound, operator = min(upper, key=lambda pair: (pair[0], pair[1] == "lte"))
        kept[operator] = bound
    return Between(key, kind, **kept)


def _period(given: Any) -> tuple[float, float] | None:
    """Begin and end, in seconds since 1970, of a year, month, day or instant; None for what is no date."""
    if isinstance(given, str):
        coarse = _COARSE.fullmatch(given)
        if coarse:
            year, month = int(coarse[1]), int(coarse[2] or 1)
            if not (year >= 1 and 1 <= month <= 12):
                return None
            days = calendar.monthrange(year, month)[1] if coarse[2] else 365 + calendar.isleap(year)
            start = _seconds(datetime(year, month, 1))
            return start, start + days * _DAY
        for kind in (date, datetime):
            try:
                return _period(kind.fromisoformat(given))
            except ValueError:
                pass
        return None
    if isinstance(given, datetime):
        return _seconds(given), _seconds(given)
    if isinstance(given, date):
        start = _seconds(datetime(given.year, given.month, given.day))
        return start, start + _DAY
    return None


_COARSE = re.compile(r"(\d{4})(?:-(\d\d))?", re.ASCII)
_DAY = 86_400.0
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


def _seconds(moment: datetime) -> float:
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _BEGIN).total_seconds()


def _is_number(value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value) if isinstance(value, float) else -(2**63) <= value < 2**63


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_kept(chunk: Chunk, key: str, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"The metadata of {chunk.document} cannot be stored: {key!r} {why}.",
        "Use texts and finite numbers.",
    )
