"""What goes in (documents made of blocks) and what is found again (chunks and hits)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

BlockKind = Literal["heading", "paragraph", "list", "table", "code"]


Range = tuple[int, int]
Scalar = str | int | float


class Locator(Struct, frozen=True, omit_defaults=True):
    """Where a passage stands in its source, in the reader's terms.

    All ranges are inclusive and 1-based. ``rows`` are those of a sheet or a CSV file as a spreadsheet
    numbers them (the header is row 1), or the lines of a JSON Lines file. ``cells`` are a notebook's.
    ``seconds`` counts from the start of the media file. ``label`` names a numbered thing on the page,
    such as “Table 3”.
    """

    heading: tuple[str, ...] = ()
    lines: Range | None = None
    pages: Range | None = None
    slides: Range | None = None
    cells: Range | None = None
    sheet: str = ""
    rows: Range | None = None
    seconds: tuple[float, float] | None = None
    label: str = ""

    def __str__(self) -> str:
        parts = [" › ".join(self.heading)] if self.heading else []
        if self.sheet:
            parts.append(f"sheet {self.sheet}")
        for noun in _RANGES:
            found: Range | None = getattr(self, noun)
            if found is not None:
                first, last = found
                parts.append(f"{noun[:-1]} {first}" if first == last else f"{noun} {first}–{last}")
        if self.seconds is not None:
            minutes, seconds = divmod(int(self.seconds[0]), 60)
            parts.append(f"minute {minutes}:{seconds:02d}")
        if self.label:
            parts.append(self.label)
        return ", ".join(parts)

    def to(self, last: Locator) -> Locator:
        """From where this begins to where ``last``, a later passage of the same source, ends."""
        spans = {noun: _join(getattr(self, noun), getattr(last, noun)) for noun in (*_RANGES, "seconds")}
        label = self.label if self.label == last.label else ""
        return replace(self, **spans, label=label)


_RANGES = ("pages", "slides", "cells", "rows", "lines")


def _join(first: tuple[Any, Any] | None, last: tuple[Any, Any] | None) -> tuple[Any, Any] | None:
    if first is None or last is None:
        return first or last
    return min(first[0], last[0]), max(first[1], last[1])


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
    identified by its content). ``blocks`` is its structure, read once and in order, so that it may be a
    generator; a document without blocks is taken as plain text. ``metadata`` can be filtered by
    (``where=``); loaders fill in ``date`` (ISO 8601), ``lang`` (ISO 639-1) and ``author`` where the format
    knows them.
    """

    text: str = ""
    title: str = ""
    source: str = ""
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    blocks: Iterable[Block] = ()


class Chunk(Struct, frozen=True, omit_defaults=True):
    """A citable piece of a document. ``position`` counts the document's chunks from 0.

    ``text`` is what is shown and quoted. ``context`` (title and heading path) is searched with it where
    the chunk is ``contextual``. The chunks of one ``document`` are neighbours in the order of their
    ``position``.
    """

    id: str
    document: str
    text: str
    title: str = ""
    source: str = ""
    locator: Locator = Locator()
    position: int = 0
    metadata: dict[str, Scalar] = {}
    contextual: bool = True

    @property
    def context(self) -> str:
        headings = self.locator.heading
        path = headings if headings[:1] == (self.title,) else (self.title, *headings)
        return " › ".join(part for part in path if part)

    @property
    def searched_text(self) -> str:
        """The text that is embedded and indexed: the context, then the chunk itself."""
        return f"{self.context}\n{self.text}" if self.contextual and self.context else self.text


class Hit(Struct, frozen=True):
    """A chunk that was found. ``score`` is the retriever's or reranker's; higher is better."""

    chunk: Chunk
    score: float
