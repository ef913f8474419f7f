"""Excel workbooks."""

from __future__ import annotations

import re
import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.chart import BarChart, Reference

from ragnb.documents import Block, Document
from ragnb.errors import IngestError
from ragnb.ingest.chunking import chunk
from ragnb.ingest.formats.spreadsheet import load_spreadsheet


def load(path: Path) -> tuple[Document, list[Block]]:
    [document] = load_spreadsheet(path)
    return document, list(document.blocks)


def rows_of(text: str) -> list[list[str]]:
    """The cells below the header of a Markdown table."""
    lines = [line for line in text.split("\n") if line.startswith("|")][2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


@pytest.fixture
def book() -> Workbook:
    """A workbook with one empty sheet, “Prices”."""
    workbook = Workbook()
    workbook.active.title = "Prices"
    return workbook


def test_locators_are_true(tmp_path: Path, book: Workbook) -> None:
    """Every row of every chunk stands in the sheet and the rows that its locator names."""
    for sheet in (book["Prices"], book.create_sheet("Stock")):
        sheet.append([f"{sheet.title} of 2026"])
        sheet.append([])
        sheet.append(["Article", "Count", "Day"])
        for n in range(70):
            sheet.append([f"{sheet.title} {n}", n, date(2026, 1, 1 + n % 28)])
    book.save(tmp_path / "a.xlsx")
    written = load_workbook(tmp_path / "a.xlsx")
    [document] = load_spreadsheet(tmp_path / "a.xlsx")
    found = list(chunk(document, name="a", budget=80, count=lambda texts: [len(t.split()) for t in texts]))
    seen = 0
    for one in found:
        first, last = one.locator.rows or (0, 0)
        assert one.locator.heading == (one.locator.sheet,)
        expected = [
            [str(name), str(number), str(day or "")[:10]]
            for name, number, day in written[one.locator.sheet].iter_rows(first, last, values_only=True)
        ]
        seen += len(rows_of(one.text))
        assert all(row in expected for row in rows_of(one.text))
    assert seen == 140
    assert len(found) > 4


def test_values_read_as_people_read_them(tmp_path: Path, book: Workbook) -> None:
    """No binary fractions, no needless decimals, days in ISO, percentages as shown."""
    sheet = book["Prices"]
    sheet.append(["Name", "A", "B", "C", "D", "E"])
    sheet.append(["x", 0.1 + 0.2, 5.0, date(2026, 3, 1), datetime(2026, 3, 1, 14, 30), True])
    sheet.append(["y | z", 0.255, -3, 1e20, None, False])
    sheet["B3"].number_format = "0.0%"
    book.save(tmp_path / "a.xlsx")
    _, (_, block) = load(tmp_path / "a.xlsx")
    assert rows_of(block.text) == [
        ["x", "0.3", "5", "2026-03-01", "2026-03-01 14:30:00", "TRUE"],
        ["y \\| z", "25.5%", "-3", "1e+20", "", "FALSE"],
    ]


def test_a_formula_without_a_value_stands_as_it_is_written(tmp_path: Path, book: Workbook) -> None:
    """A workbook that no spreadsheet program has calculated."""
    for row in (["Name", "Count", "Double"], ["x", 2, "=B2*2"]):
        book["Prices"].append(row)
    book.save(tmp_path / "a.xlsx")
    _, (_, block) = load(tmp_path / "a.xlsx")
    assert rows_of(block.text) == [["x", "2", "=B2*2"]]


def test_empty_rows_separate_tables(tmp_path: Path, book: Workbook) -> None:
    """Each table has its own header and its own columns."""
    sheet = book["Prices"]
    for row in (
        ["Prices 2026"],
        ["Name", "Fare"],
        ["Oslo", 1],
        [],
        [None, None, "Dog", "Cat", "Cow"],
        [None, None, "a", "b", "c"],
    ):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    _, (_, title, first, second) = load(tmp_path / "a.xlsx")
    assert (title.kind, title.text, title.locator.rows) == ("paragraph", "Prices 2026", (1, 1))
    assert (first.text.splitlines()[0], first.locator.rows) == ("| Name | Fare |", (3, 3))
    assert (second.text.splitlines()[0], second.locator.rows) == ("| Dog | Cat | Cow |", (6, 6))


def test_an_empty_row_within_a_table_keeps_its_header(tmp_path: Path, book: Workbook) -> None:
    """What goes on below with numbers belongs to the header above."""
    for row in (["Name", "Fare"], ["Oslo", 1], [], ["Bergen", 2]):
        book["Prices"].append(row)
    book.save(tmp_path / "a.xlsx")
    _, (_, _, second) = load(tmp_path / "a.xlsx")
    assert second.text.splitlines()[0] == "| Name | Fare |"
    assert second.locator.rows == (4, 4)


def test_columns_without_a_header_have_letters(tmp_path: Path, book: Workbook) -> None:
    """The letters are those of the sheet."""
    book["Prices"]["F3"], book["Prices"]["G3"] = "Oslo", 12
    book["Prices"]["F4"], book["Prices"]["G4"] = "Bergen", 31
    book.save(tmp_path / "a.xlsx")
    _, (_, block) = load(tmp_path / "a.xlsx")
    assert block.text.splitlines()[0] == "| F | G |"
    assert block.locator.rows == (3, 4)


def test_hidden_sheets_and_charts_are_left_out(tmp_path: Path, book: Workbook) -> None:
    """What a reader does not see is not cited."""
    for n in range(3):
        book["Prices"].append([f"row {n}", n])
    book.create_sheet("Secret")["A1"] = "hidden"
    book["Secret"].sheet_state = "hidden"
    chart = BarChart()
    chart.add_data(Reference(book["Prices"], min_col=2, min_row=1, max_row=3))
    book.create_chartsheet("Chart").add_chart(chart)
    book.save(tmp_path / "a.xlsx")
    _, found = load(tmp_path / "a.xlsx")
    assert [block.text for block in found if block.kind == "heading"] == ["Prices"]


def test_the_properties_are_metadata(tmp_path: Path, book: Workbook) -> None:
    """Title, author and day; the file's name where there is no title."""
    book.properties.creator = "Åse Berg"
    book.save(tmp_path / "night_trains.xlsx")
    document, _ = load(tmp_path / "night_trains.xlsx")
    assert document.title == "Night trains"
    assert document.metadata["author"] == "Åse Berg"
    assert date.fromisoformat(str(document.metadata["date"]))
    book.properties.title = "Prices of the night trains"
    book.save(tmp_path / "b.xlsx")
    assert load(tmp_path / "b.xlsx")[0].title == "Prices of the night trains"


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml"])
def test_a_broken_part_is_told(tmp_path: Path, book: Workbook, part: str) -> None:
    """XML that ends early is a sentence, also where it is only found when the rows are read."""
    book["Prices"]["A1"] = "x"
    book.save(tmp_path / "a.xlsx")
    with zipfile.ZipFile(tmp_path / "a.xlsx") as whole, zipfile.ZipFile(tmp_path / "b.xlsx", "w") as broken:
        for name in whole.namelist():
            content = whole.read(name)
            broken.writestr(name, content[: len(content) // 2] if name == part else content)
    with pytest.raises(IngestError, match="damaged"):
        load(tmp_path / "b.xlsx")


def test_a_changed_byte_is_told(tmp_path: Path, book: Workbook) -> None:
    """The archive's own checksums tell, also those of the properties."""
    book.save(tmp_path / "a.xlsx")
    content = bytearray((tmp_path / "a.xlsx").read_bytes())
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        content[archive.getinfo("docProps/core.xml").header_offset + 60] ^= 0xFF
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(IngestError, match="damaged"):
        load(tmp_path / "a.xlsx")


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04 cut", b"a,b\n1,2\n"])
def test_what_is_no_workbook_is_told(tmp_path: Path, content: bytes) -> None:
    """Never a traceback of the library."""
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(IngestError, match="Excel"):
        load(path)


def test_a_truncated_archive_is_told(tmp_path: Path, book: Workbook) -> None:
    """A download that broke off."""
    book.save(tmp_path / "a.xlsx")
    content = (tmp_path / "a.xlsx").read_bytes()
    (tmp_path / "a.xlsx").write_bytes(content[: len(content) // 2])
    with pytest.raises(IngestError, match="damaged"):
        load(tmp_path / "a.xlsx")


def test_a_password_is_told(tmp_path: Path) -> None:
    """Protected files are recognised, and so are those of the old format."""
    old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
    (tmp_path / "a.xlsx").write_bytes(old + "EncryptedPackage".encode("utf-16-le") + bytes(500))
    with pytest.raises(IngestError, match="password"):
        load(tmp_path / "a.xlsx")
    (tmp_path / "b.xlsx").write_bytes(old)
    with pytest.raises(IngestError, match="old binary"):
        load(tmp_path / "b.xlsx")


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    """An archive that unpacks to hundreds of times its size is not opened."""
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", bytes(60 << 20))
    with pytest.raises(IngestError, match="60 MiB"):
        load(tmp_path / "a.xlsx")
