"""PowerPoint presentations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pptx
import pytest
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from ragnb.documents import Block, Document
from ragnb.errors import IngestError
from ragnb.ingest.chunking import chunk
from ragnb.ingest.formats.powerpoint import load_powerpoint

BLANK, TITLE, POINTS = 6, 0, 1


@pytest.fixture
def deck() -> Any:
    """A presentation without slides."""
    return pptx.Presentation()


def add(deck: Any, layout: int = BLANK) -> Any:
    return deck.slides.add_slide(deck.slide_layouts[layout])


def write(shapes: Any, text: str, left: float, top: float) -> None:
    shapes.add_textbox(Inches(left), Inches(top), Inches(1), Inches(1)).text_frame.text = text


def load(deck: Any, path: Path) -> tuple[Document, list[Block]]:
    deck.save(str(path))
    [document] = load_powerpoint(path)
    return document, list(document.blocks)


def everything(slide: Any) -> str:
    """All text of a slide's XML and of its notes."""
    texts = [element.text or "" for element in slide._element.iter() if element.tag.endswith("}t")]
    return "\n".join([*texts, slide.notes_slide.notes_text_frame.text if slide.has_notes_slide else ""])


def test_locators_are_true(deck: Any, tmp_path: Path) -> None:
    """Every line of every chunk stands on the slides that its locator names."""
    for n in range(6):
        slide = add(deck, POINTS)
        slide.shapes.title.text = f"Topic {n // 2}"  # two slides may share a title
        slide.placeholders[1].text_frame.text = "\n".join(f"point {n}.{m} of this slide" for m in range(9))
        slide.notes_slide.notes_text_frame.text = f"Say what {n} means."
    document, _ = load(deck, tmp_path / "a.pptx")
    slides = list(pptx.Presentation(str(tmp_path / "a.pptx")).slides)
    found = list(chunk(document, name="a", budget=40, count=lambda texts: [len(t.split()) for t in texts]))
    assert len(found) > 6
    for one in found:
        first, last = one.locator.slides or (0, 0)
        text = "\n".join(everything(slide) for slide in slides[first - 1 : last])
        assert one.locator.heading[0] in text
        for line in one.text.splitlines():
            assert line.removeprefix("- ").removeprefix("Notes: ") in text


def test_a_slide_without_title_has_its_number(deck: Any, tmp_path: Path) -> None:
    """An empty slide has nothing to be found by."""
    add(deck, TITLE).shapes.title.text = "Night trains"
    add(deck)
    write(add(deck).shapes, "Something", 1, 1)
    document, found = load(deck, tmp_path / "a.pptx")
    assert document.title == "Night trains"
    assert [block.text for block in found] == ["Night trains", "Slide 3", "Something"]


def test_boxes_are_read_from_top_to_bottom_and_left_to_right(deck: Any, tmp_path: Path) -> None:
    """The order in which they were drawn does not count; what is grouped stays together."""
    slide = add(deck)
    write(slide.shapes, "right", 5, 1)
    write(slide.shapes, "left", 1, 1.1)
    group = slide.shapes.add_group_shape()
    write(group.shapes, "grouped", 1, 5)
    write(group.shapes.add_group_shape().shapes, "deeper", 2, 5)
    write(slide.shapes, "top", 1, 0)
    _, found = load(deck, tmp_path / "a.pptx")
    assert [block.text for block in found[1:]] == ["top", "left", "right", "grouped", "deeper"]


def test_points_are_a_list(deck: Any, tmp_path: Path) -> None:
    """With the indentation of their levels."""
    slide = add(deck, POINTS)
    slide.shapes.title.text = "Dogs"
    slide.placeholders[1].text_frame.text = "Large\nSmall"
    slide.placeholders[1].text_frame.paragraphs[1].level = 1
    _, (_, points) = load(deck, tmp_path / "a.pptx")
    assert (points.kind, points.text) == ("list", "- Large\n  - Small")


def test_tables_and_charts_are_tables(deck: Any, tmp_path: Path) -> None:
    """Merged cells are not repeated; a chart is the numbers it draws."""
    slide = add(deck)
    table = slide.shapes.add_table(2, 2, 0, 0, Inches(3), Inches(1)).table
    table.cell(0, 0).text = "Fares"
    table.cell(0, 0).merge(table.cell(0, 1))
    table.cell(1, 0).text, table.cell(1, 1).text = "a|b", "12"
    bars = CategoryChartData()
    bars.categories = ["East", "West"]
    bars.add_series("Q1", (1.5, 2))
    bars.add_series("Q2", (3, None))
    chart = slide.shapes.add_chart(
        XL_CHART_TYPE.COLUMN_CLUSTERED, 0, Inches(2), Inches(3), Inches(2), bars
    ).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Sales"
    points = XyChartData()
    series = points.add_series("Speed")
    series.add_data_point(10, 2)
    slide.shapes.add_chart(XL_CHART_TYPE.XY_SCATTER, 0, Inches(5), Inches(3), Inches(2), points)
    _, found = load(deck, tmp_path / "a.pptx")
    assert [block.text for block in found[1:]] == [
        "| Fares |  |\n| --- | --- |\n| a\\|b | 12 |",
        "Sales\n|  | Q1 | Q2 |\n| --- | --- | --- |\n| East | 1.5 | 3 |\n| West | 2 |  |",
        "|  | Speed |\n| --- | --- |\n| 10 | 2 |",
    ]


def test_notes_are_a_paragraph(deck: Any, tmp_path: Path) -> None:
    """What the speaker says is found, too."""
    add(deck).notes_slide.notes_text_frame.text = "Smile."
    _, found = load(deck, tmp_path / "a.pptx")
    assert [block.text for block in found] == ["Slide 1", "Notes: Smile."]


def test_the_properties_are_metadata(deck: Any, tmp_path: Path) -> None:
    """Author and day; PowerPoint's own title for untitled files is none."""
    deck.core_properties.title, deck.core_properties.author = "PowerPoint Presentation", "Åse"
    document, _ = load(deck, tmp_path / "night_trains.pptx")
    assert document.title == "Night trains"
    assert document.metadata == {"author": "Åse", "date": "2013-01-27"}


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"PK\x03\x04 cut", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99)]
)
def test_what_is_no_presentation_is_told(tmp_path: Path, content: bytes) -> None:
    """Never a traceback of the library."""
    (tmp_path / "a.pptx").write_bytes(content)
    with pytest.raises(IngestError):
        list(load_powerpoint(tmp_path / "a.pptx"))


def test_another_office_format_is_told(tmp_path: Path) -> None:
    """A Word document under the wrong suffix."""
    import docx

    docx.Document().save(str(tmp_path / "a.pptx"))
    with pytest.raises(IngestError, match="PowerPoint"):
        list(load_powerpoint(tmp_path / "a.pptx"))
