"""PDF: headings, paragraphs, lists, code and ruled tables, each with the pages it stands on.

The text is PDFium's. Columns are read one after the other; running headers and footers, page numbers and
the dotted lines of a table of contents are left out. Tables are found by their ruled lines: a table
without them is read as lines of text.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ragnb.documents import Block, Document, Locator, Scalar
from ragnb.errors import IngestError
from ragnb.ingest.formats.pdf.blocks import pieces
from ragnb.ingest.formats.pdf.layout import regions
from ragnb.ingest.formats.pdf.pieces import UNLISTED, Piece, bare, continues, letters, merge
from ragnb.ingest.formats.pdf.style import Sample, sample
from ragnb.ingest.formats.pdf.tables import tables
from ragnb.ingest.formats.pdf.words import pdfium_lock, rulings, words
from ragnb.ingest.formats.text import title_from
from ragnb.ingest.loaders import loader

_PASSWORD = 4  # FPDF_ERR_PASSWORD
_NO_TITLE = re.compile(
    r"\(?(untitled|anonymous|unspecified|unknown|no title|print|document\d*|slide ?\d*|layout ?\d*"
    r"|powerpoint presentation|microsoft (word|powerpoint|excel) - .*"
    r"|\S*[/\\]\S*|.*\.(dvi|docx?|tex|texi|indd|qxd|pdf|pptx?|xlsx?|ps|eps|rtf|odt|odp|wpd|fm|html?|md))\)?",
    re.IGNORECASE,
)
_NOBODY = re.compile(r"\(?(anonymous|unknown|unspecified|author|user|admin(istrator)?|root|owner)\)?", re.I)
_DAY = re.compile(r"(?:D:)?(\d{4})-?(\d{2})-?(\d{2})")
_MOST_LEVELS = 6

Titles = dict[str, int]


@loader(".pdf")
def load_pdf(path: Path) -> Iterator[Document]:
    """One document a file; its pages are read one at a time, as the blocks are asked for.

    The title is that of the file's metadata, else the largest text of page 1, else the file's name. The
    metadata has ``date`` (the day the file was made), ``author``, ``pages`` and, if there are any,
    ``pages_without_text``.
    """
    with open_pdf(path) as pdf:
        count = len(pdf)
        without = _pages_without_text(pdf)
        if without == count:
            raise IngestError(
                f"It has no text: its {count} pages are pictures without text."
                if count > 1
                else "It has no text: its only page is a picture without text.",
                "Run it through OCR first, such as ocrmypdf.",
            )
        outline = _outline(pdf)
        looks = sample(pdf, is_outlined=bool(outline))
        title = _title(pdf) or looks.title or title_from(path)
        metadata = _metadata(pdf)
    if looks.is_empty:
        raise IngestError(
            f"It has no text: its {count} pages are empty.", "Check that it is the right file."
        )
    metadata["pages"] = count
    if without:
        metadata["pages_without_text"] = without
    yield Document(
        title=title, source=path.as_posix(), metadata=metadata, blocks=_blocks(path, looks, outline)
    )


@contextmanager
def open_pdf(path: Path) -> Iterator[Any]:
    """A ``pypdfium2.PdfDocument``, closed at the end. Raises `IngestError` for what cannot be opened."""
    import pypdfium2

    if not path.stat().st_size:
        raise IngestError("It is an empty file.", "Get it again from where it came.")
    with pdfium_lock:
        try:
            pdf = pypdfium2.PdfDocument(path)
            pages = len(pdf)
        except pypdfium2.PdfiumError as error:
            if getattr(error, "err_code", None) == _PASSWORD:
                raise IngestError(
                    "It is encrypted with a password.",
                    "Save a copy without the password, for instance with qpdf --decrypt.",
                ) from None
            raise IngestError("It is no PDF file, or a damaged one.", _REPAIR) from None
    try:
        if not pages:
            raise IngestError("It has no pages.", _REPAIR)
        yield pdf
    finally:
        with pdfium_lock:
            pdf.close()


_REPAIR = "Get it again from where it came, or repair it, for instance with qpdf or mutool clean."


@contextmanager
def open_page(pdf: Any, number: int) -> Iterator[Any]:
    """A page, counted from 1, under the lock. Raises `IngestError` if it is damaged."""
    import pypdfium2

    with pdfium_lock:
        try:
            page = pdf[number - 1]
        except pypdfium2.PdfiumError:
            raise IngestError(
                f"Page {number} of {len(pdf)} cannot be read: it is damaged.", _REPAIR
            ) from None
        try:
            yield page
        finally:
            page.close()


def _pages_without_text(pdf: Any) -> int:
    """How many pages show something, but no text. A blank page does not count."""
    found = 0
    for number in range(1, len(pdf) + 1):
        with open_page(pdf, number) as page:
            textpage = page.get_textpage()
            has_text = textpage.count_chars() > 0
            textpage.close()
            found += not has_text and next(page.get_objects(), None) is not None
    return found


def _blocks(path: Path, looks: Sample, outline: dict[int, Titles]) -> Iterator[Block]:
    """The blocks of all pages. A page waits for the next one, which may go on with its last paragraph."""
    waiting: list[Piece] = []
    depth = 0
    with open_pdf(path) as pdf:
        for number in range(1, len(pdf) + 1):
            found = _page(pdf, number, looks, outline.get(number, {}))
            depth = _place_unlisted(found, depth)
            last = next((p for p in reversed(waiting) if _is_body(p, looks)), None)
            first = next((p for p in found if p.kind != "table"), None)
            if last is not None and first is not None and continues(last, first):
                merge(last, first)
                found.remove(first)
                if not found:
                    continue
            yield from map(_block, waiting)
            waiting = found
    yield from map(_block, waiting)


def _place_unlisted(found: list[Piece], depth: int) -> int:
    """Put headings that the outline does not know below the last one that it knows, whose level it returns.

    ``depth`` is that level at the top of the page. Large text on page 1 is the title page's.
    """
    for piece in found:
        if piece.level == UNLISTED:
            is_title_page = piece.first == 1 and not depth
            piece.level = 0 if is_title_page else min(depth + 1, _MOST_LEVELS)
            piece.kind = "paragraph" if is_title_page else "heading"
        else:
            depth = piece.level or depth
    return depth


def _is_body(piece: Piece, looks: Sample) -> bool:
    """Not a footnote or a table, which may stand below the paragraph that goes on."""
    return piece.kind != "table" and piece.size > 0.93 * looks.style.size


def _page(pdf: Any, number: int, looks: Sample, titles: Titles) -> list[Piece]:
    with open_page(pdf, number) as page:
        seen = words(page)
        lines = rulings(page, seen.turn)
    found, outside = tables(lines, looks.body(seen, number))
    parts = pieces(regions(outside, found), looks.style, titles, number)
    if seen.turned:
        text = " ".join(word.text for word in seen.turned)
        parts.append(Piece("paragraph", text, number, number))
    return parts


def _block(piece: Piece) -> Block:
    locator = Locator(pages=(piece.first, piece.last), label=piece.label)
    return Block(piece.text, piece.kind, piece.level, locator)


def _outline(pdf: Any) -> dict[int, Titles]:
    """The titles of the outline for each page, with their levels; empty if there is none to speak of."""
    found: dict[int, Titles] = {}
    count = 0
    with pdfium_lock:
        for bookmark in pdf.get_toc(max_depth=_MOST_LEVELS):
            target = bookmark.get_dest()
            index = target.get_index() if target else None
            title = bookmark.get_title()
            if index is None or not letters(title):
                continue
            count += 1
            titles = found.setdefault(index + 1, {})
            level = min(bookmark.level + 1, _MOST_LEVELS)
            titles.setdefault(letters(title), level)
            titles.setdefault(bare(title), level)
    return found if count >= max(2, len(pdf) // 20) else {}


def _title(pdf: Any) -> str:
    """The title in the metadata, if somebody wrote one."""
    title = " ".join(pdf.get_metadata_value("Title").replace("\0", "").split())
    if _NO_TITLE.fullmatch(title) or len(letters(title)) < 2:
        return ""
    return title


def _metadata(pdf: Any) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    match = _DAY.match(pdf.get_metadata_value("CreationDate"))
    if match:
        try:
            found["date"] = datetime.date(*map(int, match.groups())).isoformat()
        except ValueError:
            pass
    author = " ".join(pdf.get_metadata_value("Author").replace("\0", "").split())
    if author and not _NOBODY.fullmatch(author):
        found["author"] = author
    return found
