"""PDF in: blocks in reading order with true pages, and a sentence for what cannot be read."""

from __future__ import annotations

import io
import re

import pypdfium2
import pytest
from reportlab.lib import colors, pdfencrypt
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
    ListFlowable,
    PageBreak,
    PageTemplate,
    Paragraph,
    Preformatted,
    SimpleDocTemplate,
    Spacer,
    Table,
)

from ragnb.errors import IngestError
from ragnb.ingest.chunking import chunk
from ragnb.ingest.formats.pdf.loader import load_pdf

STYLES = getSampleStyleSheet()
STYLES["Title"].fontSize = 24
BODY, H1, H2, CODE = STYLES["BodyText"], STYLES["Heading1"], STYLES["Heading2"], STYLES["Code"]
PROSE = (
    "The night train leaves the northern station at nine and reaches the coast by early morning. "
    "Travellers with a sleeping berth keep it until the train has stood at the terminus for an hour. "
    "Breakfast is brought to the compartment between six and seven, unless somebody asked for quiet. "
)
GRID = [("GRID", (0, 0), (-1, -1), 0.5, colors.black)]
FARES = [["Route", "Seat", "Berth"], ["Nord–Küste", "49", "119"], ["Nord–Alpen", "59", "139"]]


def blocks_of(path):
    (document,) = load_pdf(path)
    return list(document.blocks)


def texts(blocks, kind):
    return [block.text for block in blocks if block.kind == kind]


def count(given):
    return [len(re.findall(r"\w+|[^\w\s]", text)) for text in given]


def build(path, story, on_page=lambda canvas, template: None, **options):
    template = SimpleDocTemplate(str(path), pagesize=A4, **options)
    template.build(story, onFirstPage=on_page, onLaterPages=on_page)
    return path


def running(canvas, template):
    canvas.setFont("Helvetica", 9)
    canvas.drawString(72, 810, f"Handbook of the railway, part {template.page}")
    canvas.drawCentredString(297, 30, str(template.page))


@pytest.fixture
def handbook(tmp_path):
    """Eight pages with headings, prose over page breaks, a list, code, a table, headers and footers."""
    story = [Paragraph("Night trains", STYLES["Title"]), Paragraph(PROSE, BODY)]
    for part in range(1, 6):
        story += [
            Paragraph(f"Part {part}", H1),
            *[Paragraph(f"In {part}.{n}: {PROSE}", BODY) for n in range(6)],
        ]
        story += [Paragraph(f"Section of part {part}", H2), Paragraph(PROSE * 3, BODY)]
    items = [Paragraph("Bring the ticket", BODY), Paragraph("Bring water, " + PROSE, BODY)]
    story += [
        Paragraph("What to bring", H1),
        ListFlowable(items, bulletType="bullet"),
        Paragraph(PROSE, BODY),
    ]
    story += [Preformatted("def fare(km):\n    if km > 100:\n        return 59\n    return 49", CODE)]
    story += [Spacer(1, 10), Paragraph("Table 3: Fares in euros", BODY), Table(FARES, style=GRID)]
    story += [Paragraph(PROSE, BODY)]
    return build(
        tmp_path / "handbook.pdf", story, running, title="Handbook", author="R. Conductor", invariant=True
    )


def test_metadata(handbook):
    """Title, author, pages and the day it was made come from the file."""
    (document,) = load_pdf(handbook)
    assert document.title == "Handbook"
    assert document.source == handbook.as_posix()
    assert document.metadata["author"] == "R. Conductor"
    assert document.metadata["date"] == "2000-01-01"
    assert document.metadata["pages"] == len(pypdfium2.PdfDocument(handbook))
    assert "pages_without_text" not in document.metadata


@pytest.mark.parametrize("name", ["untitled", "handbook.dvi", "Microsoft Word - x.doc", "C:\\texts\\x", ""])
def test_a_title_that_is_none(tmp_path, name):
    """A program's own title gives way to the largest text of page 1."""
    story = [Paragraph("Night trains of the north", STYLES["Title"]), Paragraph(PROSE, BODY)]
    (document,) = load_pdf(build(tmp_path / "a.pdf", story, title=name))
    assert document.title == "Night trains of the north"
    assert "author" not in document.metadata


def test_a_title_from_the_file_name(tmp_path):
    """Where nothing else tells, the file's name is the title."""
    (document,) = load_pdf(build(tmp_path / "night_trains.pdf", [Paragraph(PROSE, BODY)]))
    assert document.title == "Night trains"


