"""Time and cost, question by question, as pictures that need no script; what differs from run to run."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from html import escape

from ragnb.display import words
from ragnb.reports.report import Report
from ragnb.reports.result import Spent

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 720, 150, 70, 30, 24  # pixels
_GREY, _BLUE, _ORANGE, _GREEN = "#808080", "#3f88d0", "#d97a1c", "#3a9d6a"
_FONT = "font-family='system-ui,sans-serif' font-size='12'"
_PARTS = (("search", _GREEN), ("wait for the first token", _ORANGE), ("writing", _BLUE))


def plots(report: Report) -> str:
    """A bar a question: its time in three parts, and its cost. In an element of its own."""
    asked = [one.spent for one in report if one.spent.answer_id]
    if not asked:
        return '<div class="ragnb-times">No question was asked.</div>'
    totals = sorted(one.total for one in asked)
    said = f"Time to the whole answer: half within {_at(totals, 0.5)}, 95 % within {_at(totals, 0.95)}."
    parts = [_bars(f"Time by question, in order. {said}", [_stack(one) for one in asked], words.seconds)]
    costs = [one.cost or 0.0 for one in asked]
    if any(costs):
        total = f"Cost by question. In all {words.money(sum(costs))}."
        parts.append(_bars(total, [[(cost, _BLUE)] for cost in costs], words.money))
    legend = " · ".join(f'<span style="color:{colour}">■</span> {name}' for name, colour in _PARTS)
    parts.insert(1, f"<p><small>{legend}</small></p>")
    return f'<div class="ragnb-times">{"".join(parts)}</div>'


def plain(report: Report) -> str:
    """The percentiles."""
    totals = sorted(one.spent.total for one in report if one.spent.answer_id)
    return f"Times: p50 {_at(totals, 0.5)}, p95 {_at(totals, 0.95)}" if totals else "No question was asked."


def _at(ordered: Sequence[float], share: float) -> str:
    return words.seconds(ordered[min(int(share * len(ordered)), len(ordered) - 1)])


def _stack(one: Spent) -> list[tuple[float, str]]:
    found = min(one.sources or 0.0, one.total)
    first = max(found, min(one.first_token or one.total, one.total))
    lengths = (found, first - found, one.total - first)
    return [(length, colour) for length, (_, colour) in zip(lengths, _PARTS, strict=True)]


def _bars(title: str, stacks: Sequence[Sequence[tuple[float, str]]], name: Callable[[float], str]) -> str:
    most = max(sum(length for length, _ in stack) for stack in stacks) or 1.0
    step = min(28.0, (_WIDTH - _LEFT - 10) / len(stacks))
    bottom = _TOP + _HEIGHT
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{bottom + _BOTTOM}' "
        f"viewBox='0 0 {_WIDTH} {bottom + _BOTTOM}' {_FONT} fill='{_GREY}'>"
        f"<text x='0' y='14' font-weight='600'>{escape(title)}</text>"
    ]
    for share in (0.0, 0.5, 1.0):
        y = bottom - _HEIGHT * share
        parts.append(
            f"<line x1='{_LEFT}' x2='{_WIDTH}' y1='{y}' y2='{y}' stroke='{_GREY}' stroke-opacity='0.3'/>"
            f"<text x='{_LEFT - 8}' y='{y + 4}' text-anchor='end' "
            f"font-size='11'>{name(most * share)}</text>"
        )
    for place, stack in enumerate(stacks):
        y = float(bottom)
        for length, colour in stack:
            height = _HEIGHT * length / most
            y -= height
            parts.append(
                f"<rect x='{_LEFT + 2 + place * step:.1f}' y='{y:.1f}' width='{max(step * 0.8, 0.6):.1f}' "
                f"height='{height:.1f}' fill='{colour}'/>"
            )
    for place in {0, len(stacks) - 1}:
        x = _LEFT + 2 + (place + 0.4) * step
        parts.append(
            f"<text x='{x:.1f}' y='{bottom + 16}' text-anchor='middle' font-size='11'>{place + 1}</text>"
        )
    data = base64.b64encode(("".join(parts) + "</svg>").encode()).decode()
    return f'<img alt="{escape(title)}" src="data:image/svg+xml;base64,{data}" style="max-width:100%"><br>'
