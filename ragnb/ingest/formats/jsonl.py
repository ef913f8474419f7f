"""JSON: the records of a JSON Lines file one by one, and plain JSON files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ragnb.documents import NOWHERE, Block, Document, Locator
from ragnb.errors import IngestError
from ragnb.ingest.formats.text import decode, encoding_of, title_from
from ragnb.ingest.loaders import loader

_PROSE = ("text", "content", "body", "page_content", "passage", "abstract", "description", "summary")
_TITLES = ("title", "headline", "subject", "heading")
_LONGEST_TITLE = 300


@loader(".jsonl", ".ndjson")
def load_json_lines(path: Path) -> Iterator[Document]:
    """One document a file, read line by line: a record's title is a heading, its text prose, its other
    fields a list of ``key: value``. ``locator.rows`` is the line.

    Lines that are no JSON are left out. Where all are, reading the blocks raises `IngestError`.
    """
    encoding = encoding_of(path)
    yield Document(title=title_from(path), source=path.as_posix(), blocks=_lines(path, encoding))


@loader(".json")
def load_json(path: Path) -> Iterator[Document]:
    """One document a file. In a list of records ``locator.rows`` is the place in the list, from 1;
    an object's fields have no locator."""
    text = decode(path.read_bytes())
    try:
        value = json.loads(text) if text.strip() else []
    except ValueError as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "its numbers"
        raise IngestError(
            f"It is no JSON: see {where}.", "If each line is a record, name it .jsonl."
        ) from error
    except RecursionError as error:
        raise IngestError("It is nested too deeply to be read.") from error
    title = _titled(value) or title_from(path)
    yield Document(title=title, source=path.as_posix(), blocks=_value(value))


def _lines(path: Path, encoding: str) -> Iterator[Block]:
    bad = 0
    has_good = is_titled = False
    with path.open(encoding=encoding, errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                bad = bad or number
                continue
            has_good = True
            yield from _record(record, Locator(rows=(number, number)), is_titled)
            is_titled = bool(_titled(record))
    if bad and not has_good:
        raise IngestError(
            f"None of its lines is JSON; the first bad one is line {bad}.",
            "A JSON Lines file has one record a line; if it is one JSON value, name it .json.",
        )


def _value(value: Any) -> Iterator[Block]:
    if isinstance(value, dict):
        fields = {key: inner for key, inner in value.items() if isinstance(inner, dict | list)}
        plain = {key: inner for key, inner in value.items() if key not in fields}
        yield from _body(plain, NOWHERE)
        for key, inner in fields.items():  # a block each: large ones are split, small ones packed
            yield from _body({key: inner}, NOWHERE)
        return
    is_titled = False
    for number, record in enumerate(value if isinstance(value, list) else [value], start=1):
        yield from _record(record, Locator(rows=(number, number)), is_titled)
        is_titled = bool(_titled(record))


def _record(record: Any, locator: Locator, after_titled: bool) -> Iterator[Block]:
    title = _titled(record)
    if title or after_titled:  # an empty heading ends the section of the record before
        yield Block(title, "heading", 1, locator)
    yield from _body(record, locator)


def _body(record: Any, locator: Locator) -> Iterator[Block]:
    """The fields of a record as lines, which may be split between them, then its text as prose."""
    fields = record if isinstance(record, dict) else {"": record}
    prose = next((key for key in _PROSE if _is_text(fields.get(key))), "")
    if isinstance(record, str):
        fields, prose = {"text": record}, "text"
    title = next((key for key in _TITLES if _titled({key: fields.get(key)})), "")
    rest = {key: value for key, value in fields.items() if key not in (prose, title) or not key}
    lines = [f"{key}: {text}" if key else text for key, text in _flat(rest)]
    if lines:
        yield Block("\n".join(lines), "list", locator=locator)
    if prose:
        yield Block(fields[prose].strip(), locator=locator)


def _titled(record: Any) -> str:
    """The title of a record, empty if it has none."""
    if not isinstance(record, dict):
        return ""
    for key in _TITLES:
        if _is_text(record.get(key)) and len(record[key]) <= _LONGEST_TITLE:
            return " ".join(record[key].split())
    return ""


def _flat(value: Any) -> Iterator[tuple[str, str]]:
    """The values within a value, with the path of keys to each; lists of plain values are joined."""
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, list) and any(isinstance(one, dict | list) for one in item):
            item = {str(number): one for number, one in enumerate(item, start=1)}
        if isinstance(item, dict):
            inner = [(f"{path}.{key}" if path else str(key), one) for key, one in item.items()]
            stack.extend(reversed(inner))
            continue
        text = ", ".join(map(_plain, item)) if isinstance(item, list) else _plain(item)
        if text:
            yield path, text


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return " ".join(value.split()) if isinstance(value, str) else json.dumps(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