def test_headings_by_their_looks(handbook):
    """Without an outline the size tells the headings and their levels."""
    found = {block.text: block.level for block in blocks_of(handbook) if block.kind == "heading"}
    assert found["Night trains"] < found["Part 1"] == found["Part 5"] < found["Section of part 2"]
    assert len(found) == 1 + 5 + 5 + 1


def test_bold_lines_are_headings(tmp_path):
    """A short bold line of the body's size above a paragraph is a heading, a bold word in it is not."""
    bold = ParagraphStyle("bold", BODY, fontName="Helvetica-Bold")
    story = [Paragraph("Refunds", bold), Paragraph(PROSE + "<b>Never</b> later. " + PROSE, BODY)] * 3
    blocks = blocks_of(build(tmp_path / "a.pdf", story))
    assert texts(blocks, "heading") == ["Refunds"] * 3
    assert len(texts(blocks, "paragraph")) == 3


def test_headings_by_the_outline(tmp_path):
    """An outline names the headings and their levels, also those that look like the body."""

    class Outlined(SimpleDocTemplate):
        def afterFlowable(self, flowable):
            level = getattr(flowable, "level", None)
            if level is not None:
                key = f"k{self.page}-{level}-{flowable.getPlainText()}"
                self.canv.bookmarkPage(key)
                self.canv.addOutlineEntry(flowable.getPlainText().split(" ", 1)[1], key, level, False)

    story = []
    for number, level, title in [(1, 0, "Fares"), (1, 1, "Children"), (2, 0, "Berths"), (2, 1, "Linen")]:
        heading = Paragraph(f"{number}. {title}", BODY)
        heading.level = level
        story += [heading, Paragraph(PROSE, BODY)]
    path = tmp_path / "a.pdf"
    Outlined(str(path), pagesize=A4).build(story)
    found = [(block.text, block.level) for block in blocks_of(path) if block.kind == "heading"]
    assert found == [("1. Fares", 1), ("1. Children", 2), ("2. Berths", 1), ("2. Linen", 2)]


def test_lines_become_paragraphs(tmp_path):
    """A paragraph is one line of text, whatever its lines on the page."""
    story = [Paragraph(PROSE * 2, BODY), Paragraph(PROSE, BODY)]
    found = texts(blocks_of(build(tmp_path / "a.pdf", story)), "paragraph")
    assert [" ".join(text.split()) for text in found] == [(PROSE * 2).strip(), PROSE.strip()]
    assert not any("\n" in text for text in found)


def test_indented_paragraphs(tmp_path):
    """Paragraphs that only an indentation tells apart are two."""
    style = ParagraphStyle("indented", BODY, firstLineIndent=15, spaceBefore=0, spaceAfter=0, alignment=4)
    story = [Paragraph(PROSE, style), Paragraph(PROSE, style), Paragraph(PROSE, style)]
    assert texts(blocks_of(build(tmp_path / "a.pdf", story)), "paragraph") == [PROSE.strip()] * 3


def test_hyphens_at_line_ends(tmp_path):
    """A divided word is whole again; a hyphen before a capital or in a compound stays."""
    canvas = Canvas(str(tmp_path / "a.pdf"))
    lines = [
        "The conductor brings the break-",
        "fast at six, says the Nord-",
        "West timetable of the up-to-",
        "date kind, which goes on here.",
    ]
    for n, line in enumerate(lines):
        canvas.drawString(72, 700 - 14 * n, line)
    canvas.save()
    (text,) = texts(blocks_of(tmp_path / "a.pdf"), "paragraph")
    assert "the breakfast at six" in text
    assert "the Nord-West timetable of the up-to-date kind" in text


def test_a_paragraph_over_a_page_break(tmp_path):
    """It is one block, on both pages; the footnote below its first part is a block of its own."""
    canvas = Canvas(str(tmp_path / "a.pdf"))
    canvas.drawString(72, 120, "The night train stops at the border for an hour because the")
    canvas.setFont("Helvetica", 8)
    canvas.drawString(72, 100, "1 Times are those of the summer.")
    canvas.showPage()
    canvas.drawString(72, 700, "engine has to be changed there.")
    canvas.drawString(72, 660, "A new sentence begins another paragraph here.")
    canvas.save()
    first, note, last = blocks_of(tmp_path / "a.pdf")
    assert first.text.endswith("for an hour because the engine has to be changed there.")
    assert first.locator.pages == (1, 2)
    assert note.locator.pages == (1, 1)
    assert last.locator.pages == (2, 2)


def test_running_lines_are_left_out(handbook):
    """Headers, footers and page numbers are in no block."""
    blocks = blocks_of(handbook)
    assert not [block for block in blocks if "Handbook of the railway" in block.text]
    assert not [block for block in blocks if re.fullmatch(r"\d+", block.text)]


