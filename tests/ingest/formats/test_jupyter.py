"""Jupyter notebooks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v2, v3, v4

from ragnb.documents import Block, Document
from ragnb.errors import IngestError
from ragnb.ingest.chunking import chunk
from ragnb.ingest.formats.jupyter import load_jupyter


def load(cells: list[Any], path: Path, **metadata: Any) -> tuple[Document, list[Block]]:
    path.write_text(nbformat.writes(v4.new_notebook(cells=cells, metadata=metadata)))
    [document] = load_jupyter(path)
    return document, list(document.blocks)


def texts(blocks: list[Block]) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in blocks]


def shown(data: dict[str, str]) -> Any:
    return v4.new_code_cell("show()", outputs=[v4.new_output("display_data", data)])


def test_locators_are_true(tmp_path: Path) -> None:
    """Every line of every chunk stands in a cell that its locator names, as source or as output."""
    cells: list[Any] = []
    for n in range(12):
        cells.append(
            v4.new_markdown_cell(
                f"## Step {n}\n\nFirst {n} words. Then more words.\n\n- one {n}\n- two {n}"
            )
        )
        output = v4.new_output("stream", text="".join(f"printed {n} {m}\n" for m in range(30)))
        cells.append(v4.new_code_cell("\n".join(f"x{n}_{m} = {m}" for m in range(20)), outputs=[output]))
    document, _ = load(cells, tmp_path / "a.ipynb")
    written = json.loads((tmp_path / "a.ipynb").read_text())["cells"]
    found = list(chunk(document, name="a", budget=40, count=lambda texts: [len(t.split()) for t in texts]))
    assert len(found) > 24
    for one in found:
        first, last = one.locator.cells or (0, 0)
        within = "".join(
            "".join(cell["source"]) + "\n" + "".join(t for o in cell.get("outputs", []) for t in o["text"])
            for cell in written[first - 1 : last]
        )
        for line in one.text.splitlines():
            assert line.startswith("```") or line in within


def test_code_is_fenced_with_the_language_of_the_kernel(tmp_path: Path) -> None:
    """Also where the code has fences itself; raw cells are text, empty ones nothing."""
    cells = [v4.new_code_cell('x <- "```"'), v4.new_code_cell(""), v4.new_raw_cell("as it is")]
    _, found = load(
        cells, tmp_path / "a.ipynb", kernelspec={"name": "ir", "display_name": "R", "language": "R"}
    )
    assert texts(found) == [("code", '````r\nx <- "```"\n````'), ("paragraph", "as it is")]
    assert [block.locator.cells for block in found] == [(1, 1), (3, 3)]


def test_tables_are_read_from_their_html(tmp_path: Path) -> None:
    """As a data frame shows itself; Markdown is read as such, its headings as text."""
    frame = "<table><tr><th></th><th>fare</th></tr><tr><th>0</th><td>12</td></tr></table>"
    cells = [
        shown({"text/html": frame, "text/plain": "   fare\n0  12"}),
        shown({"text/markdown": "# Big\n\nwords"}),
    ]
    _, found = load(cells, tmp_path / "a.ipynb")
    assert [(b.kind, b.text) for b in found if b.kind != "code"] == [
        ("table", "|  | fare |\n| --- | --- |\n| 0 | 12 |"),
        ("paragraph", "Big"),
        ("paragraph", "words"),
    ]


def test_images_and_widgets_are_left_out(tmp_path: Path) -> None:
    """And what stands for them in a text."""
    cells = [
        shown({"image/png": "iVBOR", "text/plain": "<Figure size 640x480 with 1 Axes>"}),
        shown({"text/plain": "[<matplotlib.lines.Line2D at 0x7f00>]"}),
        shown({"application/vnd.jupyter.widget-view+json": "{}", "text/plain": "IntSlider(value=3)"}),
    ]
    _, found = load(cells, tmp_path / "a.ipynb")
    assert [block.text for block in found] == ["```python\nshow()\n```"] * 3


def test_errors_and_progress_bars(tmp_path: Path) -> None:
    """An error is its name and value; of a line drawn over and over, the last state counts."""
    outputs = [
        v4.new_output("stream", text="10%\r 50%\r100%\n\x1b[31mred\x1b[0m\n"),
        v4.new_output("error", ename="ValueError", evalue="no dog", traceback=["\x1b[31m..."]),
    ]
    _, (_, printed, error) = load([v4.new_code_cell("run()", outputs=outputs)], tmp_path / "a.ipynb")
    assert printed.text == "```text\n100%\nred\n```"
    assert error.text == "ValueError: no dog"


def test_long_outputs_are_cut(tmp_path: Path) -> None:
    """At a line, and the fence is closed."""
    output = v4.new_output("stream", text="".join(f"line {n}\n" for n in range(5000)))
    _, (_, printed) = load([v4.new_code_cell("run()", outputs=[output])], tmp_path / "a.ipynb")
    *lines, dots, fence = printed.text.splitlines()
    assert (dots, fence) == ("…", "```")
    assert lines[1:] == [f"line {n}" for n in range(len(lines) - 1)]
    assert len(printed.text) < 4100


def test_titles_and_authors(tmp_path: Path) -> None:
    """The first heading, else the file's name."""
    document, _ = load(
        [v4.new_markdown_cell("Hi\n\n# Dogs *travel*")], tmp_path / "a.ipynb", authors=[{"name": "Åse"}]
    )
    assert (document.title, document.metadata) == ("Dogs travel", {"author": "Åse"})
    assert load([], tmp_path / "night_trains.ipynb")[0].title == "Night trains"


def test_older_formats_are_read(tmp_path: Path) -> None:
    """Versions 2 and 3, which have worksheets and heading cells."""
    third = v3.new_notebook(
        worksheets=[
            v3.new_worksheet(cells=[v3.new_heading_cell("Dogs", level=1), v3.new_code_cell("run()")])
        ]
    )
    second = v2.new_notebook(
        worksheets=[
            v2.new_worksheet(cells=[v2.new_text_cell("markdown", "# Dogs"), v2.new_code_cell("run()")])
        ]
    )
    for version, notebook in ((3, third), (2, second)):
        path = tmp_path / f"{version}.ipynb"
        path.write_text(json.dumps({**notebook, "nbformat": version, "nbformat_minor": 0}))
        [document] = load_jupyter(path)
        blocks = list(document.blocks)
        assert texts(blocks) == [("heading", "Dogs"), ("code", "```python\nrun()\n```")]
        assert [block.locator.cells for block in blocks] == [(1, 1), (2, 2)]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "hello",
        "{}",
        "[]",
        '{"cells": 3, "nbformat": 4}',
        '{"cells": [',
        '{"nbformat": 99, "cells": [1]}',
    ],
)
def test_what_is_no_notebook_is_told(tmp_path: Path, content: str) -> None:
    """Never a traceback of the library."""
    (tmp_path / "a.ipynb").write_text(content)
    with pytest.raises(IngestError, match="notebook"):
        list(load_jupyter(tmp_path / "a.ipynb"))
