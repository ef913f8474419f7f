"""Writes the golden files: ``python -m tests.golden.make``.

``NAME.jsonl`` is a log, ``NAME.json`` what a reader must show of it. Offsets count Unicode code points.
``visible`` is the text that one sees in ``.ragnb-text``: chips as ``[n]``, a seam as ``[its sentence]``, white
space collapsed to one blank, one blank between two blocks or cells, none at either end.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from lxml import html as lxml_html

from ragnb.answer import Answer
from ragnb.display import words
from ragnb.display.markup import to_html, to_plain
from tests.golden.logs import LOGS

FOLDER = Path(__file__).parent
_BLOCKS = set(
    [
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "pre",
        "blockquote",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "hr",
        "br",
        "div",
    ]
)


def main() -> None:
    for name, make in LOGS.items():
        log = as_file(make())
        (FOLDER / f"{name}.jsonl").write_bytes(log)
        (FOLDER / f"{name}.json").write_text(as_json(shown(Answer.from_jsonl(log))))
        print(name)


def as_file(made: Answer | bytes) -> bytes:
    return made if isinstance(made, bytes) else made.to_jsonl()


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def shown(answer: Answer) -> dict[str, Any]:
    """All that a reader shows of an answer."""
    seams = words.seams(answer)
    return {
        "question": words.question(answer),
        "state": answer.status,
        "status": words.status(answer),
        "text": answer.text,
        "plain": to_plain(answer.text, answer.citations, seams),
        "visible": visible(to_html(answer.text, answer.citations, seams)),
        "citations": [
            {
                "start": cited.start,
                "end": cited.end,
                "marker": cited.marker,
                "numbers": [quote.number for quote in cited.quotes],
                "quotes": [quote.text for quote in cited.quotes],
            }
            for cited in answer.citations
        ],
        "sources": [
            {
                "number": source.number,
                "title": source.title,
                "place": source.place,
                "file": source.hit.chunk.source,
                "score": f"{source.hit.score:.2f}",
                "text": source.hit.chunk.text,
                "quotes": [{"start": q.start, "end": q.end, "text": q.text} for q in source.quotes],
                "quoted": source.quoted,
            }
            for source in words.sources(answer)
        ],
        "summary": words.summary(answer),
        "stages": [
            [name, round(start, 6), round(length, 6)] for name, start, length in words.stages(answer)
        ],
        "pace": words.pace(answer),
        "seams": words.seams(answer),
        "notes": words.notes(answer),
    }


def visible(html: str) -> str:
    """The text that one sees of a piece of HTML."""
    page = lxml_html.fromstring(f"<div>{html}</div>")
    for element in page.iter():
        if element.tag in _BLOCKS:
            element.text = f" {element.text or ''}"
            element.tail = f" {element.tail or ''}"
    return re.sub(r"\s+", " ", page.text_content()).strip()


if __name__ == "__main__":
    main()
