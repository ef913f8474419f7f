"""CSV and TSV files."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb.documents import Block, Chunk
from ragnb.errors import IngestError
from ragnb.ingest.chunking import chunk
from ragnb.ingest.formats.delimited import load_delimited
from ragnb.ingest.formats.tables import column_name, table


def blocks(path: Path, content: str | bytes, encoding: str = "utf-8") -> list[Block]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    [document] = load_delimited(path)
    return list(document.blocks)


def chunks(path: Path) -> list[Chunk]:
    [document] = load_delimited(path)
    return list(
        chunk(document, name="a", budget=60, count=lambda texts: [len(text.split()) for text in texts])
    )


def rows_of(text: str) -> list[list[str]]:
    """The cells below the header of a Markdown table."""
    lines = [line for line in text.split("\n") if line.startswith("|")][2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_locators_are_true(tmp_path: Path) -> None:
    """Every row of every chunk is a record that its locator names, as a spreadsheet counts."""
    path = tmp_path / "fares.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Line", "Fare", "Note"])
        for n in range(120):
            writer.writerow([f"L{n}", n * 1.5, "quoted\nbreak" if n % 7 == 0 else "plain words"])
    with path.open(newline="") as file:
        records = list(csv.reader(file))
    found = chunks(path)
    assert len(found) > 3
    for one in found:
        first, last = one.locator.rows or (0, 0)
        expected = [[" ".join(cell.split()) for cell in record] for record in records[first - 1 : last]]
        assert all(row in expected for row in rows_of(one.text))
    assert sum(len(rows_of(one.text)) for one in found) == 120


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_from_the_content(tmp_path: Path, delimiter: str) -> None:
    """Whatever separates the cells, also where decimals have a comma."""
    text = "\n".join(delimiter.join(row) for row in (["Name", "Fare"], ["Oslo", "12"], ["Bergen", "31"]))
    [block] = blocks(tmp_path / "a.csv", text)
    assert block.text == "| Name | Fare |\n| --- | --- |\n| Oslo | 12 |\n| Bergen | 31 |"


def test_decimal_commas_do_not_separate(tmp_path: Path) -> None:
    """A European file without a header keeps its decimals whole."""
    [block] = blocks(tmp_path / "a.csv", "1,5;2,5;3,5\n4,5;5,5;6,5\n")
    assert rows_of(block.text) == [["1,5", "2,5", "3,5"], ["4,5", "5,5", "6,5"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    """A byte-order mark is no text, and Windows-1252 is read where the file is not UTF-8."""
    [block] = blocks(tmp_path / "a.csv", "Sted,Navn\nMosjøen,Åse\n", encoding)
    assert block.text.splitlines()[0] == "| Sted | Navn |"
    assert rows_of(block.text) == [["Mosjøen", "Åse"]]


def test_one_late_byte_decides_the_encoding(tmp_path: Path) -> None:
    """A file that is ASCII for its first megabytes may still be Windows-1252."""
    found = blocks(tmp_path / "a.csv", b"a,b\n" + b"x,y\n" * 400_000 + b"caf\xe9,z\n")
    assert rows_of(found[-1].text)[-1] == ["café", "z"]


def test_without_a_header_the_columns_have_letters(tmp_path: Path) -> None:
    """A first row that looks like data is data."""
    [block] = blocks(tmp_path / "a.csv", "Oslo,12\nBergen,31\n")
    assert block.text.splitlines()[0] == "| A | B |"
    assert block.locator.rows == (1, 2)


def test_years_may_name_columns(tmp_path: Path) -> None:
    """Numbers in the first row are a header where they are years above other numbers."""
    [block] = blocks(tmp_path / "a.csv", "Country,2024,2025\nNorway,3,4\n")
    assert block.text.splitlines()[0] == "| Country | 2024 | 2025 |"


def test_ragged_rows_keep_all_cells(tmp_path: Path) -> None:
    """Short rows are filled up; what is too much has a column of its own."""
    [block] = blocks(tmp_path / "a.csv", "Name,Fare\nOslo\nBergen,31,extra\n")
    assert block.text.splitlines()[0] == "| Name | Fare | C |"
    assert rows_of(block.text) == [["Oslo", "", ""], ["Bergen", "31", "extra"]]


def test_titles_and_blank_lines_count_as_rows(tmp_path: Path) -> None:
    """A title above the header is a paragraph; the numbers go on as in a spreadsheet."""
    title, block = blocks(tmp_path / "a.csv", "Fares 2026\n\nName,Fare\nOslo,1\n\nBergen,2\n")
    assert (title.text, title.locator.rows) == ("Fares 2026", (1, 1))
    assert block.locator.rows == (4, 6)


def test_the_separator_line_of_excel_is_no_row(tmp_path: Path) -> None:
    """``sep=|`` says what separates and is not counted."""
    [block] = blocks(tmp_path / "a.csv", "sep=|\na|b\nc|d\n")
    assert (rows_of(block.text), block.locator.rows) == ([["c", "d"]], (2, 2))


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    """A NUL byte near the beginning is no text; the first document is not even begun."""
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n1,2\n" + bytes(range(256)))
    with pytest.raises(IngestError, match="binary"):
        list(load_delimited(path))


def test_an_empty_file_has_no_blocks(tmp_path: Path) -> None:
    """Nothing in, nothing out."""
    assert blocks(tmp_path / "a.csv", "") == []
    assert blocks(tmp_path / "b.csv", "\n\n") == []


def test_a_quotation_that_never_ends_is_told(tmp_path: Path) -> None:
    """What is larger than any cell is a mistake in the file."""
    with pytest.raises(IngestError, match="row 2"):
        blocks(tmp_path / "a.csv", 'a,b\nc,d\n"' + "x" * (1 << 24) + "y" * 100)


def test_columns_are_named_as_in_a_spreadsheet() -> None:
    """A to Z, then AA."""
    assert [column_name(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


def test_bars_in_cells_are_escaped() -> None:
    """A bar in a cell ends no cell."""
    assert rows_of(table([["a"], ["x | y"]])) == [["x \\| y"]]


cells = st.text("ab ,;\"'\n|é", max_size=8)


@given(
    st.integers(2, 5).flatmap(
        lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=1, max_size=130)
    )
)
def test_every_cell_is_in_exactly_one_block(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    """Nothing is lost and nothing is read twice, whatever the cells hold."""
    marked = [[f"r{n}c{m}x{cell}" for m, cell in enumerate(row)] for n, row in enumerate(rows)]
    written = io.StringIO()
    csv.writer(written).writerows([["Name"] * len(rows[0]), *marked])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    found = [row for block in blocks(path, written.getvalue()) for row in rows_of(block.text)]
    assert found == [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in marked]
