"""Small pictures of intervals and times, as SVG that a page may hold without scripts or styles.

They are put in as images: what strips them shows their text instead, and the table beside them has the
figures. The colours are seen on white and on black.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

GREY, BLUE, ORANGE = "#808080", "#3f88d0", "#d97a1c"
_ROW, _TOP, _LABEL, _GAP = 22, 26, 130, 30  # pixels
FONT = "font-family='system-ui,sans-serif' font-size='12'"


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with its interval; ``strong`` draws it in the colour of what matters."""

    value: float
    low: float | None = None
    high: float | None = None
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """A column of marks, one a row, None where there is none, on an axis with these ticks and their
    names; ``width`` is in pixels."""

    title: str
    marks: Sequence[Mark | None]
    ticks: Sequence[tuple[float, str]]
    width: int = 210


def image(labels: Sequence[str], panels: Sequence[Panel], alt: str) -> str:
    """An ``<img>`` with the panels side by side, and what it says for those who do not see it."""
    width = _LABEL + sum(panel.width + _GAP for panel in panels)
    height = _TOP + _ROW * len(labels) + 24
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"viewBox='0 0 {width} {height}' {FONT} fill='{GREY}'>"
    ]
    parts += [
        f"<text x='{_LABEL - 12}' y='{_middle(row) + 4}' text-anchor='end'>{escape(label)}</text>"
        for row, label in enumerate(labels)
    ]
    left = _LABEL
    for panel in panels:
        parts += _panel(panel, left, len(labels))
        left += panel.width + _GAP
    return embedded("".join(parts) + "</svg>", alt)


def embedded(svg: str, alt: str) -> str:
    """The picture as an ``<img>`` that needs no other file."""
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{escape(alt)}" src="data:image/svg+xml;base64,{data}" style="max-width:100%">'


def _panel(panel: Panel, left: int, rows: int) -> list[str]:
    start, stop = panel.ticks[0][0], panel.ticks[-1][0]

    def x(value: float) -> str:
        share = (min(max(value, start), stop) - start) / ((stop - start) or 1)
        return f"{left + panel.width * share:.1f}"

    bottom = _TOP + _ROW * rows
    parts = [f"<text x='{left}' y='14' font-weight='600'>{escape(panel.title)}</text>"]
    for value, name in panel.ticks:
        parts.append(
            f"<line x1='{x(value)}' x2='{x(value)}' y1='{_TOP}' y2='{bottom}' stroke='{GREY}' "
            f"stroke-opacity='0.35'/><text x='{x(value)}' y='{bottom + 16}' text-anchor='middle' "
            f"font-size='11'>{escape(name)}</text>"
        )
    for row, mark in enumerate(panel.marks):
        if mark is None:
            continue
        colour, y = ORANGE if mark.strong else BLUE, _middle(row)
        if mark.low is not None and mark.high is not None:
            parts.append(
                f"<line x1='{x(mark.low)}' x2='{x(mark.high)}' y1='{y}' y2='{y}' stroke='{colour}' "
                "stroke-width='3' stroke-opacity='0.6'/>"
            )
        parts.append(f"<circle cx='{x(mark.value)}' cy='{y}' r='4.5' fill='{colour}'/>")
    return parts


def _middle(row: int) -> int:
    return _TOP + row * _ROW + _ROW // 2
