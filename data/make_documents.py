"""Make the handbook's binary documents from their readable sources in ``data/sources/``.

``sources/staff/winter-operations.docx.md`` becomes ``handbook/staff/winter-operations.docx``: the source's
name without its last suffix says where it goes and which format it gets. A folder whose name ends in
``.zip`` becomes an archive. Run again, the script writes the same bytes, with the library versions of
``sources/versions.json``::

    python data/make_documents.py            # into data/handbook
    python data/make_documents.py elsewhere
"""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable
from datetime import datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from markdown_sources import Piece, Source, read

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "sources"
LIBRARIES = ("markdown-it-py", "nbformat", "openpyxl", "python-docx", "python-pptx", "reportlab")


def pdf(path: Path) -> bytes:
    """Pages with a running header and a page number, ruled tables, one or two columns."""
    from reportlab.lib.colors import black, whitesmoke
    from reportlab.lib.pagesizes import A5
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfbase.pdfmetrics import stringWidth
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph, Table

    source = read(path)
    columns = int(source.metadata.get("columns", "1"))
    width, height = A5
    margin, gap, padding = 40, 14, 3
    column = (width - 2 * margin - gap * (columns - 1)) / columns
    body = ParagraphStyle("Body", fontName="Times-Roman", fontSize=9.5, leading=12.5, spaceAfter=6)
    caption = ParagraphStyle("Caption", parent=body, fontName="Times-Italic", spaceBefore=6, keepWithNext=1)
    cell = ParagraphStyle("Cell", parent=body, fontSize=8.5, leading=10.5, spaceAfter=0)
    headings = {
        level: ParagraphStyle(
            f"Heading{level}",
            fontName="Helvetica-Bold",
            fontSize=size,
            leading=size * 1.2,
            spaceBefore=10,
            spaceAfter=5,
            keepWithNext=1,
        )
        for level, size in ((1, 17), (2, 12), (3, 10))
    }
    ruled = [
        ("GRID", (0, 0), (-1, -1), 0.5, black),
        ("BACKGROUND", (0, 0), (-1, 0), whitesmoke),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), padding),
        ("RIGHTPADDING", (0, 0), (-1, -1), padding),
    ]

    def paragraph(text: str, style: Any = body) -> Any:
        return Paragraph(escape(text), style)

    def table(rows: tuple[tuple[str, ...], ...]) -> Any:
        """Each cell holds its longest word; what is left of the column goes to the longest texts."""

        def widest(texts: Iterable[str]) -> float:
            return max(stringWidth(text, cell.fontName, cell.fontSize) for text in texts)

        ranks = [list(rank) for rank in zip(*rows, strict=True)]
        least = [widest(" ".join(rank).split()) + 2 * padding + 1 for rank in ranks]
        wishes = [widest(rank) for rank in ranks]
        left = column - sum(least)
        widths = [need + left * wish / sum(wishes) for need, wish in zip(least, wishes, strict=True)]
        cells = [[paragraph(text, cell) for text in row] for row in rows]
        return Table(cells, colWidths=widths, style=ruled, spaceBefore=2, spaceAfter=8, repeatRows=1)

    def flowables(piece: Piece) -> list[Any]:
        if piece.kind == "heading":
            return [paragraph(piece.text, headings[piece.level])]
        if piece.kind == "caption":
            return [paragraph(piece.text, caption)]
        if piece.kind == "table":
            return [table(piece.rows)]
        return [paragraph(piece.text)]

    def frame_of_the_page(canvas: Any, _: Any) -> None:
        canvas.setFont("Times-Italic", 8)
        canvas.drawString(margin, height - 26, source.metadata["header"])
        canvas.drawCentredString(width / 2, 22, f"Page {canvas.getPageNumber()}")
        canvas.setLineWidth(0.4)
        canvas.line(margin, height - 31, width - margin, height - 31)

    file = io.BytesIO()
    document = BaseDocTemplate(
        file,
        pagesize=A5,
        title=source.metadata["title"],
        author=source.metadata["author"],
        lang=source.metadata["lang"],
        invariant=1,
        pageCompression=0,
    )
    lefts = [margin + n * (column + gap) for n in range(columns)]
    frames = [Frame(left, 36, column, height - 76, 0, 0, 0, 0) for left in lefts]
    document.addPageTemplates(PageTemplate(frames=frames, onPage=frame_of_the_page))
    document.build([flowable for piece in source.pieces for flowable in flowables(piece)])
    # An invariant document is dated to the first day of 2000; the new date has as many characters.
    return file.getvalue().replace(b"D:20000101000000", source.date.strftime("D:%Y%m%d%H%M%S").encode())


