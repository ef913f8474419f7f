"""Excel workbooks: each visible sheet's tables, row by row, as they are read."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from itertools import chain, groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ragnb.documents import Block, Document, Locator
from ragnb.ingest.formats import office, tables
from ragnb.ingest.formats.text import title_from
from ragnb.ingest.loaders import loader

if TYPE_CHECKING:
    from openpyxl import Workbook

    from ragnb.ingest.formats.tables import Row

_KIND = "Excel workbook"
_READ_AT_ONCE = 100  # rows
_PERCENT = re.compile(r'^[^;"]*?0(?:\.(0+))?\s?%')


@loader(".xlsx", ".xlsm")
def load_spreadsheet(path: Path) -> Iterator[Document]:
    """One document a workbook: a heading a sheet, then its tables in blocks of about fifty rows.

    ``locator.rows`` are numbered as the spreadsheet numbers them; the header, which is repeated above
    every block, is not among them. An empty row ends a table. Hidden sheets are left out. Dates are in
    ISO 8601; a formula that was never calculated stands as its own text (“=A1*2”).
    """
    office.check(path, _KIND)
    with office.reading(_KIND):
        title, metadata = office.properties(path)
    yield Document(
        title=title or title_from(path), source=path.as_posix(), metadata=metadata, blocks=_blocks(path)
    )


def _blocks(path: Path) -> Iterator[Block]:
    with office.reading(_KIND):
        has_formulas = office.contains(path, "xl/worksheets/", b"<f>", b"<f ")
    # openpyxl leaves a file open that it cannot read: it is opened and closed here
    with path.open("rb") as values, path.open("rb") as written:
        workbook = _open(values, data_only=True)
        formulas = _open(written, data_only=False) if has_formulas else None
        for sheet in workbook.worksheets:
            if sheet.sheet_state != "visible":
                continue
            yield Block(sheet.title, "heading", 1, Locator(sheet=sheet.title))
            yield from _tables(_rows(sheet, formulas[sheet.title] if formulas else None), sheet.title)


def _open(file: BinaryIO, *, data_only: bool) -> Workbook:
    from openpyxl import load_workbook

    with office.reading(_KIND), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and validations, which are not read
        return load_workbook(file, read_only=True, data_only=data_only, keep_links=False)


def _rows(sheet: Any, with_formulas: Any) -> Iterator[Row]:
    """All rows of a sheet, from row 1 on, as texts."""
    sheet.reset_dimensions()  # what a file says of its own size is often wrong
    rows = enumerate(sheet.iter_rows(), start=1)
    written: Iterator[Any] = iter(())
    if with_formulas is not None:
        with_formulas.reset_dimensions()
        written = with_formulas.iter_rows()
    while True:
        # A warning filter is the process's own: it must not be held over a yield.
        with office.reading(_KIND), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = [
                (number, _texts(row, next(written, ()))) for number, row in islice(rows, _READ_AT_ONCE)
            ]
        if not batch:
            return
        yield from batch


def _texts(row: Sequence[Any], written: Sequence[Any]) -> list[str]:
    """The cells of a row; where a formula has no value, its text from the same ``written`` row."""
    texts = [_text(cell.value, cell) for cell in row]
    for n, cell in enumerate(written):
        if n < len(texts) and not texts[n] and cell.value is not None:
            texts[n] = str(getattr(cell.value, "text", cell.value))
    return texts


def _text(value: Any, cell: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        percent = _PERCENT.match(cell.number_format or "")
        if percent:
            return f"{value * 100:.{len(percent[1] or '')}f}%"
        return _number(value)
    if isinstance(value, datetime):
        moment = value.replace(microsecond=0)
        return moment.date().isoformat() if moment.time() == time() else moment.isoformat(" ")
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _number(value: float) -> str:
    """As a spreadsheet shows it: fifteen digits, and no fraction where there is none."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return str(int(value))
    return f"{value:.15g}"


def _tables(rows: Iterator[Row], sheet: str) -> Iterator[Block]:
    """The tables of a sheet, each ended by an empty row, with the lines of text above them."""
    earlier: Sequence[str] = ()
    for is_filled, group in groupby(rows, key=lambda row: any(cell.strip() for cell in row[1])):
        if not is_filled:
            continue
        peeked = list(islice(group, tables.PEEKED))
        for row in _prose(peeked):
            yield _line(row, sheet)
            peeked.pop(0)
        if not peeked:
            continue
        number, names = peeked[0]
        if tables.has_header([(n, _used(cells, peeked)) for n, cells in peeked]):
            earlier = names
            peeked.pop(0)
            if not peeked:
                yield _block([(number, names)], names, sheet)
                continue
        elif _extent(earlier) != _extent(names):  # else an empty row went through a table
            earlier = ()
        for batch in tables.batches(chain(peeked, group)):
            yield _block(batch, earlier, sheet)


def _prose(peeked: list[Row]) -> list[Row]:
    """Titles above a table, or a single cell that stands alone."""
    if len(peeked) == 1 and sum(1 for cell in peeked[0][1] if cell.strip()) == 1:
        return [peeked[0]]
    return tables.titles(peeked)


def _line(row: Row, sheet: str) -> Block:
    number, cells = row
    text = " ".join(" ".join(cells).split())
    return Block(text, locator=Locator(sheet=sheet, rows=(number, number)))


def _block(batch: list[Row], header: Sequence[str], sheet: str) -> Block:
    """A table of the columns that are used; without a header they have the spreadsheet's names."""
    rows = [cells for _, cells in batch]
    widest = max(map(len, (header, *rows)))
    columns = [n for n in range(widest) if any(_at(cells, n).strip() for cells in (header, *rows))]
    names = [_at(header, n) if n < len(header) else tables.column_name(n) for n in columns]
    body = [] if rows == [header] else [[_at(cells, n) for n in columns] for cells in rows]
    locator = Locator(sheet=sheet, rows=(batch[0][0], batch[-1][0]))
    return Block(tables.table([names, *body]), "table", locator=locator)


def _used(cells: Sequence[str], rows: list[Row]) -> Sequence[str]:
    """The cells of a row from the first to the last column that the rows use."""
    extents = [_extent(row) for _, row in rows]
    return cells[min(first for first, _ in extents) : max(last for _, last in extents)]


def _extent(cells: Sequence[str]) -> tuple[int, int]:
    """The first column that is filled, and the one after the last."""
    filled = [n for n, cell in enumerate(cells) if cell.strip()]
    return (filled[0], filled[-1] + 1) if filled else (0, 0)


def _at(cells: Sequence[str], column: int) -> str:
    return cells[column] if column < len(cells) else ""
