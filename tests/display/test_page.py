"""A passage on its page: the picture shows the page and marks the passage's words, and no others."""

from __future__ import annotations

import io
import re

import pypdfium2
import pytest
from PIL import Image, ImageChops
from reportlab.pdfgen.canvas import Canvas

from ragnb.display.page import page_picture
from ragnb.documents import Chunk, Locator
from ragnb.errors import InvalidInputError
from ragnb.ingest.chunking import chunk
from ragnb.ingest.formats.pdf.loader import load_pdf

LINES = [
    "The night train leaves at nine and reaches the coast.",
    "Breakfast is brought to the compartment at seven.",
    "Berths are kept for an hour at the last of the sta-",
    "tions, unless the train is late. Dogs ride for free.",
]


@pytest.fixture
def timetable(tmp_path):
    """Two pages: four lines far apart from each other, then the same on a page that is shown turned."""
    path = tmp_path / "timetable.pdf"
    canvas = Canvas(str(path), pagesize=(400, 400))
    for turned in (False, True):
        if turned:
            canvas.setPageRotation(90)
            canvas.translate(400, 0)
            canvas.rotate(90)
        for n, line in enumerate(LINES):
            canvas.drawString(50, 350 - 14 * n, line)
        canvas.showPage()
    canvas.save()
    return path


def passage(path, text, page=1):
    return Chunk(
        id="1",
        document="d",
        text=text,
        title="Timetable",
        source=str(path),
        locator=Locator(pages=(page, page)),
    )


def marked_rows(picture, width):
    """Which lines of the page have yellow in them, from their heights in the picture."""
    image = Image.open(io.BytesIO(picture.png)).convert("RGB")
    assert image.width == width
    red, _, blue = image.split()
    yellow = ImageChops.subtract(red, blue).point(lambda value: 255 * (value > 60))
    scale = width / 400
    found = []
    for n in range(len(LINES)):
        y = (50 + 14 * n - 4) * scale
        strip = yellow.crop((0, int(y - 2), width, int(y + 2))).getbbox()
        if strip:
            found.append((n, round(strip[0] / scale), round(strip[2] / scale)))
    return found


@pytest.mark.parametrize("page", [1, 2])
@pytest.mark.parametrize("width", [400, 900])
def test_the_passage_is_marked(timetable, page, width):
    """The words of the passage are yellow, those around it are not; a divided word is found too."""
    text = "Breakfast is brought to the compartment at seven. Berths are kept for an hour at the last of the stations,"
    found = marked_rows(page_picture(passage(timetable, text, page), width=width), width)
    assert [n for n, _, _ in found] == [1, 2, 3]
    assert all(48 <= left <= 51 for _, left, _ in found)
    assert found[2][2] < 100


def test_a_single_common_word_elsewhere_is_not_marked(timetable):
    """The word “the” in another sentence is no part of the passage."""
    picture = page_picture(passage(timetable, "unless the train is late. Dogs ride for free."), width=400)
    assert [n for n, _, _ in marked_rows(picture, 400)] == [3]


def test_a_passage_that_is_not_there(timetable):
    """The page is shown without marks."""
    picture = page_picture(passage(timetable, "something else entirely is written here"), width=400)
    assert marked_rows(picture, 400) == []
    assert picture.alt == "Page 1 of Timetable"


def test_chunks_of_a_file(timetable):
    """What the loader and the chunker make can be shown."""
    (document,) = load_pdf(timetable)
    pieces = list(
        chunk(
            document,
            name="t",
            budget=40,
            count=lambda texts: [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts],
        )
    )
    for piece in pieces:
        assert "with the passage marked that begins" in page_picture(piece).alt


def test_it_shows_itself(timetable, tmp_path):
    """It is a picture with a text in its place, and can be saved."""
    picture = page_picture(passage(timetable, 'Dogs ride for free. <b>"x"</b>'))
    png, metadata = picture._repr_png_()
    assert Image.open(io.BytesIO(png)).size == (700, 700)
    assert metadata["alt"].startswith("Page 1 of Timetable, with the passage marked that begins: Dogs ride")
    assert "&lt;b&gt;&quot;x&quot;" in picture._repr_html_()
    picture.save(tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes() == png


def test_not_from_a_pdf(tmp_path):
    """A passage without a page is refused in a sentence."""
    text = Chunk(id="1", document="d", text="x", source="a.md", locator=Locator(lines=(1, 2)))
    with pytest.raises(InvalidInputError, match="is no PDF file"):
        page_picture(text)
    with pytest.raises(InvalidInputError, match="is no PDF file"):
        page_picture(passage(tmp_path / "a.docx", "x"))


def test_the_file_is_gone(timetable):
    """A file that was moved is named."""
    timetable.unlink()
    with pytest.raises(InvalidInputError, match=r"timetable\.pdf is no longer"):
        page_picture(passage(timetable, "x"))


def test_the_file_has_changed(timetable):
    """A page that is no longer there is told, with what to do."""
    with pytest.raises(InvalidInputError, match=r"has only 2 pages.*ingest it again"):
        page_picture(passage(timetable, "x", page=3))


@pytest.mark.parametrize("width", [0, -5, 100_000])
def test_width(timetable, width):
    """A width that makes no picture is refused."""
    with pytest.raises(InvalidInputError, match="pixels wide"):
        page_picture(passage(timetable, "x"), width=width)


def test_the_file_is_closed(timetable):
    """The picture leaves nothing of the file open."""
    page_picture(passage(timetable, "Dogs ride for free."))
    with pypdfium2.PdfDocument(timetable) as again:
        assert len(again) == 2