def docx(path: Path) -> bytes:
    """A word processor's document with styles, lists, tables and core properties."""
    from docx import Document

    source = read(path)
    document = Document()
    _describe(document.core_properties, source)
    for piece in source.pieces:
        if piece.kind == "heading":
            document.add_heading(piece.text, 0 if piece.level == 1 else piece.level - 1)
        elif piece.kind == "table":
            table = document.add_table(len(piece.rows), len(piece.rows[0]), "Table Grid")
            for row, texts in zip(table.rows, piece.rows, strict=True):
                for cell, text in zip(row.cells, texts, strict=True):
                    cell.text = text
        elif piece.kind.endswith("_list"):
            style = "List Number" if piece.kind == "ordered_list" else "List Bullet"
            for item in piece.rows[0]:
                document.add_paragraph(item, style)
        else:
            document.add_paragraph(piece.text, "Caption" if piece.kind == "caption" else None)
    return _saved(document, source.date)


def pptx(path: Path) -> bytes:
    """Slides, one for each heading; quotations are the speaker's notes."""
    from pptx import Presentation
    from pptx.util import Inches

    source = read(path)
    deck = Presentation()
    _describe(deck.core_properties, source)
    first_slide, bullets, title_only = (deck.slide_layouts[n] for n in (0, 1, 5))
    at = [n for n, piece in enumerate(source.pieces) if piece.kind == "heading"] + [len(source.pieces)]
    for first, last in pairwise(at):
        title, *pieces = source.pieces[first:last]
        kinds = {piece.kind for piece in pieces}
        layout = first_slide if title.level == 1 else title_only if "table" in kinds else bullets
        slide = deck.slides.add_slide(layout)
        slide.shapes.title.text = title.text
        for piece in pieces:
            if piece.kind == "quotation":
                slide.notes_slide.notes_text_frame.text = piece.text
            elif piece.kind == "table":
                size = len(piece.rows), len(piece.rows[0])
                frame = slide.shapes.add_table(*size, Inches(0.6), Inches(1.6), Inches(8.8), Inches(3.6))
                for row, texts in zip(frame.table.rows, piece.rows, strict=True):
                    for cell, text in zip(row.cells, texts, strict=True):
                        cell.text = text
            else:
                slide.placeholders[1].text = "\n".join(piece.rows[0]) if piece.rows else piece.text
    return _saved(deck, source.date)


