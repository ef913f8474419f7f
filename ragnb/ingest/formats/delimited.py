"""Delimited text: CSV and TSV."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from ragnb.documents import Block, Document, Locator
from ragnb.errors import IngestError
from ragnb.ingest.formats import tables
from ragnb.ingest.formats.tables import Row
from ragnb.ingest.formats.text import encoding_of, title_from
from ragnb.ingest.loaders import loader

_SAMPLE = 1 << 16
_LONGEST_CELL = 1 << 24
_DELIMITERS = ",;\t|"
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
_COMMA = re.compile(r",(?!\d)|(?<!\d),")  # one that is not within a number


@loader(".csv", ".tsv", ".tab")
def load_delimited(path: Path) -> Iterator[Document]:
    """One document a file, in tables of about fifty records; memory stays flat.

    ``locator.rows`` are those of the records (the header, mostly row 1, is repeated above them); blank
    lines count, as they do in a spreadsheet.
    """
    encoding = encoding_of(path)
    yield Document(
        title=title_from(path),
        source=path.as_posix(),
        blocks=_blocks(path, encoding, _delimiter(path, encoding)),
    )


def _blocks(path: Path, encoding: str, delimiter: str) -> Iterator[Block]:
    rows = ((number, row) for number, row in _records(path, encoding, delimiter) if tables.filled(row))
    peeked = list(islice(rows, tables.PEEKED))
    for number, row in tables.titles(peeked):
        yield Block(" ".join(" ".join(row).split()), locator=Locator(rows=(number, number)))
        peeked.pop(0)
    if not peeked:
        return
    header: Sequence[str] = ()
    if tables.has_header(peeked):
        number, header = peeked.pop(0)
        if not peeked:
            yield Block(tables.table([header]), "table", locator=Locator(rows=(number, number)))
            return
    for batch in tables.batches(chain(peeked, rows)):
        width = max(len(header), *(len(row) for _, row in batch))
        names = [*header, *(tables.column_name(n) for n in range(len(header), width))]
        first, last = batch[0][0], batch[-1][0]
        yield Block(
            tables.table([names, *(row for _, row in batch)]), "table", locator=Locator(rows=(first, last))
        )


def _records(path: Path, encoding: str, delimiter: str) -> Iterator[Row]:
    # The limit is the process's; a lower one would refuse records that hold whole articles.
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    number = 0
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        if not _SEPARATOR_LINE.fullmatch(file.readline(16)):
            file.seek(0)
        try:
            for number, record in enumerate(csv.reader(file, delimiter=delimiter), start=1):
                yield number, record
        except csv.Error as error:
            raise IngestError(
                f"The record after row {number} cannot be read: {error}.",
                "Look for a quotation mark that is opened and never closed.",
            ) from error


def _delimiter(path: Path, encoding: str) -> str:
    """The character that cuts most of the first records into the same number of cells."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        sample = file.read(_SAMPLE)
    if declared := _SEPARATOR_LINE.match(sample):
        return declared[1]
    lines = sample.splitlines(keepends=True)
    if len(sample) == _SAMPLE and len(lines) > 1:
        lines.pop()
    scores = {delimiter: _evenness(lines, delimiter) for delimiter in _DELIMITERS}
    if not _COMMA.search(sample) and scores[";"][0] >= scores[","][0]:
        scores[","] = (0.0, 0)  # every comma is a decimal one
    best = max(scores, key=lambda delimiter: scores[delimiter])
    if scores[best][0] == 0:
        return "," if path.suffix.lower() == ".csv" else "\t"
    return best


def _evenness(lines: list[str], delimiter: str) -> tuple[float, int]:
    """The share of records that have the most frequent number of cells above one, and that number."""
    try:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
    except csv.Error:
        return 0.0, 0
    width, count = max(widths.items(), key=lambda pair: (pair[0] > 1, pair[1]), default=(1, 0))
    return (count / widths.total(), width) if width > 1 else (0.0, 0)
