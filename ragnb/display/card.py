"""The answer's card as HTML that needs nobody: no script, no style sheet, no kernel.

It has to read well where styles are stripped (GitHub), where only literal ones are left (an untrusted
JupyterLab), and on any background: it uses the host's own colours. A chip leads to its source below,
which a browser opens when it goes there.
"""

from __future__ import annotations

from hashlib import sha256
from html import escape

from ragnb.answer import Answer
from ragnb.display import words
from ragnb.display.excerpt import excerpt
from ragnb.display.markup import to_html
from ragnb.display.words import Source, readable

_LINE = "1px solid rgba(128,128,128,0.3)"
_CARD = (
    f"border:{_LINE};border-radius:8px;padding:0.9em 1.1em;margin:0.3em 0;max-width:52em;"
    "overflow-wrap:break-word"
)
_QUIET = "font-size:0.85em;opacity:0.75"
_TEXT = "line-height:1.6;overflow-x:auto"
_TROUBLE = "border-left:3px solid rgba(214,120,30,0.9);padding:0.2em 0.8em;margin:0.6em 0"
_PART = f"border-top:{_LINE};margin-top:0.8em;padding-top:0.6em"
_ROW = "margin:0.3em 0"
_PASSAGE = (
    "white-space:pre-wrap;max-height:18em;overflow:auto;margin:0.4em 0;padding:0 0.9em;"
    "border-left:3px solid #8886"
)
# An untrusted JupyterLab keeps neither "inherit" nor colours without commas: there a mark is opaque.
_MARK = "background-color:#ffec96;color:#1c1c1c;background-color:rgb(255 214 10/35%);color:inherit"
_PACE = "color:rgba(70,130,220,0.9);font-size:0.8em"
_TIME = "text-align:right;white-space:nowrap;padding:0 1em"
_BAR = "display:inline-block;height:0.6em;border-radius:2px;background-color:#4682dcbf"


def html(answer: Answer) -> str:
    """The card: question, text, trouble, sources, and where the time and the money went."""
    anchor = anchor_of(answer)
    text = to_html(answer.text, answer.citations, words.seams(answer), anchor=anchor)
    question = escape(words.question(answer))
    parts = [
        f'<div class="ragnb-head" style="{_QUIET};margin-bottom:0.5em">'
        f'<b class="ragnb-question" dir="auto" style="font-weight:500">{question}</b></div>',
        f'<div class="ragnb-text" dir="auto" style="{_TEXT}">{text}</div>' if text else "",
        *(_sentence("ragnb-note", note) for note in words.notes(answer)),
        _status(answer),
        sources(answer, anchor),
        _facts(answer),
    ]
    # What is left to MathJax would take prices for formulas, and a formula may hold a link.
    role = 'class="ragnb-answer mathjax_ignore tex2jax_ignore" role="region" aria-label="Answer"'
    return readable(f'<div {role} style="{_CARD}">{"".join(parts)}</div>')


def anchor_of(answer: Answer) -> str:
    """What the ids of this answer's card begin with: the same each time that the same is shown."""
    return f"ragnb-{sha256(repr((answer.question, answer.text)).encode()).hexdigest()[:8]}"


def _sentence(name: str, text: str, style: str = _TROUBLE) -> str:
    return f'<p class="{name}" style="{style}">{escape(text)}</p>'


def _status(answer: Answer) -> str:
    state = words.status(answer)
    if not state:
        return ""
    return _sentence("ragnb-status", state, _QUIET if answer.status == "running" else _TROUBLE)


def sources(answer: Answer, anchor: str) -> str:
    """The sources, each to be opened: first those that are cited, then what else was found."""
    every = words.sources(answer)
    # While there is nothing to read yet, the sources are it.
    is_waiting = answer.status == "running" and not answer.text
    cited = [source for source in every if source.quotes or is_waiting]
    others = [source for source in every if not source.quotes and not is_waiting]
    rows = "".join(_source(source, anchor) for source in cited)
    if others:
        title = words.number(len(others), "more passage" if cited else "passage")
        use = "searched" if answer.model == "extractive" else "given to the model"
        names = "".join(_source(source, anchor) for source in others)
        rows += (
            f'<details class="ragnb-others" style="{_ROW}"><summary style="{_QUIET};cursor:pointer">'
            f'{title} {use}</summary><div style="margin-left:1em">{names}</div></details>'
        )
    return f'<div class="ragnb-sources" style="{_PART}">{rows}</div>' if rows else ""


def _source(source: Source, anchor: str) -> str:
    place = f'<span style="opacity:0.7"> — {escape(source.place)}</span>' if source.place else ""
    quoted = f"<br><small>{escape(source.quoted)}</small>" if source.quotes else ""
    passage = "".join(
        f'<mark style="{_MARK}">{escape(text)}</mark>' if is_quoted else escape(text)
        for text, is_quoted in excerpt(source.hit.chunk.text, source.quotes)
    )
    # A browser opens what holds the id that a link leads to; JupyterLab only scrolls, and to what is seen.
    name = f"{anchor}-{source.number}"
    file = source.hit.chunk.source
    where = f"{escape(file)}, score" if file else "score"
    return (
        f'<details class="ragnb-source" data-jupyter-id="{name}" style="{_ROW}">'
        f'<summary style="cursor:pointer"><b>[{source.number}]</b> {escape(source.title)}{place}{quoted}'
        f'</summary><div id="{name}"><blockquote dir="auto" style="{_PASSAGE}">{passage}</blockquote>'
        f"<small>{where} {source.hit.score:.2f}</small></div></details>"
    )


def _facts(answer: Answer) -> str:
    facts = words.summary(answer)
    if not facts:
        return ""
    why = f'<div class="ragnb-why">{escape(words.why(answer))}</div>' if words.why(answer) else ""
    return (
        f'<div class="ragnb-facts" style="{_PART};{_QUIET}"><details><summary style="cursor:pointer">'
        f"{escape(' · '.join(facts))}</summary>{_times(answer)}{why}</details></div>"
    )


def _times(answer: Answer) -> str:
    """Each stage with its time and its place on a bar, and the cadence of the tokens.

    All that differs between two runs is in this one element.
    """
    total = max(answer.timing.total, 1e-9)
    rows = "".join(
        f'<tr><td style="text-align:left">{name}</td><td style="{_TIME}">{words.seconds(length)}</td>'
        '<td style="text-align:left;width:16em">'
        f'<span style="{_BAR};{_span(start / total, length / total)}"></span></td></tr>'
        for name, start, length in words.stages(answer)
    )
    table = f'<table class="ragnb-waterfall" style="margin:0.5em 0">{rows}</table>' if rows else ""
    return f'<div class="ragnb-times">{table}{_pace(words.pace(answer))}</div>'


def _pace(cadence: str) -> str:
    shown = f'<span class="ragnb-pace" style="{_PACE}">{cadence}</span>'
    return f'<p style="margin:0.5em 0">tokens over time {shown}</p>' if cadence else ""


def _span(start: float, length: float) -> str:
    """Where a bar begins and how long it is, as parts of the whole; the shortest can still be seen."""
    begin = min(max(start, 0.0), 0.994)
    return f"margin-left:{begin:.1%};width:{min(max(length, 0.006), 1 - begin):.1%}"
