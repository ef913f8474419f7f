"""PowerPoint presentations: what stands on each slide, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from ragnb.documents import Block, BlockKind, Document, Locator
from ragnb.ingest.formats import office
from ragnb.ingest.formats.tables import table
from ragnb.ingest.formats.text import title_from
from ragnb.ingest.loaders import loader

_KIND = "PowerPoint presentation"
_ROW = 228_600  # EMU, a quarter of an inch: shapes whose tops differ by less stand side by side
_DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
_RELATIONSHIP = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


@loader(".pptx", ".pptm")
def load_powerpoint(path: Path) -> Iterator[Document]:
    """One document a file. A slide's title is a heading (“Slide 7” where it has none); speaker notes
    follow as a paragraph, charts as tables. ``locator.slides`` counts from 1, hidden slides included."""
    import pptx

    office.check(path, _KIND)
    with office.reading(_KIND):
        title, metadata = office.properties(path)
        presentation = pptx.Presentation(str(path))
        blocks = [
            block
            for number, slide in enumerate(presentation.slides, start=1)
            for block in _blocks(slide, number)
        ]
    first = next((block.text for block in blocks if block.kind == "heading"), "")
    title = title or first or title_from(path)
    yield Document(title=title, source=path.as_posix(), metadata=metadata, blocks=blocks)


def _blocks(slide: Any, number: int) -> Iterator[Block]:
    locator = Locator(slides=(number, number))
    title = slide.shapes.title
    heading = " ".join(title.text_frame.text.split()) if title is not None else ""
    blocks = [
        Block(text, kind, locator=locator)
        for shape in _ordered(slide.shapes)
        if title is None or shape.shape_id != title.shape_id
        for text, kind in _contents(shape)
        if text.strip()
    ]
    frame = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    if frame is not None and frame.text.strip():
        blocks.append(Block(f"Notes: {_lines(frame)}", locator=locator))
    if heading or blocks:
        yield Block(heading or f"Slide {number}", "heading", 1, locator)
        yield from blocks


def _ordered(shapes: Any) -> Iterator[Any]:
    """Shapes from top to bottom, those side by side from left to right; a group's stay together."""
    row: list[Any] = []
    for shape in sorted(shapes, key=lambda shape: shape.top or 0):
        if row and (shape.top or 0) - (row[0].top or 0) > _ROW:
            yield from _leftmost_first(row)
            row = []
        row.append(shape)
    yield from _leftmost_first(row)


def _leftmost_first(row: list[Any]) -> Iterator[Any]:
    from pptx.shapes.group import GroupShape

    for shape in sorted(row, key=lambda shape: shape.left or 0):
        if isinstance(shape, GroupShape):
            yield from _ordered(shape.shapes)
        else:
            yield shape


def _contents(shape: Any) -> Iterator[tuple[str, BlockKind]]:
    if getattr(shape, "has_table", False):
        rows = [
            ["" if cell.is_spanned else cell.text_frame.text for cell in row.cells]
            for row in shape.table.rows
        ]
        if any(any(row) for row in rows):
            yield table(rows), "table"
    elif getattr(shape, "has_chart", False):
        yield _chart(shape.chart), "table"
    elif shape.has_text_frame and not _is_furniture(shape):
        yield _text(shape)
    else:
        yield _diagram(shape), "list"


def _text(shape: Any) -> tuple[str, BlockKind]:
    """A text box, or the points of a slide as a list."""
    from pptx.enum.shapes import PP_PLACEHOLDER

    paragraphs = [p for p in shape.text_frame.paragraphs if p.text.strip()]
    is_body = shape.is_placeholder and shape.placeholder_format.type not in (
        PP_PLACEHOLDER.SUBTITLE,
        PP_PLACEHOLDER.TITLE,
        PP_PLACEHOLDER.CENTER_TITLE,
    )
    if not is_body or len(paragraphs) < 2:
        return _lines(shape.text_frame), "paragraph"
    return "\n".join(f"{'  ' * p.level}- {' '.join(p.text.split())}" for p in paragraphs), "list"


def _lines(frame: Any) -> str:
    lines = (" ".join(paragraph.text.split()) for paragraph in frame.paragraphs)
    return "\n".join(line for line in lines if line)


def _is_furniture(shape: Any) -> bool:
    """Whether it stands on every slide: a number, a date, a footer."""
    from pptx.enum.shapes import PP_PLACEHOLDER

    return shape.is_placeholder and shape.placeholder_format.type in (
        PP_PLACEHOLDER.SLIDE_NUMBER,
        PP_PLACEHOLDER.DATE,
        PP_PLACEHOLDER.FOOTER,
        PP_PLACEHOLDER.HEADER,
    )


def _chart(chart: Any) -> str:
    """A chart's numbers as a table, a row a category, its title above it."""
    title = ""
    if chart.has_title and chart.chart_title.has_text_frame:
        title = _lines(chart.chart_title.text_frame)
    tables = []
    try:
        plots = list(chart.plots)
    except ValueError:  # python-pptx 1.0.2 knows no surface, stock and radar variants
        return title
    for plot in plots:
        series = list(plot.series)
        names = [" › ".join(levels) for levels in plot.categories.flattened_labels]
        if not names and series:  # points in the plane: the first series' x values name the rows
            names = series[0]._element.xpath("c:xVal//c:pt/c:v/text()")
        values = [list(one.values) for one in series]
        count = max([len(names), *map(len, values)], default=0)
        rows = [["", *(one.name for one in series)]]
        for n in range(count):
            numbers = [_number(column[n]) if n < len(column) else "" for column in values]
            rows.append([names[n] if n < len(names) else str(n + 1), *numbers])
        if series:
            tables.append(table(rows))
    return "\n".join(filter(None, [title.replace("\n", " "), "\n\n".join(tables)]))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"


def _diagram(shape: Any) -> str:
    """The texts of a SmartArt diagram, which has a part of its own."""
    points: list[str] = []
    for reference in shape._element.iter(f"{{{_DIAGRAM}}}relIds"):
        part = shape.part.related_part(reference.get(_RELATIONSHIP + "dm"))
        root = etree.fromstring(part.blob, etree.XMLParser(resolve_entities=False))
        for paragraph in root.iter(_A + "p"):
            text = " ".join("".join(t.text or "" for t in paragraph.iter(_A + "t")).split())
            if text:
                points.append(f"- {text}")
    return "\n".join(points)
