"""Markdown: its headings, paragraphs, lists, tables and code, as they stand in the source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ragnb.documents import Block, BlockKind, Document, Locator
from ragnb.ingest.loaders import loader
from ragnb.ingest.text import decode, title_from

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


@loader(".md", ".markdown")
def load_markdown(path: Path) -> Iterator[Document]:
    """One document a file; its title is that of the front matter, else its first heading."""
    text = decode(path.read_bytes())
    metadata, skipped = _front_matter(text)
    blocks = list(_blocks(text, skipped))
    headings = [block.text for block in blocks if block.kind == "heading"]
    title = metadata.pop("title", "") or (headings[0] if headings else title_from(path))
    yield Document(title=title, source=path.as_posix(), metadata=metadata, blocks=blocks)


def _front_matter(text: str) -> tuple[dict[str, str], int]:
    """The ``name: value`` lines between two ``---`` at the top, and how many lines that takes."""
    lines = text.split("\n")
    if lines[0].strip() != "---":
        return {}, 0
    for end, line in enumerate(lines[1:], start=1):
        if line.strip() == "---":
            pairs = (line.split(":", 1) for line in lines[1:end] if ":" in line)
            return {key.strip(): value.strip(" \"'") for key, value in pairs}, end + 1
    return {}, 0


def _blocks(text: str, skipped: int) -> Iterator[Block]:
    lines = text.split("\n")
    for token, following in _top_level(_parser.parse("\n".join(lines[skipped:]))):
        if token.map is None:
            continue
        first, last = token.map[0] + skipped, token.map[1] + skipped
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
