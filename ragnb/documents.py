"""What goes in (documents made of blocks) and what is found again (chunks and hits)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct

BlockKind = Literal["heading", "paragraph", "list", "table", "code"]


class Locator(Struct, frozen=True, omit_defaults=True):
    """Where a passage stands in its source, in the reader's terms.

    ``lines`` are 1-based and inclusive, ``page`` is 1-based, ``seconds`` counts from the start of
    the media file.
    """

    heading: tuple[str, ...] = ()
    lines: tuple[int, int] | None = None
    page: int | None = None
    seconds: tuple[float, float] | None = None

    def __str__(self) -> str:
        parts = [" › ".join(self.heading)] if self.heading else []
        if self.page is not None:
            parts.append(f"page {self.page}")
        if self.lines is not None:
            first, last = self.lines
            parts.append(f"line {first}" if first == last else f"lines {first}–{last}")
        if self.seconds is not None:
            minutes, seconds = divmod(int(self.seconds[0]), 60)
            parts.append(f"minute {minutes}:{seconds:02d}")
        return ", ".join(parts)


NOWHERE = Locator()


@dataclass(frozen=True, slots=True)
class Block:
    """One structural piece of a document: a heading, a paragraph, a list, a table, some code.

    ``level`` is the heading's level (1 to 6), 0 for everything else. ``locator.heading`` is left
    empty by loaders: the chunker fills in the path of headings above the block.
    """

    text: str
    kind: BlockKind = "paragraph"
    level: int = 0
    locator: Locator = NOWHERE


@dataclass(frozen=True, slots=True)
class Document:
    """A text to be searched.

    ``source`` is the path or address it came from (also its identity; a text without one is
    identified by its content). ``blocks`` is its structure; a document without blocks is taken as
    plain text.
    """

    text: str = ""
    title: str = ""
    source: str = ""
    metadata: Mapping[str, str | int | float] = field(default_factory=dict)
    blocks: Iterable[Block] = ()


class Chunk(Struct, frozen=True, omit_defaults=True):
    """A citable piece of a document. ``position`` counts the document's chunks from 0.

    ``text`` is what is shown and quoted. ``context`` (title and heading path) is searched with it.
    """

    id: str
    document: str
    text: str
    title: str = ""
    source: str = ""
    locator: Locator = Locator()
    position: int = 0
    metadata: dict[str, str | int | float] = {}

    @property
    def context(self) -> str:
        headings = self.locator.heading
        path = headings if headings[:1] == (self.title,) else (self.title, *headings)
        return " › ".join(part for part in path if part)

    @property
    def searched_text(self) -> str:
        """The text that is embedded and indexed: the context, then the chunk itself."""
        return f"{self.context}\n{self.text}" if self.context else self.text


class Hit(Struct, frozen=True):
    """A chunk that was found. ``score`` is the retriever's or reranker's; higher is better."""

    chunk: Chunk
    score: float
