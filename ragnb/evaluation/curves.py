"""Curves of one quantity over another, as SVG that a page may hold without scripts; see `plots`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ragnb.evaluation.plots import BLUE, FONT, GREY, ORANGE, embedded

_LEFT, _TOP, _WIDTH, _HEIGHT, _RIGHT, _BOTTOM = 56, 30, 380, 220, 190, 44  # pixels
Ticks = Sequence[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Line:
    """Points joined in their order; ``strong`` draws it in the colour of what matters."""

    name: str
    points: Sequence[tuple[float, float]]
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    """A single point with its name beside it."""

    name: str
    x: float
    y: float
    strong: bool = False


def chart(
    title: str,
    lines: Sequence[Line],
    dots: Sequence[Dot],
    x: tuple[str, Ticks],
    y: tuple[str, Ticks],
    alt: str,
) -> str:
    """An ``<img>`` of lines and dots; ``x`` and ``y`` are the names of the axes and their ticks, of which
    the first and last are the ends. ``alt`` is what it says for those who do not see it."""
    (x_name, x_ticks), (y_name, y_ticks) = x, y

    def across(value: float) -> float:
        return round(_LEFT + _WIDTH * _share(value, x_ticks), 1)

    def down(value: float) -> float:
        return round(_TOP + _HEIGHT * (1 - _share(value, y_ticks)), 1)

    width, height = _LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + _BOTTOM
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"viewBox='0 0 {width} {height}' {FONT} fill='{GREY}'>",
        _text(_LEFT, 16, title, "font-weight='600'"),
        _text(_LEFT + _WIDTH // 2, height - 8, x_name, "text-anchor='middle'"),
        f"<text transform='translate(12 {_TOP + _HEIGHT // 2}) rotate(-90)' text-anchor='middle'>"
        f"{escape(y_name)}</text>",
    ]
    for value, name in x_ticks:
        parts += [
            _rule(across(value), _TOP, across(value), _TOP + _HEIGHT),
            _text(across(value), _TOP + _HEIGHT + 16, name, "text-anchor='middle' font-size='11'"),
        ]
    for value, name in y_ticks:
        parts += [
            _rule(_LEFT, down(value), _LEFT + _WIDTH, down(value)),
            _text(_LEFT - 6, down(value) + 4, name, "text-anchor='end' font-size='11'"),
        ]
    for line in lines:
        points = " ".join(f"{across(a)},{down(b)}" for a, b in line.points)
        colour, dashes = (ORANGE, "") if line.strong else (BLUE, " stroke-dasharray='4 3'")
        parts.append(
            f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='2'{dashes}/>"
        )
    for dot in dots:
        colour = ORANGE if dot.strong else BLUE
        parts += [
            f"<circle cx='{across(dot.x)}' cy='{down(dot.y)}' r='4.5' fill='{colour}'/>",
            _label(across(dot.x), down(dot.y), dot.name),
        ]
    for place, line in enumerate(lines):
        colour, height = ORANGE if line.strong else BLUE, _TOP + 8 + 18 * place
        dashes = "" if line.strong else " stroke-dasharray='4 3'"
        start = _LEFT + _WIDTH + 20
        parts.append(
            f"<line x1='{start}' x2='{start + 22}' y1='{height}' y2='{height}' stroke='{colour}' "
            f"stroke-width='2'{dashes}/>" + _text(start + 28, height + 4, line.name, "")
        )
    return embedded("".join(parts) + "</svg>", alt)


def percent_ticks(low: float, high: float) -> Ticks:
    """Four to six ticks in whole per cent around what is shown."""
    step = next((one for one in (0.01, 0.02, 0.05, 0.1, 0.25, 0.5) if (high - low) / one <= 5), 1.0)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [(n * step, f"{n * step:.0%}") for n in range(first, max(last, first + 1) + 1)]


def _label(x: float, y: float, name: str) -> str:
    """Beside a point, on the side where there is room."""
    is_right = x > _LEFT + 0.8 * _WIDTH
    anchor = "text-anchor='end'" if is_right else ""
    return _text(x - 4 if is_right else x + 8, y + 18 if is_right else y + 14, name, anchor)


def _share(value: float, ticks: Ticks) -> float:
    start, stop = ticks[0][0], ticks[-1][0]
    return (min(max(value, start), stop) - start) / ((stop - start) or 1)


def _text(x: float, y: float, words: str, style: str) -> str:
    return f"<text x='{x}' y='{y}' {style}>{escape(words)}</text>"


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f"<line x1='{x1}' y1='{y1}' x2='{x2}' y2='{y2}' stroke='{GREY}' stroke-opacity='0.35'/>"
