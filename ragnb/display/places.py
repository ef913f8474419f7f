"""Where citations and seams stand in an answer's Markdown, so that they break nothing around them."""

from __future__ import annotations

import re
import secrets
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from markdown_it.token import Token

from ragnb.display.commonmark import parser
from ragnb.display.words import readable
from ragnb.events import Cited

Seam = tuple[int, str]

_SECRET = f"x{secrets.token_hex(8)}"
TAG = re.compile(rf",(\d+){_SECRET},")  # commas and letters stay what they are in an address too
BEFORE_ADDRESS = re.compile(rf",(\d+){_SECRET},(?=[(:])")
FIRST_ON_LINE = re.compile(rf"^[ \t>]*,(\d+){_SECRET},", re.MULTILINE)

_MARKS = re.compile(r"(?:[-*+>#| \t]|\d{1,9}[.)])*+\Z")  # what begins a line, and no more
_TARGET = re.compile(r"\([^()\s]*\)")
_RUNS = "*~`"


class Place(NamedTuple):
    """What is shown at a tag, a citation or a seam's sentence, and the marker that stood there before,
    empty where there was none."""

    shown: Cited | str
    marker: str = ""

    @property
    def text(self) -> str:
        """What is shown, without markup."""
        if isinstance(self.shown, str):
            return f"[{readable(self.shown)}]"
        return "".join(f"[{quote.number}]" for quote in self.shown.quotes)


def tag(index: int) -> str:
    """What takes the place number ``index``."""
    return f",{index}{_SECRET},"


def with_places(text: str, citations: Sequence[Cited], seams: Sequence[Seam]) -> tuple[str, list[Place]]:
    """The readable text with a tag for each citation and seam, and what they are, in order.

    A citation has no place if it lies outside the text, overlaps the one before it or quotes nothing.
    One without a marker, and a seam, stands behind the word before it.
    """
    pieces: list[str] = []
    places: list[Place] = []
    position = 0
    layout: _Layout | None = None
    for start, end, shown in _in_order(citations, seams):
        before = after = ""
        if isinstance(shown, str):
            start = end = min(max(position, start), len(text))
        elif not position <= start <= end <= len(text) or not shown.quotes:
            continue
        if isinstance(shown, str) or shown.marker is None:
            layout = layout or _Layout(text)
            index, before, after = layout.behind(start)
            start = end = max(position, index)
        pieces += [readable(text[position:start]), before, tag(len(places)), after]
        places.append(Place(shown, readable(text[start:end])))
        position = end
    pieces.append(readable(text[position:]))
    return "".join(pieces), places


def _in_order(citations: Sequence[Cited], seams: Sequence[Seam]) -> list[tuple[int, int, Cited | str]]:
    spans: list[tuple[int, int, Cited | str]] = [
        (*(cited.marker or (cited.end, cited.end)), cited) for cited in citations
    ]
    spans += [(offset, offset, sentence) for offset, sentence in seams]
    return sorted(spans, key=lambda span: span[:2])


class _Spot(NamedTuple):
    """Where something is put in, with line feeds where it cannot stand beside what is there."""

    position: int
    before: str = ""
    after: str = ""


class _Layout:
    """The lines of a Markdown text, as far as something put in at their ends would break them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
        self._code: list[tuple[int, int]] = []  # characters from ... to ... are code
        self._tables: set[int] = set()
        self._rules: set[int] = set()  # lines that make a heading or a table of the line above
        self._ends: set[int] = set()  # lines behind which something new must begin
        tokens: list[Token] = []
        parser.block.parse(text.replace("\r", " "), parser, {}, tokens)
        for token in tokens:
            self._note(token)
        self._code.sort()

    def _note(self, token: Token) -> None:
        if token.map is None:
            return
        first, last = token.map[0], token.map[1] - 1
        match token.type:
            case "fence":
                is_closed = last > first and self._ends_fence(last, token.markup)
                self._code.append((self._starts[first + 1], self._starts[last if is_closed else last + 1]))
                self._ends.add(last)
            case "code_block":
                self._code.append((self._starts[first], self._starts[last]))
                self._ends.add(last)
            case "hr":
                self._ends.add(last)
            case "table_open":
                self._tables.update(range(first, last + 1))
                self._rules.add(first + 1)
            case "heading_open" if last > first:
                self._rules.add(last)

    def _ends_fence(self, number: int, markup: str) -> bool:
        line = self._text[self._starts[number] : self._starts[number + 1]].strip("> \t\r\n")
        return line.startswith(markup) and not line.strip(markup[0])

    def behind(self, offset: int) -> _Spot:
        """The spot behind the word that ends at ``offset`` or before."""
        text = self._text
        index = offset
        while True:
            while index and text[index - 1].isspace() and not self._in_code(index):
                index -= 1
            if not index:
                return _Spot(0, after="\n\n")
            if self._in_code(index):
                return _Spot(max(index, offset) if self._in_code(offset) else index)
            line = bisect_right(self._starts, index - 1) - 1
            begin = self._starts[line]
            if line in self._ends:
                return _Spot(max(index, self._starts[line + 1] - 1), before="\n\n")
            if line in self._rules or (line not in self._tables and _MARKS.match(text, begin, index)):
                index = begin
                continue
            break
        if line in self._tables:
            return _Spot(self._in_cell(index, begin))
        return _Spot(self._past_marks(index) if index == offset else index)

    def _in_code(self, index: int) -> bool:
        found = bisect_right(self._code, (index, len(self._text) + 1)) - 1
        return found >= 0 and self._code[found][0] <= index < self._code[found][1]

    def _in_cell(self, index: int, begin: int) -> int:
        """Before the bar that ends a row's last cell."""
        inside = index
        while inside > begin and self._text[inside - 1] in "| \t" and self._text[inside - 2] != "\\":
            inside -= 1
        return inside if inside > begin else index

    def _past_marks(self, index: int) -> int:
        """Behind a run of marks, or the address of a link, that would be torn apart."""
        text = self._text
        while index < len(text) and text[index] in _RUNS and text[index] == text[index - 1]:
            index += 1
        target = _TARGET.match(text, index) if text[index - 1] == "]" else None
        return target.end() if target else index