def test_contents_are_left_out(tmp_path):
    """The dotted lines of a table of contents are in no block."""
    canvas = Canvas(str(tmp_path / "a.pdf"))
    canvas.drawString(72, 740, "Contents")
    for n in range(12):
        canvas.drawString(72, 700 - 16 * n, f"{n} About matter {n} . . . . . . . . . . . . . {n * 3}")
    canvas.showPage()
    canvas.drawString(72, 700, "The night train leaves at nine.")
    canvas.save()
    assert [block.text for block in blocks_of(tmp_path / "a.pdf")] == ["The night train leaves at nine."]


@pytest.mark.parametrize("order", ["by column", "by line"])
def test_two_columns(tmp_path, order):
    """Columns are read one after the other, however they were drawn, below a title across both."""
    words = (PROSE * 3).split()
    lines = [" ".join(words[n : n + 6]) for n in range(0, len(words), 6)]
    half = len(lines) // 2
    placed = [
        (72 if n < half else 320, 680 - 13 * (n % half), line) for n, line in enumerate(lines[: 2 * half])
    ]
    if order == "by line":
        placed.sort(key=lambda item: -item[1])
    canvas = Canvas(str(tmp_path / "a.pdf"), pagesize=A4)
    canvas.setFont("Helvetica", 20)
    canvas.drawString(72, 730, "A title that runs across both of the columns")
    canvas.setFont("Helvetica", 8)
    for x, y, line in placed:
        canvas.drawString(x, y, line)
    canvas.save()
    blocks = blocks_of(tmp_path / "a.pdf")
    assert blocks[0].kind == "heading"
    read = " ".join(" ".join(block.text.split()) for block in blocks[1:])
    assert read == " ".join(lines[: 2 * half])


def test_columns_of_a_template(tmp_path):
    """Frames of prose, as a layout program makes them, are read one after the other."""
    template = BaseDocTemplate(str(tmp_path / "a.pdf"), pagesize=A4)
    frames = [Frame(60, 60, 225, 700), Frame(305, 60, 225, 700)]
    template.addPageTemplates(PageTemplate(frames=frames))
    marks = [f"In passage {n} of twenty: {PROSE}" for n in range(1, 21)]
    template.build([Paragraph(mark, BODY) for mark in marks])
    blocks = blocks_of(tmp_path / "a.pdf")
    numbers = re.findall(r"In passage (\d+) of", " ".join(block.text for block in blocks))
    assert list(map(int, numbers)) == list(range(1, 21))
    assert len(blocks) == 20


def test_terms_beside_explanations_are_no_columns(tmp_path):
    """What stands side by side line by line is read line by line."""
    canvas = Canvas(str(tmp_path / "a.pdf"))
    for n in range(12):
        canvas.drawString(72, 700 - 16 * n, f"option{n}")
        canvas.drawString(200, 700 - 16 * n, f"sets the value number {n}")
    canvas.save()
    (block,) = blocks_of(tmp_path / "a.pdf")
    assert block.text.startswith("option0 sets the value number 0\noption1 sets")


def test_lists(handbook):
    """Bullets make a list; the lines of an item are joined."""
    (found,) = texts(blocks_of(handbook), "list")
    first, second = found.split("\n")
    assert first == "- Bring the ticket"
    assert second.startswith("- Bring water, The night train") and second.endswith("asked for quiet.")


def test_numbered_and_nested_lists(tmp_path):
    """Numbers stay, and an inner list is indented."""
    inner = ListFlowable([Paragraph("window", BODY), Paragraph("aisle", BODY)], bulletType="bullet")
    outer = ListFlowable(
        [[Paragraph("Choose a seat", BODY), inner], Paragraph("Pay", BODY)], bulletFormat="%s."
    )
    (found,) = texts(blocks_of(build(tmp_path / "a.pdf", [Paragraph(PROSE, BODY), outer])), "list")
    assert found == "1. Choose a seat\n  - window\n  - aisle\n2. Pay"


def test_code_keeps_its_indentation(handbook):
    """Monospaced lines are code, line by line."""
    (found,) = texts(blocks_of(handbook), "code")
    assert found == "```\ndef fare(km):\n    if km > 100:\n        return 59\n    return 49\n```"


def test_a_typewritten_text_is_no_code(tmp_path):
    """Where everything is monospaced, prose is prose."""
    style = ParagraphStyle("typed", BODY, fontName="Courier")
    blocks = blocks_of(build(tmp_path / "a.pdf", [Paragraph(PROSE, style)] * 2))
    assert {block.kind for block in blocks} == {"paragraph"}


