"""How a PDF is set, learned from a few of its pages: the body's font, the headings, what runs along."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ragnb.ingest.formats.pdf.pieces import LARGER, Style
from ragnb.ingest.formats.pdf.words import Word, Words, pdfium_lock, rows, words

_RUNS, _RUN = 10, 4  # neighbouring pages, because left and right pages and chapters have their own headers
_MARGIN = 0.12  # of the page's height, above and below
_OUTERMOST = 3  # rows
_NEAR = 4.0  # points: rows of two pages stand at the same place
_ROMAN = re.compile(r"[ivxlc]{1,7}", re.IGNORECASE)
_PAGE_NUMBER = re.compile(
    r"\W*(page|seite|p\.)?\W*\d{1,4}(\s*(/|of|von|sur|de)\s*\d{1,4})?\W*", re.IGNORECASE
)
_LEADERS = re.compile(r"(\.\s*){4,}(\d+|[ivxlc]+)?\s*$", re.IGNORECASE)
_ENTRY = re.compile(
    r"(\d[\d.]*|[A-Z]) .* \d+|contents|table of contents", re.IGNORECASE
)  # beside dotted lines
_LEAST_LEADERS = 5  # on a page of contents

_Place = tuple[str, int]  # top or bottom, and the distance from there in steps of `_NEAR`


@dataclass(frozen=True, slots=True)
class Sample:
    """What a few pages tell of all: the style, the title on page 1, and the running lines.

    ``repeated`` are places with the text seen there on several pages (digits made alike), ``furniture``
    the places where nearly every line runs along, ``offset`` is a page's printed number less its own.
    """

    style: Style
    title: str = ""
    repeated: frozenset[tuple[_Place, str]] = frozenset()
    furniture: frozenset[_Place] = frozenset()
    offset: int | None = None
    is_empty: bool = False

    def body(self, seen: Words, number: int) -> list[Word]:
        """The words of a page without running lines and without the lines of a table of contents."""
        all_rows = rows(seen.upright)
        dropped = [edge.row for edge in _edges(all_rows, seen.height) if self._runs_along(edge, number)]
        if sum(bool(_LEADERS.search(_text(row))) for row in all_rows) >= _LEAST_LEADERS:
            entries = [
                row for row in all_rows if _LEADERS.search(_text(row)) or _ENTRY.fullmatch(_text(row))
            ]
            dropped += entries if len(entries) < 0.5 * len(all_rows) else all_rows
        gone = {id(word) for row in dropped for word in row}
        return [word for word in seen.upright if id(word) not in gone]

    def _runs_along(self, edge: _Edge, number: int) -> bool:
        if any((place, edge.key) in self.repeated for place in edge.places):
            return True
        if _PAGE_NUMBER.fullmatch(edge.text) or _ROMAN.fullmatch(edge.text):
            return True
        if self.offset is not None and number + self.offset in edge.numbers and len(edge.row) < 12:
            return True
        is_large = max(word.size for word in edge.row) > 1.15 * self.style.size
        return not is_large and any(place in self.furniture for place in edge.places)


@dataclass(slots=True)
class _Edge:
    """A row near the upper or lower edge of a page."""

    row: list[Word]
    side: str
    distance: float
    text: str = ""
    key: str = ""
    numbers: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.text = _text(self.row)
        self.key = re.sub(r"\d+", "#", self.text)
        ends = {self.row[0].text, self.row[-1].text}
        self.numbers = tuple(int(text) for text in ends if re.fullmatch(r"[0-9]{1,4}", text))

    @property
    def places(self) -> tuple[_Place, _Place]:
        """The step it is in and the nearer of its neighbours."""
        step = self.distance / _NEAR
        return (self.side, int(step)), (self.side, round(step) - (round(step) == int(step)))


def _text(row: list[Word]) -> str:
    return " ".join(word.text for word in row)


def _edges(all_rows: list[list[Word]], height: float) -> Iterator[_Edge]:
    for row in all_rows[:_OUTERMOST]:
        if row[0].baseline < _MARGIN * height:
            yield _Edge(row, "top", row[0].baseline)
    for row in all_rows[-_OUTERMOST:]:
        if row[0].baseline > (1 - _MARGIN) * height:
            yield _Edge(row, "bottom", height - row[0].baseline)


@dataclass(slots=True)
class _Tally:
    sizes: Counter[float] = field(default_factory=Counter)  # letters of each size
    mono: int = 0
    bold: int = 0
    letters: int = 0
    edges: list[tuple[int, _Edge]] = field(default_factory=list)
    pages: int = 0

    def add(self, number: int, seen: Words) -> None:
        self.pages += 1
        for word in seen.upright:
            length = len(word.text)
            self.sizes[round(word.size * 2) / 2] += length
            self.letters += length
            self.mono += length * word.mono
            self.bold += length * word.bold
        self.edges += [(number, edge) for edge in _edges(rows(seen.upright), seen.height)]


def sample(pdf: Any, *, is_outlined: bool) -> Sample:
    """Look at page 1 and at up to 40 pages in runs of neighbours."""
    count = len(pdf)
    starts = range(0, count, max(_RUN, count // _RUNS))
    numbers = sorted({n for start in starts for n in range(start, min(start + _RUN, count))})
    tally = _Tally()
    title = ""
    for n in numbers:
        with pdfium_lock:
            page = pdf[n]
            seen = words(page)
            page.close()
        tally.add(n + 1, seen)
        if n == 0:
            title = _largest(seen)
    if not tally.letters:
        return Sample(Style(10.0), is_empty=count == len(numbers))
    body = tally.sizes.most_common(1)[0][0]
    style = Style(
        body,
        mono=tally.mono > 0.7 * tally.letters,
        bold=tally.bold > 0.3 * tally.letters,
        headings=_heading_sizes(tally.sizes, body),
        outlined=is_outlined,
    )
    offset = _offset(tally)
    repeated, furniture = _running(tally, offset)
    return Sample(style, title, repeated, furniture, offset)


def _heading_sizes(sizes: Counter[float], body: float) -> tuple[float, ...]:
    """The sizes larger than the body's, largest first; sizes that nearly agree are one."""
    found: list[float] = []
    for size in sorted((size for size in sizes if size >= LARGER * body), reverse=True):
        if not found or found[-1] - size > 0.6:
            found.append(size)
    return tuple(found)


