"""An answer as it stays in a saved notebook: HTML, Markdown and plain text, from its log alone."""

from __future__ import annotations

from ragnb.answer import Answer
from ragnb.display import words
from ragnb.display.card import html
from ragnb.display.markup import closed, to_markdown, to_plain
from ragnb.display.words import Source, readable


def mimebundle(answer: Answer) -> dict[str, str]:
    """``text/html``, ``text/markdown`` and ``text/plain`` of an answer, finished or not."""
    return {
        "text/html": html(answer),
        "text/markdown": markdown(answer),
        "text/plain": plain(answer),
    }


def markdown(answer: Answer) -> str:
    """The answer with its sources and their quotes, which load no more than the answer does."""
    text = to_markdown(answer.text, answer.citations, words.seams(answer))
    lines = [closed(text)]
    for said in _said(answer, text):
        lines += ["", f"*{' '.join(said.split())}*"]
    cited = _cited(answer)
    if cited:
        lines += ["", "**Sources**", ""]
    for source in cited:
        lines += [f"{source.number}. {_name(source)}", *_quotes(source), ""]
    if facts := words.summary(answer):
        lines += ["", f"*{' · '.join(facts)}*"]
    return to_markdown("\n".join(lines).strip("\n"), ())


def plain(answer: Answer) -> str:
    """The answer, the names of its sources, and one line of figures."""
    text = to_plain(answer.text, answer.citations, words.seams(answer))
    lines = [text]
    for said in _said(answer, text):
        lines += ["", said]
    cited = _cited(answer)
    lines += ["", *(f"[{source.number}] {_name(source)}" for source in cited)] if cited else []
    lines += ["", " · ".join(words.summary(answer))]
    return readable("\n".join(lines).strip())


def _said(answer: Answer, text: str) -> list[str]:
    """What is said of the answer below its text; of the seams, those that have no place in it."""
    seams = [f"[{seam}]" for _, seam in words.seams(answer) if seam not in text]
    return [said for said in (*seams, *words.notes(answer), words.status(answer)) if said]


def _cited(answer: Answer) -> list[Source]:
    return [source for source in words.sources(answer) if source.quotes]


def _name(source: Source) -> str:
    return " — ".join(part for part in (source.title, source.place) if part)


def _quotes(source: Source) -> list[str]:
    """The quotes of a source, each a paragraph of one quotation below its name."""
    lines = [f"   > {' '.join(quote.text.split())}" for quote in source.quotes]
    return "\n   >\n".join(lines).split("\n")
