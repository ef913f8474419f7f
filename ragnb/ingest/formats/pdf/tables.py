"""Ruled tables on a PDF page: where the lines cross, what stands in the cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from ragnb.ingest.formats.pdf.pieces import join
from ragnb.ingest.formats.pdf.words import Box, Word, rows

_SNAP = 3.0  # points: lines nearer than this are one
_SHORT = 3.0  # points: a line shorter than this is an ornament
_MOST_CROSSINGS = 4000  # on a page: more is graph paper


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its box on the page, its words cell by cell, and its text in Markdown."""

    box: Box
    words: tuple[Word, ...]
    markdown: str

    @property
    def top(self) -> float:
        return self.box[1]


def tables(rulings: Sequence[Box], words: Sequence[Word]) -> tuple[list[Table], list[Word]]:
    """The ruled tables among some words, and the words that stand in none of them.

    A table has at least two rows, two columns and, in half of its rows, two cells with text: a box
    around a text is none. A table may be open at its sides; one without any upright line is not found.
    """
    outside = list(words)
    found: list[Table] = []
    for cells in _grids(rulings):
        box = (
            min(c[0] for c in cells),
            min(c[1] for c in cells),
            max(c[2] for c in cells),
            max(c[3] for c in cells),
        )
        inside = [word for word in outside if _is_in(word, box)]
        table = _table(box, cells, inside)
        if table is not None:
            taken = set(map(id, table.words))
            outside = [word for word in outside if id(word) not in taken]
            found.append(table)
    return found, outside


def _grids(rulings: Sequence[Box]) -> list[list[Box]]:
    """The cells of each grid that the lines make."""
    edges = [edge for edge in map(_edge, rulings) if edge is not None]
    upright = sum(edge["orientation"] == "v" for edge in edges)
    if upright < 1 or len(edges) - upright < 3:
        return []

    from pdfplumber import table as geometry

    edges = geometry.merge_edges(edges, _SNAP, _SNAP, _SNAP, _SNAP)
    edges = geometry.merge_edges([*edges, *_sides(edges)], _SNAP, _SNAP, _SNAP, _SNAP)
    crossings = geometry.edges_to_intersections(edges, _SNAP, _SNAP)
    if len(crossings) > _MOST_CROSSINGS:
        return []
    cells = geometry.intersections_to_cells(crossings)
    return [list(grid) for grid in geometry.cells_to_tables(cells) if len(grid) > 2]


def _sides(edges: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The left and right edges of tables that are open there: at the ends of lines of one length, one
    below the other, that some upright line connects."""
    level = sorted((edge for edge in edges if edge["orientation"] == "h"), key=lambda edge: edge["top"])
    upright = [edge for edge in edges if edge["orientation"] == "v"]
    for n, upper in enumerate(level):
        for lower in level[n + 1 :]:
            if abs(upper["x0"] - lower["x0"]) > _SNAP or abs(upper["x1"] - lower["x1"]) > _SNAP:
                continue
            y0, y1 = upper["top"], lower["top"]
            if any(
                upper["x0"] < edge["x0"] < upper["x1"]
                and edge["top"] <= y0 + _SNAP
                and edge["bottom"] >= y1 - _SNAP
                for edge in upright
            ):
                for x in (upper["x0"], upper["x1"]):
                    side = _edge((x, y0, x, y1))
                    if side is not None:
                        yield side
            break


def _edge(ruling: Box) -> dict[str, Any] | None:
    x0, top, x1, bottom = ruling
    width, height = x1 - x0, bottom - top
    if max(width, height) < _SHORT:
        return None
    return {
        "x0": x0,
        "x1": x1,
        "top": top,
        "bottom": bottom,
        "doctop": top,
        "width": width,
        "height": height,
        "orientation": "h" if width > height else "v",
    }


def _is_in(word: Word, box: Box) -> bool:
    x, y = (word.x0 + word.x1) / 2, (word.top + word.bottom) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _table(box: Box, cells: list[Box], words: list[Word]) -> Table | None:
    columns = sorted({cell[0] for cell in cells})
    texts: list[list[str]] = []
    taken: list[Word] = []
    for top in sorted({cell[1] for cell in cells}):
        row: list[list[list[Word]]] = [[] for _ in columns]
        for cell in cells:
            if cell[1] == top:
                row[columns.index(cell[0])] = rows(word for word in words if _is_in(word, cell))
        for part in _split(row):
            taken += [word for lines in part for line in lines for word in line]
            texts.append([_cell(lines) for lines in part])
    texts = [row_texts for row_texts in texts if any(row_texts)]
    kept = [n for n in range(len(columns)) if any(row_texts[n] for row_texts in texts)]
    texts = [[row_texts[n] for n in kept] for row_texts in texts]
    full = sum(sum(map(bool, row_texts)) > 1 for row_texts in texts)
    if len(texts) < 2 or len(kept) < 2 or full * 2 < len(texts):
        return None
    rule = "| " + " | ".join("---" for _ in kept) + " |"
    lines = ["| " + " | ".join(row_texts) + " |" for row_texts in texts]
    return Table(box, tuple(dict.fromkeys(taken)), "\n".join([lines[0], rule, *lines[1:]]))


def _split(row: list[list[list[Word]]]) -> list[list[list[list[Word]]]]:
    """A row of cells, each a list of lines, as the rows it stands for.

    Many tables have lines only under their header and around their body: where three or more lines
    stand side by side in every cell, each is a row.
    """
    count = len(row[0])
    if count < 3 or any(len(cell) != count for cell in row):
        return [row]
    for beside in zip(*row, strict=True):
        baselines = [line[0].baseline for line in beside]
        if max(baselines) - min(baselines) > 2:
            return [row]
    return [[[cell[n]] for cell in row] for n in range(count)]


def _cell(lines: list[list[Word]]) -> str:
    """Lines as the text of a cell of a Markdown table."""
    texts = [" ".join(word.text for word in line) for line in lines]
    return reduce(join, texts).replace("|", "\\|") if texts else ""