def _largest(seen: Words) -> str:
    """The largest text of a page, if it is larger than the rest and reads like a title."""
    all_rows = rows(seen.upright)
    sizes = [max(word.size for word in row) for row in all_rows]
    if not sizes or max(sizes) < 1.15 * sorted(sizes)[len(sizes) // 2]:
        return ""
    start = sizes.index(max(sizes))
    end = start
    while end < len(sizes) and sizes[end] > max(sizes) - 0.6:
        end += 1
    text = " ".join(_text(_up_to_gap(row)) for row in all_rows[start:end])
    return text if 3 <= len(text) <= 200 and re.search(r"[^\W\d_]{2}", text) else ""


def _up_to_gap(row: list[Word]) -> list[Word]:
    """The words up to the next column."""
    for n, (word, after) in enumerate(pairwise(row), start=1):
        if after.x0 - word.x1 > 2 * word.size:
            return row[:n]
    return row


def _offset(tally: _Tally) -> int | None:
    """The printed page number less the page's own, if most pages with numbers agree."""
    offsets = Counter(found - number for number, edge in tally.edges for found in edge.numbers)
    if not offsets:
        return None
    offset, count = offsets.most_common(1)[0]
    return offset if count >= max(2, 0.3 * tally.pages) else None


def _running(tally: _Tally, offset: int | None) -> tuple[frozenset[tuple[_Place, str]], frozenset[_Place]]:
    seen = Counter((place, edge.key) for _, edge in tally.edges for place in set(edge.places))
    least = 2 if tally.pages < 10 else 3
    repeated = frozenset(found for found, count in seen.items() if count >= least)
    there, along = Counter[_Place](), Counter[_Place]()
    for number, edge in tally.edges:
        is_numbered = offset is not None and number + offset in edge.numbers
        for place in set(edge.places):
            there[place] += 1
            along[place] += is_numbered or seen[place, edge.key] >= 2
    furniture = frozenset(
        place for place, count in there.items() if count >= 4 and along[place] >= 0.6 * count
    )
    return repeated, furniture