def test_tables(handbook):
    """A ruled table is a Markdown table below its caption, and nowhere else in the text."""
    blocks = blocks_of(handbook)
    (table,) = [block for block in blocks if block.kind == "table"]
    assert table.text == (
        "Table 3: Fares in euros\n| Route | Seat | Berth |\n| --- | --- | --- |\n"
        "| Nord–Küste | 49 | 119 |\n| Nord–Alpen | 59 | 139 |"
    )
    assert table.locator.label == "Table 3"
    assert sum("Küste" in block.text or "Fares" in block.text for block in blocks) == 1


@pytest.mark.parametrize(
    "style",
    [
        [
            ("INNERGRID", (0, 0), (-1, -1), 0.5, colors.black),
            ("LINEABOVE", (0, 0), (-1, 0), 1, colors.black),
            ("LINEBELOW", (0, -1), (-1, -1), 1, colors.black),
        ],
        [
            ("BOX", (0, 0), (-1, -1), 1, colors.black),
            ("LINEBELOW", (0, 0), (-1, 0), 1, colors.black),
            ("LINEAFTER", (0, 0), (-2, -1), 1, colors.black),
        ],
    ],
    ids=["open at the sides", "no lines between the rows"],
)
def test_tables_with_fewer_lines(tmp_path, style):
    """The outer lines at the sides and those between rows may be missing."""
    rows = [*FARES, ["Nord–Insel | Fähre", "69", "149"]]
    story = [Paragraph(PROSE, BODY), Table(rows, style=style), Paragraph("Table A.2. Fares", BODY)]
    (table,) = [b for b in blocks_of(build(tmp_path / "a.pdf", story)) if b.kind == "table"]
    assert table.text.split("\n")[1:] == [
        "| Route | Seat | Berth |",
        "| --- | --- | --- |",
        "| Nord–Küste | 49 | 119 |",
        "| Nord–Alpen | 59 | 139 |",
        "| Nord–Insel \\| Fähre | 69 | 149 |",
    ]
    assert table.locator.label == "Table A.2"


def test_a_word_divided_in_a_cell(tmp_path):
    """The lines of a cell are joined as those of a paragraph: a word divided at a line's end is whole."""
    rows = [["Signal", "What it does"], ["KILL", "ends the pro-\ncess at\nonce"], ["STOP", "halts it"]]
    story = [Paragraph(PROSE, BODY), Table(rows, style=GRID)]
    (table,) = [b for b in blocks_of(build(tmp_path / "a.pdf", story)) if b.kind == "table"]
    assert "| KILL | ends the process at once |" in table.text


def test_a_box_is_no_table(tmp_path):
    """A text in a frame is a paragraph."""
    story = [Table([[Paragraph(PROSE, BODY)]], style=GRID), Paragraph(PROSE, BODY)]
    assert {block.kind for block in blocks_of(build(tmp_path / "a.pdf", story))} == {"paragraph"}


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_turned_pages(tmp_path, rotation):
    """A page that is shown turned, with its text upright then, reads like any other."""
    width, height = A4
    canvas = Canvas(str(tmp_path / "a.pdf"), pagesize=A4)
    canvas.setPageRotation(rotation)
    moved = {90: (width, 0), 180: (width, height), 270: (0, height)}[rotation]
    canvas.translate(*moved)
    canvas.rotate(rotation)
    table = Table(FARES, style=GRID)
    canvas.drawString(72, 500, "The night train leaves at nine, and it is")
    canvas.drawString(72, 486, "as punctual as any other.")
    table.wrapOn(canvas, 400, 400)
    table.drawOn(canvas, 72, 300)
    canvas.save()
    prose, found = blocks_of(tmp_path / "a.pdf")
    assert prose.text == "The night train leaves at nine, and it is as punctual as any other."
    assert found.text.endswith("| Nord–Alpen | 59 | 139 |")


def test_scaled_text(tmp_path):
    """The size of a font is what is seen, not what the file calls it."""
    canvas = Canvas(str(tmp_path / "a.pdf"))
    canvas.scale(0.5, 0.5)
    for n in range(4):
        canvas.setFont("Helvetica", 40)
        canvas.drawString(144, 1500 - 200 * n, f"Chapter {n} of them")
        canvas.setFont("Helvetica", 20)
        canvas.drawString(144, 1440 - 200 * n, "The night train leaves the northern station at nine.")
    canvas.save()
    assert [block.kind for block in blocks_of(tmp_path / "a.pdf")] == ["heading", "paragraph"] * 4


