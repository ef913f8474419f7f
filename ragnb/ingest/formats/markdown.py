"""Markdown: its headings, paragraphs, lists, tables and code, as they stand in the source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ragnb.documents import Block, BlockKind, Document, Locator, Scalar
from ragnb.ingest.formats.text import decode, title_from
from ragnb.ingest.loaders import loader

_KINDS: dict[str, BlockKind] = {
    "paragraph_open": "paragraph",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "blockquote_open": "paragraph",
    "table_open": "table",
    "fence": "code",
    "code_block": "code",
    "html_block": "paragraph",
}
_parser = MarkdownIt("commonmark").enable("table")


@loader(".md", ".markdown", ".qmd", ".mdx")
def load_markdown(path: Path) -> Iterator[Document]:
    """One document a file; its title is that of the front matter, else its first heading."""
    text = decode(path.read_bytes())
    metadata, skipped = _front_matter(text)
    title = str(metadata.pop("title", "")) or _first_heading(text, skipped) or title_from(path)
    yield Document(title=title, source=path.as_posix(), metadata=metadata, blocks=blocks(text, skipped))


def blocks(text: str, skipped: int = 0) -> Iterator[Block]:
    """The blocks of some Markdown, without so many lines at its beginning."""
    lines = text.split("\n")
    for first, last in _parts(lines, skipped):
        yield from _blocks(lines, first, last)


def _front_matter(text: str) -> tuple[dict[str, Scalar], int]:
    """The ``name: value`` lines between two ``---`` at the top, and how many lines that takes."""
    lines = text.split("\n", 100)
    if lines[0].strip() != "---":
        return {}, 0
    for end, line in enumerate(lines[1:], start=1):
        if line.strip() == "---":
            pairs = (line.split(":", 1) for line in lines[1:end] if ":" in line)
            return {key.strip(): _value(value) for key, value in pairs}, end + 1
    return {}, 0


def _value(text: str) -> Scalar:
    value = text.strip()
    if value[:1] in "\"'" and value[:1] == value[-1:]:
        return value[1:-1]
    return int(value) if value.isdecimal() and len(value) < 16 else value


def _first_heading(text: str, skipped: int) -> str:
    return next((block.text for block in blocks(text, skipped) if block.kind == "heading"), "")


def _parts(lines: list[str], skipped: int) -> Iterator[tuple[int, int]]:
    """Where a long text may be cut for the parser, which takes fifty times a text's size: before headings,
    and where there are none, before lines that follow a blank one."""
    first = skipped
    size = 0
    fence = ""
    for number in range(skipped, len(lines)):
        line = lines[number]
        if mark := _FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence) and not line[mark.end() :].strip():
                fence = ""
        is_heading = line.startswith("#") and _HEADING.match(line) is not None
        after_blank = number > first and not lines[number - 1].strip() and line[:1].strip() != ""
        if not fence and ((is_heading and size > _PART) or (after_blank and size > 8 * _PART)):
            yield first, number
            first, size = number, 0
        size += len(line)
    yield first, len(lines)


_PART = 50_000  # characters
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"#{1,6}(?:\s|$)")


def _blocks(lines: list[str], begin: int, end: int) -> Iterator[Block]:
    for token, following in _top_level(_parser.parse("\n".join(lines[begin:end]))):
        if token.map is None:
            continue
        first, last = token.map[0] + begin, token.map[1] + begin
        while last > first and not lines[last - 1].strip():
            last -= 1
        locator = Locator(lines=(first + 1, max(last, first + 1)))
        if token.type == "heading_open":
            yield Block(_plain(following), "heading", int(token.tag[1]), locator)
        elif token.type in _KINDS:
            yield Block("\n".join(lines[first:last]), _KINDS[token.type], locator=locator)


def _top_level(tokens: list[Token]) -> Iterator[tuple[Token, Token]]:
    """Each token that opens a block of the document itself, with the one after it."""
    for token, following in zip(tokens, [*tokens[1:], tokens[-1]] if tokens else [], strict=True):
        if token.level == 0 and token.nesting >= 0:
            yield token, following


def _plain(inline: Token) -> str:
    """A heading's text without its markup."""
    children = inline.children or []
    return "".join(" " if c.type == "softbreak" else c.content for c in children).strip()
