"""Chunking: a document's blocks become chunks that fit the embedding model and can be cited.

Blocks under one path of headings are packed together. What is too large is split where its kind
allows: prose at sentences, lists at items, tables at rows (with the header repeated), code at lines.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice

from msgspec import structs

from ragnb.documents import Block, Chunk, Document, Locator
from ragnb.ingest.formats.text import paragraphs
from ragnb.sentences import sentences

Count = Callable[[Sequence[str]], list[int]]

_NAMESPACE = uuid.UUID("5b2f6e0e-6d0f-5c52-9a55-3c6f2f0d7a11")
_RESERVED = 4  # tokens for the model's own marks and the line break after the context
_LEAST = 32  # tokens of text that a chunk may always have, however long its headings
_AT_ONCE = 256  # blocks whose tokens are counted together
_SPACE = re.compile(r"\s+")
_FENCE = re.compile(r"```|~~~")
_RULE = re.compile(r"\|(?: *:?-+:? *\|)+ *")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A block, or a part of one, that fits a chunk."""

    text: str
    tokens: int
    locator: Locator


def chunk(
    document: Document,
    *,
    name: str,
    budget: int,
    count: Count,
    first: int = 0,
    contextual: bool = True,
) -> Iterator[Chunk]:
    """The chunks of a document, in order; never more of it in memory than a few sections' blocks.

    ``name`` identifies the document in the index. ``budget`` is the most tokens of a chunk (with its title
    and headings where it is ``contextual``), ``count`` tells how many tokens each of some texts has.
    ``first`` is the position of the first chunk.
    """
    metadata = dict(document.metadata)
    position = first
    given = document.blocks or paragraphs(document.text)
    for path, section in groupby(_with_paths(given), key=lambda pair: pair[0]):
        context = Chunk(
            id="", document="", text="", title=document.title, locator=Locator(heading=path)
        ).context
        taken = count([context])[0] if contextual else 0
        size = max(_LEAST, budget - _RESERVED - taken)
        for pieces in _pack(_pieces((block for _, block in section), size, count), size):
            text = "\n\n".join(piece.text for piece in pieces)
            yield Chunk(
                id=str(uuid.uuid5(_NAMESPACE, f"{name}\0{position}\0{text}")),
                document=name,
                text=text,
                title=document.title,
                source=document.source,
                locator=structs.replace(_span(pieces), heading=path) if document.source else Locator(path),
                position=position,
                metadata=metadata,
                contextual=contextual,
            )
            position += 1


def _with_paths(blocks: Iterable[Block]) -> Iterator[tuple[tuple[str, ...], Block]]:
    """Each block under its path of headings. A heading that has nothing under it is a block itself."""
    headings: list[Block] = []
    alone: Block | None = None  # a heading under which nothing was seen yet
    for block in blocks:
        if block.kind != "heading":
            if block.text.strip():
                alone = None
                yield _path(headings), block
            continue
        if alone is not None and block.level <= alone.level:
            yield _path(headings), replace(alone, kind="paragraph")
            alone = None
        while headings and headings[-1].level >= block.level:
            headings.pop()
        if block.text:
            alone = block
            headings.append(block)
    if alone is not None:
        yield _path(headings), replace(alone, kind="paragraph")


def _path(headings: list[Block]) -> tuple[str, ...]:
    return tuple(heading.text for heading in headings)


def _pieces(blocks: Iterable[Block], size: int, count: Count) -> Iterator[_Piece]:
    remaining = iter(blocks)
    while some := list(islice(remaining, _AT_ONCE)):
        for block, tokens in zip(some, count([block.text for block in some]), strict=True):
            if tokens <= size:
                yield _Piece(block.text, tokens, block.locator)
            else:
                yield from _split(block, size, count)


def _split(block: Block, size: int, count: Count) -> Iterator[_Piece]:
    """A block in parts of at most ``size`` tokens."""
    text = block.text
    units = sentences(text) if block.kind == "paragraph" else _lines(text)
    header = footer = ""
    rule = next((n for n, (start, end) in enumerate(units) if _RULE.fullmatch(text, start, end)), 0)
    if block.kind == "table" and rule:
        header = text[: units[rule][1]] + "\n"  # with the caption above it
    elif block.kind == "code" and len(units) > 2 and _FENCE.match(text):
        header = text[: units[0][1]] + "\n"
        footer = "\n" + text[units[-1][0] :]
    frame = sum(count([header, footer])) if header else 0
    if frame > size // 2:  # to repeat it would leave no room for what it stands above
        header, footer, frame = "", "", 0
    if header:
        units = units[1:-1] if footer else units[rule + 1 :]
    room = size - frame
    sizes = count([text[start:end] for start, end in units])
    begin: int | None = None
    end = total = 0
    for (first, last), tokens in zip(units, sizes, strict=True):
        if begin is not None and total + tokens > room:
            yield _part(block, header, footer, begin, end, frame + total)
            begin, total = None, 0
        if tokens > room:
            for start, stop, part_tokens in _cut(text, first, last, room, count):
                yield _part(block, header, footer, start, stop, frame + part_tokens)
            continue
        begin = first if begin is None else begin
        end, total = last, total + tokens
    if begin is not None:
        yield _part(block, header, footer, begin, end, frame + total)


def _lines(text: str) -> list[tuple[int, int]]:
    """The lines of a list, a table or some code; an indented line goes with the one before it."""
    spans: list[tuple[int, int]] = []
    position = 0
    for line in text.split("\n"):
        end = position + len(line)
        if line.strip():
            spans.append((position, end))
        position = end + 1
    return spans


def _cut(text: str, start: int, end: int, size: int, count: Count) -> Iterator[tuple[int, int, int]]:
    """A unit that is too large by itself, cut between words, or anywhere if there are none."""
    tokens = count([text[start:end]])[0]
    if tokens <= size or end - start <= 1:
        yield start, end, tokens
        return
    middle = (start + end) // 2
    spaces = [match.start() for match in _SPACE.finditer(text, start + 1, end - 1)]
    cut = min(spaces, key=lambda at: abs(at - middle)) if spaces else middle
    yield from _cut(text, start, cut, size, count)
    while cut < end and text[cut].isspace():
        cut += 1
    yield from _cut(text, cut, end, size, count)


def _part(block: Block, header: str, footer: str, start: int, end: int, tokens: int) -> _Piece:
    """Part of a block, with its own lines or rows where the block's text stands in the source so."""
    locator, text = block.locator, block.text
    before, within = text.count("\n", 0, start), text.count("\n", start, end)
    if locator.lines is not None:
        first, last = locator.lines
        if last - first == text.count("\n"):
            locator = structs.replace(locator, lines=(first + before, first + before + within))
    if locator.rows is not None and header:
        first, last = locator.rows
        if last - first == text.count("\n") - header.count("\n"):
            first += before - header.count("\n")
            locator = structs.replace(locator, rows=(first, first + within))
    return _Piece(f"{header}{text[start:end]}{footer}", tokens, locator)


def _pack(pieces: Iterator[_Piece], size: int) -> Iterator[list[_Piece]]:
    """Consecutive pieces together, as many as fit."""
    packed: list[_Piece] = []
    total = 0
    for piece in pieces:
        if packed and total + piece.tokens > size:
            yield packed
            packed, total = [], 0
        packed.append(piece)
        total += piece.tokens
    if packed:
        yield packed


def _span(pieces: list[_Piece]) -> Locator:
    """Where the first piece begins and the last one ends."""
    locator = pieces[0].locator
    for piece in pieces[1:]:
        locator = locator.to(piece.locator)
    return locator