@pytest.mark.parametrize("budget", [60, 150, 400])
def test_places_are_true(handbook, budget):
    """Opening the file at a chunk's pages finds the chunk's words there."""
    (document,) = load_pdf(handbook)
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(handbook)]
    pieces = list(chunk(document, name="handbook", budget=budget, count=count))
    assert any(piece.locator.pages[0] < piece.locator.pages[1] for piece in pieces)
    for piece in pieces:
        first, last = piece.locator.pages
        there = set(re.findall(r"\w+", " ".join(pages[first - 1 : last])))
        assert set(re.findall(r"\w+", piece.text)) <= there, piece


def test_nothing_is_lost(handbook):
    """Every word of every page, but for the running lines, is in some block."""
    kept = set(re.findall(r"\w+", " ".join(block.text for block in blocks_of(handbook))))
    for page in pypdfium2.PdfDocument(handbook):
        words = re.findall(r"\w+", page.get_textpage().get_text_range())
        assert set(words) - kept <= {"Handbook", "of", "the", "railway", "part", *"12345678"}


def picture():
    image = pypdfium2.PdfDocument.new().new_page(200, 200).render().to_pil()
    stream = io.BytesIO()
    image.save(stream, "PNG")
    stream.seek(0)
    return ImageReader(stream)


def test_a_scanned_file(tmp_path):
    """Pictures without text are refused with the way to OCR."""
    canvas = Canvas(str(tmp_path / "a.pdf"))
    for _ in range(2):
        canvas.drawImage(picture(), 0, 0)
        canvas.showPage()
    canvas.save()
    with pytest.raises(IngestError, match=r"its 2 pages are pictures without text.*ocrmypdf"):
        list(load_pdf(tmp_path / "a.pdf"))


def test_some_scanned_pages(tmp_path):
    """A file of which some pages are pictures is read; blank pages are not counted as pictures."""
    canvas = Canvas(str(tmp_path / "a.pdf"))
    canvas.drawString(72, 700, "The night train leaves at nine.")
    canvas.showPage()
    canvas.drawImage(picture(), 0, 0)
    canvas.showPage()
    canvas.showPage()
    canvas.save()
    (document,) = load_pdf(tmp_path / "a.pdf")
    assert document.metadata["pages_without_text"] == 1
    assert [block.text for block in document.blocks] == ["The night train leaves at nine."]


def test_blank_pages_only(tmp_path):
    """A file with nothing on its pages is refused."""
    canvas = Canvas(str(tmp_path / "a.pdf"))
    canvas.showPage()
    canvas.showPage()
    canvas.save()
    with pytest.raises(IngestError, match="pages are empty"):
        list(load_pdf(tmp_path / "a.pdf"))


@pytest.mark.parametrize("password", ["", "secret"])
def test_encrypted_files(tmp_path, password):
    """A file that opens without a password is read, one that needs it is refused."""
    lock = pdfencrypt.StandardEncryption(password, ownerPassword="owner", strength=128)
    path = build(tmp_path / "a.pdf", [Paragraph(PROSE, BODY)], encrypt=lock)
    if password:
        with pytest.raises(IngestError, match=r"encrypted with a password.*without the password"):
            list(load_pdf(path))
    else:
        assert [block.text for block in blocks_of(path)] == [PROSE.strip()]


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\n", b"PK\x03\x04 something else", b"\0" * 5000])
def test_what_is_no_pdf(tmp_path, content):
    """Other content is refused in a sentence."""
    path = tmp_path / "a.pdf"
    path.write_bytes(content)
    with pytest.raises(IngestError) as caught:
        list(load_pdf(path))
    assert caught.value.advice


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_truncated_files(handbook, share, capfd):
    """A file that was cut off is refused in a sentence, without noise."""
    content = handbook.read_bytes()
    handbook.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(IngestError) as caught:
        blocks_of(handbook)
    assert caught.value.advice
    assert capfd.readouterr() == ("", "")


def test_blocks_come_page_by_page(handbook):
    """The first block is there before the last page was looked at, and an abandoned reading closes the file."""
    (document,) = load_pdf(handbook)
    blocks = iter(document.blocks)
    assert next(blocks).locator.pages == (1, 1)
    blocks.close()
    handbook.unlink()
    assert list(blocks) == []


def test_a_page_break_alone(tmp_path):
    """A paragraph that is complete does not run into the next page's."""
    story = [
        Paragraph("It ends here.", BODY),
        PageBreak(),
        Paragraph("another begins in lower case.", BODY),
    ]
    blocks = blocks_of(build(tmp_path / "a.pdf", story))
    assert [block.locator.pages for block in blocks] == [(1, 1), (2, 2)]
