"""Word documents."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import docx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from ragnb.documents import Block, Document
from ragnb.errors import IngestError
from ragnb.ingest.chunking import chunk
from ragnb.ingest.formats.word import load_word


@pytest.fixture
def word() -> Any:
    """A document without text, of Word's usual styles."""
    return docx.Document()


def load(word: Any, path: Path) -> tuple[Document, list[Block]]:
    word.save(str(path))
    [document] = load_word(path)
    return document, list(document.blocks)


def texts(blocks: list[Block]) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in blocks]


def test_locators_are_true(word: Any, tmp_path: Path) -> None:
    """Every sentence of every chunk stands under its headings in the XML, and its label above its table."""
    for part in range(3):
        word.add_heading(f"Part {part}", 1)
        for section in range(3):
            word.add_heading(f"Section {part}.{section}", 2)
            for n in range(6):
                word.add_paragraph(
                    f"Sentence {n} of section {part}.{section} tells something. It ends here."
                )
            word.add_paragraph(f"Table {part}.{section}: Fares", style="Caption")
            table = word.add_table(30, 2)
            for n, row in enumerate(table.rows):
                row.cells[0].text, row.cells[1].text = f"cell {part} {section} {n}", "value"
    document, _ = load(word, tmp_path / "a.docx")
    with zipfile.ZipFile(tmp_path / "a.docx") as archive:
        xml = archive.read("word/document.xml").decode()
    written = re.findall(r"<w:t[^>]*>([^<]*)</w:t>", xml)
    found = list(chunk(document, name="a", budget=60, count=lambda texts: [len(t.split()) for t in texts]))
    for one in found:
        part, section = one.locator.heading
        begin = written.index(section)
        end = next(
            (n for n, t in enumerate(written[begin + 1 :], begin + 1) if t.startswith(("Sec", "Part"))),
            None,
        )
        under = "\n".join(written[begin:end])
        assert written.index(part) < begin
        for said in re.findall(r"Sentence [^.]*\.\d[^.]*\.|cell \d \d \d+", one.text):
            assert said in under
        if one.locator.label:
            assert f"{one.locator.label}: Fares" in under
    assert len({cell for one in found for cell in re.findall(r"cell \d \d \d+", one.text)}) == 9 * 30


def test_headings_of_any_language(word: Any, tmp_path: Path) -> None:
    """A style counts by what it is based on and by its outline level, whatever it is called."""
    based = word.styles.add_style("Kapitel", WD_STYLE_TYPE.PARAGRAPH)
    based.base_style = word.styles["Heading 2"]
    outlined = word.styles.add_style("Abschnitt", WD_STYLE_TYPE.PARAGRAPH)
    outlined.element.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {nsdecls("w")} w:val="2"/>'))
    named = word.styles.add_style("Überschrift 4", WD_STYLE_TYPE.PARAGRAPH)
    for name in ("Kapitel", "Abschnitt", named.name, "Heading 1"):
        word.add_paragraph(name, style=name)
    _, found = load(word, tmp_path / "a.docx")
    assert [block.level for block in found] == [2, 3, 4, 1]


def test_lists_are_together(word: Any, tmp_path: Path) -> None:
    """Numbers are counted as Word counts them."""
    for text, style in (
        ("Dogs", "List Bullet"),
        ("Cats", "List Bullet"),
        ("First", "List Number"),
        ("Second", "List Number"),
    ):
        word.add_paragraph(text, style=style)
    word.add_paragraph("After.")
    _, found = load(word, tmp_path / "a.docx")
    assert texts(found) == [("list", "- Dogs\n- Cats\n1. First\n2. Second"), ("paragraph", "After.")]


def test_merged_cells_are_not_repeated(word: Any, tmp_path: Path) -> None:
    """Across columns and down rows; the text of a table within a cell is kept."""
    table = word.add_table(3, 3)
    for n, name in enumerate("ABC"):
        table.cell(0, n).text = name
    table.cell(1, 0).merge(table.cell(2, 1)).text = "wide | tall"
    inner = table.cell(1, 2).add_table(1, 2)
    inner.cell(0, 0).text, inner.cell(0, 1).text = "in", "side"
    table.cell(2, 2).text = "last"
    _, [block] = load(word, tmp_path / "a.docx")
    assert (
        block.text == "| A | B | C |\n| --- | --- | --- |\n| wide \\| tall |  | in, side |\n|  |  | last |"
    )


@pytest.mark.parametrize("above", [True, False])
def test_a_caption_belongs_to_its_table(word: Any, tmp_path: Path, above: bool) -> None:
    """Above it or below it, it stands above it and gives the label."""
    for n in (1, 2):
        if above:
            word.add_paragraph(f"Table {n}: Fares", style="Caption")
        word.add_table(1, 2).cell(0, 0).text = f"cell {n}"
        if not above:
            word.add_paragraph(f"Table {n}: Fares", style="Caption")
    _, found = load(word, tmp_path / "a.docx")
    assert [(b.kind, b.text.splitlines()[:2], b.locator.label) for b in found] == [
        ("table", [f"Table {n}: Fares", f"| cell {n} |  |"], f"Table {n}") for n in (1, 2)
    ]


