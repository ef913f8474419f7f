"""An answer as HTML, Markdown and plain text, computed from its log alone.

The HTML has to read well where styles are stripped (GitHub), where only literal ones are left (an
untrusted JupyterLab), and on any background: it uses the host's own colours.
"""

from __future__ import annotations

from html import escape

from ragnb.answer import Answer
from ragnb.display import words
from ragnb.display.markup import to_html, to_markdown, to_plain
from ragnb.display.words import Source, readable
from ragnb.events import Routed

_LINE = "1px solid rgba(128,128,128,0.3)"
_QUIET = "font-size:0.85em;opacity:0.75"
_TROUBLE = "border-left:3px solid rgba(214,120,30,0.9);padding:0.3em 0.8em;margin:0.6em 0"


def mimebundle(answer: Answer) -> dict[str, str]:
    """``text/html``, ``text/markdown`` and ``text/plain`` of an answer, finished or not."""
    return {
        "text/html": html(answer),
        "text/markdown": markdown(answer),
        "text/plain": plain(answer),
    }


def html(answer: Answer) -> str:
    """The answer's card: text, trouble, sources, and where the time and the money went."""
    text = to_html(answer.text, answer.citations)
    state = words.status(answer)
    question = escape(words.question(answer))
    parts = [
        f'<div class="ragnb-question" style="{_QUIET};margin-bottom:0.5em">{question}</div>',
        f'<div class="ragnb-text" dir="auto" style="line-height:1.6;max-width:46em">{text}</div>',
    ]
    if state:
        style = _QUIET if answer.status == "running" else _TROUBLE
        parts.append(f'<p class="ragnb-status" style="{style}">{escape(state)}</p>')
    parts.append(_sources(answer))
    parts.append(_footer(answer))
    return readable(
        f'<div class="ragnb-answer" style="border:{_LINE};border-radius:8px;padding:0.9em 1.1em;'
        f'margin:0.3em 0;max-width:52em">{"".join(parts)}</div>'
    )


def markdown(answer: Answer) -> str:
    """The answer with its sources and their quotes, which load no more than the answer does."""
    lines = [to_markdown(answer.text, answer.citations)]
    if state := words.status(answer):
        lines += ["", f"*{state}*"]
    cited = [source for source in words.sources(answer) if source.quotes]
    if cited:
        lines += ["", "**Sources**", ""]
        for source in cited:
            lines.append(f"{source.number}. {_name(source)}")
            lines += [f"   > {' '.join(quote.text.split())}" for quote in source.quotes]
    if facts := words.summary(answer):
        lines += ["", f"*{' · '.join(facts)}*"]
    return to_markdown("\n".join(lines), ())


def plain(answer: Answer) -> str:
    """The answer, the names of its sources, and one line of figures."""
    lines = [to_plain(answer.text, answer.citations)]
    if state := words.status(answer):
        lines += ["", state]
    cited = [source for source in words.sources(answer) if source.quotes]
    lines += ["", *(f"[{source.number}] {_name(source)}" for source in cited)] if cited else []
    lines += ["", " · ".join(words.summary(answer))]
    return readable("\n".join(lines).strip())


def _name(source: Source) -> str:
    return " — ".join(part for part in (source.title, source.place) if part)


def _sources(answer: Answer) -> str:
    every = words.sources(answer)
    # While there is nothing to read yet, the sources are it.
    is_waiting = answer.status == "running" and not answer.text
    cited = [source for source in every if source.quotes or is_waiting]
    others = [source for source in every if not source.quotes and not is_waiting]
    rows = "".join(_source(source) for source in cited)
    if others:
        names = "".join(_source(source) for source in others)
        more = "more " if cited else ""
        title = f"{len(others)} {more}{'passage' if len(others) == 1 else 'passages'} given to the model"
        if answer.model == "extractive":
            title = title.replace("given to the model", "searched")
        rows += (
            f'<details style="margin:0.25em 0"><summary style="{_QUIET};cursor:pointer">{title}'
            f'</summary><div style="margin-left:1em">{names}</div></details>'
        )
    if not rows:
        return ""
    style = f"border-top:{_LINE};margin-top:0.8em;padding-top:0.5em"
    return f'<div class="ragnb-sources" style="{style}">{rows}</div>'


def _source(source: Source) -> str:
    place = f'<span style="opacity:0.7"> — {escape(source.place)}</span>' if source.place else ""
    passage = (
        '<blockquote style="white-space:pre-wrap;margin:0.4em 0 0.6em 0.3em;padding:0.1em 0.9em;'
        f'border-left:3px solid rgba(128,128,128,0.35);font-size:0.92em" dir="auto">{_marked(source)}'
        "</blockquote>"
    )
    where = source.hit.chunk.source
    file = f'<div style="{_QUIET}">{escape(where)}, score {source.hit.score:.2f}</div>' if where else ""
    return (
        '<details class="ragnb-source" style="margin:0.25em 0"><summary style="cursor:pointer">'
        f"<b>[{source.number}]</b> {escape(source.title)}{place}</summary>{passage}{file}</details>"
    )


def _marked(source: Source) -> str:
    """The passage with what the answer rests on marked."""
    text = source.hit.chunk.text
    pieces: list[str] = []
    position = 0
    for quote in source.quotes:
        start, end = max(quote.start, position), min(quote.end, len(text))
        if start >= end:
            continue
        pieces.append(escape(text[position:start]))
        pieces.append(
            '<mark style="background-color:rgba(255,214,10,0.35);color:inherit">'
            f"{escape(text[start:end])}</mark>"
        )
        position = end
    pieces.append(escape(text[position:]))
    return "".join(pieces)


def _footer(answer: Answer) -> str:
    facts = words.summary(answer)
    if not facts:
        return ""
    routed = answer.last(Routed)
    why = f"Chosen because {routed.reason}." if routed and routed.reason else ""
    if answer.model == "extractive":
        why = f"{words.EXTRACTIVE} {why}"
    return (
        f'<div class="ragnb-facts" style="border-top:{_LINE};margin-top:0.6em;padding-top:0.5em;{_QUIET}">'
        f'<details><summary style="cursor:pointer">{escape(" · ".join(facts))}</summary>'
        f"{_timeline(answer)}<div>{escape(why)}</div></details></div>"
    )


def _timeline(answer: Answer) -> str:
    """Each stage with its time and its place on a bar."""
    stages = words.stages(answer)
    total = max(answer.timing.total, 1e-9)
    rows = "".join(
        f'<tr><td style="text-align:left">{name}</td>'
        f'<td style="text-align:right">{words.seconds(duration)}</td>'
        '<td style="text-align:left;width:16em"><div style="height:0.6em;border-radius:2px;'
        f"background-color:rgba(70,130,220,0.75);margin-left:{100 * start / total:.1f}%;"
        f'width:{max(0.6, 100 * duration / total):.1f}%"></div></td></tr>'
        for name, start, duration in stages
    )
    return f'<table style="margin:0.5em 0">{rows}</table>' if rows else ""
