"""Rows of cells as Markdown tables, alike for all formats that have them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

Row = tuple[int, Sequence[str]]  # its number, from 1, and its cells

PEEKED = 12  # rows from which a table's header is told
_ROWS = 50
_CHARACTERS = 20_000
_SPACE = re.compile(r"\s+")
_NUMBER = re.compile(r"[-+−(]?[€$£¥]?\s?\d[\d.,'’\s]*(?:[eE][-+]?\d+)?\s?[%€$£¥)]?")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?|\d{1,2}:\d{2}(?::\d{2})?")
_YEAR = re.compile(r"(?:19|20)\d{2}")


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table, the first one being its header; short rows are filled up."""
    width = max(map(len, rows))
    lines = [
        "| " + " | ".join(_cell(row[n]) if n < len(row) else "" for n in range(width)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + " --- |" * width)
    return "\n".join(lines)


def column_name(index: int) -> str:
    """The spreadsheet's name of a column, counted from 0: A, B, …, Z, AA."""
    name = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        name = chr(ord("A") + letter) + name
    return name


def has_header(rows: Sequence[Row]) -> bool:
    """Whether the first of some rows names the columns of the others, as far as one can tell."""
    cells = [cell for cell in rows[0][1] if cell.strip()]
    values = [cell for cell in cells if is_value(cell)]
    if not values:
        return len(cells) * 2 >= len(rows[0][1])
    # “Country, 2024, 2025”: years name columns, unless the rows below have years there, too
    if len(values) == len(cells) or len(set(values)) < len(values) or len(rows) < 2:
        return False
    below = rows[1][1]
    return all(_YEAR.fullmatch(value.strip()) for value in values) and not any(
        is_value(cell) and _YEAR.fullmatch(below[n].strip())
        for n, cell in enumerate(rows[0][1])
        if n < len(below)
    )


def is_value(cell: str) -> bool:
    """Whether a cell holds a number, a date or a time, and no words."""
    text = cell.strip()
    return bool(_NUMBER.fullmatch(text) or _DATE.fullmatch(text))


def titles(rows: list[Row]) -> list[Row]:
    """The rows above a table's header that have one cell, where the table below has more."""
    above: list[Row] = []
    for number, row in enumerate(rows):
        if filled(row[1]) > 1:
            return above
        if not any(filled(later[1]) > 1 for later in rows[number + 1 :]):
            return []
        above.append(row)
    return []


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows that share a block: about fifty, fewer where they are long."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(map(len, row[1]))
        if len(batch) == _ROWS or size > _CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def filled(row: Sequence[str]) -> int:
    """The number of cells that hold something."""
    return sum(1 for cell in row if cell.strip())


def _cell(text: str) -> str:
    return _SPACE.sub(" ", text).strip().replace("|", "\\|")