def test_a_figure_caption_is_a_paragraph_with_a_label(word: Any, tmp_path: Path) -> None:
    """It is not taken for the caption of a table nearby."""
    word.add_table(1, 2).cell(0, 0).text = "x"
    word.add_paragraph("Figure 4: The van", style="Caption")
    _, found = load(word, tmp_path / "a.docx")
    assert [(b.kind, b.locator.label) for b in found] == [("table", ""), ("paragraph", "Figure 4")]


def test_text_in_form_fields_insertions_and_boxes_is_read(word: Any, tmp_path: Path) -> None:
    """What python-docx passes over is read, too; what was deleted is not."""
    body = word.element.body
    for xml in (
        "<w:sdt {ns}><w:sdtContent><w:p><w:r><w:t>In a field.</w:t></w:r></w:p></w:sdtContent></w:sdt>",
        '<w:p {ns}><w:r><w:t xml:space="preserve">Kept </w:t></w:r><w:ins w:id="1" w:author="a"><w:r><w:t>new.</w:t>'
        '</w:r></w:ins><w:del w:id="2" w:author="a"><w:r><w:delText>old</w:delText></w:r></w:del></w:p>',
        "<w:p {ns}><w:r><w:t>Around.</w:t></w:r><w:r><w:pict><w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p>"
        "</w:txbxContent></w:pict></w:r></w:p>",
    ):
        body.insert(len(body) - 1, parse_xml(xml.format(ns=nsdecls("w"))))
    _, found = load(word, tmp_path / "a.docx")
    assert [block.text for block in found] == ["In a field.", "Kept new.", "Around.", "In a box."]


def test_a_frame_around_text_is_no_table(word: Any, tmp_path: Path) -> None:
    """A table of one cell is there for its border."""
    word.add_table(1, 1).cell(0, 0).text = "Note: dogs travel free."
    _, found = load(word, tmp_path / "a.docx")
    assert texts(found) == [("paragraph", "Note: dogs travel free.")]


def test_footnotes_follow_their_paragraph(word: Any, tmp_path: Path) -> None:
    """With the number that is printed."""
    paragraph = word.add_paragraph("Dogs are welcome.")
    paragraph.add_run()._r.append(parse_xml(f'<w:footnoteReference {nsdecls("w")} w:id="7"/>'))
    word.add_paragraph("Cats are, too.")
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    note = '<w:footnote w:id="{}"{}><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:footnote>'
    separator, text = note.format(-1, ' w:type="separator"', ""), note.format(7, "", "Not in July.")
    xml = f"<w:footnotes {nsdecls('w')}>{separator}{text}</w:footnotes>"
    media = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    word.part.relate_to(Part(PackURI("/word/footnotes.xml"), media, xml.encode(), word.part.package), kind)
    _, found = load(word, tmp_path / "a.docx")
    assert [block.text for block in found] == [
        "Dogs are welcome.",
        "Footnote 1: Not in July.",
        "Cats are, too.",
    ]


def test_titles_and_properties(word: Any, tmp_path: Path) -> None:
    """The property, else the paragraph of the style Title, else the first heading, else the file's name."""
    assert load(word, tmp_path / "night_trains.docx")[0].title == "Night trains"
    word.add_heading("Dogs", 1)
    assert load(word, tmp_path / "a.docx")[0].title == "Dogs"
    word.add_heading("The handbook", 0)
    document, found = load(word, tmp_path / "b.docx")
    assert (document.title, texts(found)) == ("The handbook", [("heading", "Dogs")])
    word.core_properties.title, word.core_properties.author = "Handbook 2026", "Åse Berg"
    document, found = load(word, tmp_path / "c.docx")
    assert (document.title, document.metadata["author"], document.metadata["date"]) == (
        "Handbook 2026",
        "Åse Berg",
        "2013-12-23",
    )
    assert texts(found) == [("heading", "Dogs"), ("paragraph", "The handbook")]


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"PK\x03\x04 cut", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99)]
)
def test_what_is_no_document_is_told(tmp_path: Path, content: bytes) -> None:
    """Never a traceback of the library."""
    (tmp_path / "a.docx").write_bytes(content)
    with pytest.raises(IngestError):
        list(load_word(tmp_path / "a.docx"))


def test_a_damaged_document_is_told(word: Any, tmp_path: Path) -> None:
    """Cut short, or without its main part."""
    word.save(str(tmp_path / "a.docx"))
    content = (tmp_path / "a.docx").read_bytes()
    (tmp_path / "b.docx").write_bytes(content[: len(content) // 2])
    with zipfile.ZipFile(tmp_path / "c.docx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    for name in ("b.docx", "c.docx"):
        with pytest.raises(IngestError, match="Word"):
            list(load_word(tmp_path / name))
