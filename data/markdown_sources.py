"""Read the Markdown sources of the handbook's binary documents: front matter and pieces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token


@dataclass(frozen=True)
class Piece:
    """A heading, paragraph, caption, list, table, quotation or piece of code of a source."""

    kind: str
    text: str = ""
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()  # a table's cells, or a list's items in one row
    markdown: str = ""


@dataclass(frozen=True)
class Source:
    """A Markdown source: its front matter and its pieces."""

    metadata: dict[str, str]
    pieces: list[Piece]

    @property
    def date(self) -> datetime:
        return datetime.fromisoformat(self.metadata["date"])


def read(path: Path) -> Source:
    """A Markdown source with front matter."""
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    pairs = (line.split(": ", 1) for line in front.splitlines())
    return Source(dict(pairs), list(_pieces(body)))


def _pieces(body: str) -> Iterator[Piece]:
    lines = body.split("\n")
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    for start, token in enumerate(tokens):
        if token.level or token.nesting < 0 or token.map is None:
            continue
        inside = tokens[start + 1 : _closing(tokens, start)]
        markdown = "\n".join(lines[slice(*token.map)]).strip("\n")
        texts = tuple(_plain(part) for part in inside if part.type == "inline")
        match token.type:
            case "heading_open":
                yield Piece("heading", texts[0], int(token.tag[1]), markdown=markdown)
            case "paragraph_open":
                kind = "caption" if re.match(r"Table \d+: ", texts[0]) else "paragraph"
                yield Piece(kind, texts[0], markdown=markdown)
            case "bullet_list_open" | "ordered_list_open":
                yield Piece(token.type.removesuffix("_open"), rows=(texts,), markdown=markdown)
            case "blockquote_open":
                yield Piece("quotation", "\n".join(texts), markdown=markdown)
            case "table_open":
                width = sum(part.type == "th_open" for part in inside)
                rows = tuple(texts[at : at + width] for at in range(0, len(texts), width))
                yield Piece("table", rows=rows, markdown=markdown)
            case "fence":
                yield Piece(token.info, token.content.rstrip("\n"), markdown=markdown)


def _closing(tokens: list[Token], start: int) -> int:
    """Where the block that opens at ``start`` is closed."""
    if tokens[start].nesting == 0:
        return start
    return next(
        at for at in range(start + 1, len(tokens)) if tokens[at].level == 0 and tokens[at].nesting < 0
    )


def _plain(inline: Token) -> str:
    return "".join(" " if part.type == "softbreak" else part.content for part in inline.children or ())
