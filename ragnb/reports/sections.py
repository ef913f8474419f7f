"""The parts of a report as HTML that needs no style sheet: for a cell, and for the page."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ragnb.answer import Answer
from ragnb.display import card
from ragnb.display.markup import to_html
from ragnb.display.words import readable
from ragnb.reports import facts
from ragnb.reports.changes import Change, Piece
from ragnb.reports.report import Report
from ragnb.reports.result import Result

_LINE = "1px solid rgba(128,128,128,0.3)"
_QUIET = "font-size:0.85em;opacity:0.75"
_COLOURS = {
    "answered": "rgba(46,140,87,0.9)",
    "declined": "rgba(70,130,220,0.9)",
    "failed": "rgba(201,68,56,0.95)",
    "not asked": "rgba(214,120,30,0.95)",
}
_GREY = "rgba(128,128,128,0.6)"
_BIG = "font-size:1.7em;font-weight:600"
_TILE = f"border:{_LINE};border-radius:8px;padding:0.5em 1em 0.6em;min-width:7em;border-top:3px solid"
_BOX = "padding:0.8em 1.1em;margin:0.8em 0;max-width:52em;overflow-wrap:break-word"
_TROUBLE = "border-left:3px solid rgba(214,120,30,0.9);padding:0.2em 0.8em;margin:0.6em 0"
_GONE = "background-color:rgba(201,68,56,0.18);text-decoration:line-through"
_NEW = "background-color:rgba(46,140,87,0.22);text-decoration:none;font-weight:600"


def summary(report: Report) -> str:
    """What was asked and what came of it, what needs a look, what it took, what changed."""
    tiles = "".join(
        f'<div style="{_TILE} {colour}"><b style="{_BIG}">'
        f"{report.counts[status]:,}</b><br>{status}<br>"
        f'<small style="opacity:0.75">{facts.MEANINGS[status]}</small></div>'
        for status, colour in _COLOURS.items()
        if report.counts[status] or status == "answered"
    )
    parts = [
        f'<p style="margin:0.2em 0 0.8em"><b>{len(report):,} questions</b>, answered by '
        f"{escape(facts.configured(report))}.</p>",
        f'<div style="display:flex;flex-wrap:wrap;gap:0.7em;margin:0.6em 0">{tiles}</div>',
        _spent(report),
        _unanswered(report),
        *(f'<p style="{_TROUBLE}"><b>Threshold passed.</b> {escape(one)}</p>' for one in report.alarms),
        f'<p style="margin:0.6em 0">{said}</p>' if (said := escape(facts.measures(report))) else "",
        _changes(report),
    ]
    return f'<div class="ragnb-summary">{readable("".join(parts))}</div>'


def _spent(report: Report) -> str:
    """Time, tokens and money. All that differs from run to run is in such elements, and nothing else."""
    tiles = "".join(
        f'<span style="{_TILE} {_GREY};display:inline-block;margin:0 0.7em 0.5em 0">'
        f'<b style="{_BIG}">{value}</b><br>{name}</span> '
        for value, name in facts.figures(report)
    )
    said = escape(" ".join(facts.spent(report)))
    return f'<div class="ragnb-times">{tiles}<br><span style="{_QUIET}">{said}</span></div>'


def _unanswered(report: Report) -> str:
    """Those without an answer by their reasons, which many may share."""
    reasons: dict[str, list[str]] = {}
    for one in report:
        if not one.has_answer:
            reasons.setdefault(one.reason or one.status, []).append(one.id)
    rows = "".join(
        f"<li><b>{escape(_some(ids))}</b>: {escape(reason)}</li>" for reason, ids in reasons.items()
    )
    return f'<ul style="{_TROUBLE};list-style-position:inside">{rows}</ul>' if rows else ""


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:8]) + (f" and {len(ids) - 8:,} more" if len(ids) > 8 else "")


def _changes(report: Report) -> str:
    found = report.changes
    if found is None:
        return ""
    rows = "".join(map(_change, found.changed))
    rows += "".join(f"<li>New: {escape(one.question)}</li>" for one in found.new)
    rows += "".join(f"<li>Gone: {escape(one.question)}</li>" for one in found.gone)
    head = f"<b>{escape(facts.changes(found))}</b>"
    if not rows:
        return f'<p style="margin:0.8em 0">{head}</p>'
    return (
        f'<details class="ragnb-changes" open style="margin:0.8em 0"><summary style="cursor:pointer">{head}'
        f'</summary><ul style="line-height:1.5">{rows}</ul></details>'
    )


def _change(one: Change) -> str:
    said = "".join(f"<br>{escape(line)}" for line in facts.change(one))
    words = "".join(map(_piece, one.pieces))
    diff = f'<br><span style="font-size:0.92em">{words}</span>' if words else ""
    return f'<li style="margin:0.5em 0"><b>{escape(one.now.question)}</b>{said}{diff}</li>'


def _piece(piece: Piece) -> str:
    kind, text = piece
    match kind:
        case "gone":
            return f'<del style="{_GONE}">{escape(text)}</del>'
        case "new":
            return f'<ins style="{_NEW}">{escape(text)}</ins>'
        case _:
            return escape(text)


def answers(report: Report) -> Iterator[str]:
    """A section for each question, made when its turn comes."""
    for number, (one, answer) in enumerate(report.answers(), start=1):
        yield section(number, one, answer)


def section(number: int, result: Result, answer: Answer | None) -> str:
    """A question, its answer, the sources; what it took, in an element of its own."""
    colour = _COLOURS[result.status]
    line = (
        f"border-bottom:2px solid {colour}"  # a text in that colour is hard to read on black, or on white
    )
    badge = "" if result.status == "answered" else f' <small style="{line}">{result.status}</small>'
    parts = [
        f'<h3 dir="auto" style="margin:0 0 0.4em;font-size:1.1em">{number}. '
        f"{escape(result.question)}{badge}</h3>"
    ]
    anchor = "" if answer is None else f"{card.anchor_of(answer)}-{number}"
    if result.answer:
        text, cited = (result.answer, ()) if answer is None else (answer.text, answer.citations)
        html = to_html(text, cited, anchor=anchor)
        parts.append(f'<div dir="auto" style="line-height:1.6;overflow-x:auto">{html}</div>')
    if result.reason:
        parts.append(f'<p style="{_TROUBLE}">{escape(result.reason)}</p>')
    if answer is not None and answer.text:
        parts.append(card.sources(answer, anchor))
    if took := facts.footer(result):
        said = escape(" · ".join(took))
        parts.append(f'<div class="ragnb-times"><span style="{_QUIET}">{said}</span></div>')
    style = f"border:{_LINE};border-left:3px solid {colour};border-radius:6px;{_BOX}"
    role = f'class="ragnb-question mathjax_ignore tex2jax_ignore" id="question-{number}"'
    return readable(f'<div {role} style="{style}">{"".join(parts)}</div>')