def xlsx(path: Path) -> bytes:
    """A workbook from JSON: title, date, author, and the rows of each sheet."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    given = json.loads(path.read_text(encoding="utf-8"))
    book = Workbook()
    book.remove(book.active)
    for name, rows in given["sheets"].items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        sheet.freeze_panes = "A2"
        for cell in sheet[1]:
            cell.font = Font(bold=True)
    date = datetime.fromisoformat(given["date"])
    book.properties.title, book.properties.creator = given["title"], given["author"]
    book.properties.language = given["lang"]
    return _saved(book, date)


def ipynb(path: Path) -> bytes:
    """A notebook: fences are cells of code, a fence marked ``output`` is the output of the cell above."""
    from nbformat import v4, writes

    source = read(path)
    cells: list[Any] = []
    prose: list[str] = []

    def add(cell: Any) -> None:
        cell.id = f"cell-{len(cells) + 1}"
        cells.append(cell)

    def add_prose() -> None:
        if prose:
            add(v4.new_markdown_cell("\n\n".join(prose)))
            prose.clear()

    executed = 0
    for piece in source.pieces:
        if piece.kind == "python":
            add_prose()
            executed += 1
            add(v4.new_code_cell(piece.text, execution_count=executed))
        elif piece.kind == "output":
            printed = "print(" in cells[-1].source
            cells[-1].outputs = [
                v4.new_output("stream", name="stdout", text=piece.text + "\n")
                if printed
                else v4.new_output("execute_result", {"text/plain": piece.text}, execution_count=executed)
            ]
        else:
            prose.append(piece.markdown)
    add_prose()
    author = source.metadata["author"]
    about = {
        "title": source.metadata["title"],
        "date": source.metadata["date"],
        "authors": [{"name": author}],
    }
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    about |= {"lang": source.metadata["lang"], "kernelspec": kernel, "language_info": {"name": "python"}}
    return (writes(v4.new_notebook(cells=cells, metadata=about)).rstrip("\n") + "\n").encode()


def archive(folder: Path) -> bytes:
    """A zip archive of the files of a folder."""
    return _zipped(
        {path.name: path.read_bytes() for path in sorted(folder.iterdir())}, datetime(2020, 1, 7)
    )


def _describe(properties: Any, source: Source) -> None:
    properties.title, properties.author = source.metadata["title"], source.metadata["author"]
    properties.last_modified_by, properties.language = source.metadata["author"], source.metadata["lang"]
    properties.comments, properties.revision = "", 1


def _saved(document: Any, date: datetime) -> bytes:
    """What the library saves, with every time in it set to the document's date."""
    file = io.BytesIO()
    document.save(file)
    with zipfile.ZipFile(file) as saved:
        parts = {name: saved.read(name) for name in saved.namelist()}
    core = parts["docProps/core.xml"].decode()
    stamp = f"{date:%Y-%m-%dT%H:%M:%SZ}"
    for name in ("created", "modified"):
        core = re.sub(rf"(<dcterms:{name}[^>]*>)[^<]*<", rf"\g<1>{stamp}<", core)
    parts["docProps/core.xml"] = core.encode()
    return _zipped(parts, date)


def _zipped(parts: dict[str, bytes], date: datetime) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            info = zipfile.ZipInfo(name, date.timetuple()[:6])
            info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 3
            packed.writestr(info, content)
    return file.getvalue()


WRITERS: dict[str, Callable[[Path], bytes]] = {
    ".pdf": pdf, ".docx": docx, ".pptx": pptx, ".xlsx": xlsx, ".ipynb": ipynb, ".zip": archive,
}  # fmt: skip


def versions() -> dict[str, str]:
    """The versions that decide the bytes."""
    return {name: version(name) for name in LIBRARIES} | {"zlib": zlib.ZLIB_RUNTIME_VERSION}


def targets() -> dict[Path, Path]:
    """Each document, relative to the handbook, and the source that it is made from."""
    found = {}
    for path in sorted(SOURCES.rglob("*")):
        target = path.relative_to(SOURCES)
        if path.is_file() and not any(part.endswith(".zip") for part in target.parts):
            target = target.with_suffix("")
        if target.suffix in WRITERS:
            found[target] = path
    return found


def make(into: Path) -> list[Path]:
    """Write all documents into a folder; their paths, relative to it."""
    made = []
    for target, source in targets().items():
        (into / target).parent.mkdir(parents=True, exist_ok=True)
        (into / target).write_bytes(WRITERS[target.suffix](source))
        made.append(target)
    return made


if __name__ == "__main__":
    for name in make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "handbook"):
        print(name.as_posix())
    if len(sys.argv) == 1:
        (SOURCES / "versions.json").write_text(json.dumps(versions(), indent=1) + "\n")
