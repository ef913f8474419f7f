"""The words of a PDF page in reading order: lines, column by column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise

from ragnb.ingest.formats.pdf.tables import Table
from ragnb.ingest.formats.pdf.words import Word, rows

_ROUGHLY = 0.35  # of a word's height: lines of two columns need not stand on one baseline
_LEAST_GUTTER = 7.0  # points
_LEAST_ROWS = 6  # of text on both sides of a gutter, on a page
_LEAST_BAND = 4  # the same, one below the other
_FULL = 0.6  # of a column's width: the lines of prose are at least so long, most of them
_DEEPEST = 3  # cuts one into another: eight columns


@dataclass(frozen=True)
class Line:
    """A line of text in its column, which goes from ``left`` to ``right``."""

    words: tuple[Word, ...]
    left: float
    right: float

    @cached_property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @cached_property
    def size(self) -> float:
        """That of most of its letters, in points."""
        sizes = Counter[float]()
        for word in self.words:
            sizes[round(word.size, 1)] += len(word.text)
        return sizes.most_common(1)[0][0]

    @cached_property
    def bold(self) -> bool:
        return all(word.bold for word in self.words if any(map(str.isalpha, word.text)))

    @cached_property
    def mono(self) -> bool:
        letters = sum(len(word.text) for word in self.words)
        return sum(len(word.text) for word in self.words if word.mono) >= 0.8 * letters

    def larger_than(self, size: float) -> bool:
        """Whether nearly all of its letters are, not only a term at its beginning."""
        letters = sum(len(word.text) for word in self.words)
        return sum(len(word.text) for word in self.words if word.size >= size) >= 0.85 * letters

    @cached_property
    def is_row(self) -> bool:
        """Whether it has a gap as rows of a table without lines do."""
        return any(after.x0 - word.x1 > 1.5 * word.size for word, after in pairwise(self.words))

    @property
    def x0(self) -> float:
        return self.words[0].x0

    @property
    def x1(self) -> float:
        return max(word.x1 for word in self.words)

    @cached_property
    def baseline(self) -> float:
        return max(self.words, key=lambda word: word.size).baseline

    @property
    def top(self) -> float:
        return self.baseline - self.size

    @cached_property
    def pitch(self) -> float:
        """The width of a letter of a monospaced line, in points."""
        wide = max(self.words, key=lambda word: len(word.text))
        return max((wide.x1 - wide.x0) / len(wide.text), 1.0)


Item = Line | Table
Region = list[Item]


def regions(words: Sequence[Word], tables: Sequence[Table] = ()) -> list[Region]:
    """The lines and tables of a page in reading order, one list for each column."""
    return list(_read(_rough(words, tables), {id(word): n for n, word in enumerate(words)}, 0))


_Row = list[Word] | Table


def _rough(words: Sequence[Word], tables: Sequence[Table]) -> list[_Row]:
    found: list[_Row] = [*rows(words, _ROUGHLY), *tables]
    return sorted(
        found, key=lambda row: row.top if isinstance(row, Table) else row[0].baseline - row[0].size
    )


def _read(given: list[_Row], drawn: dict[int, int], depth: int) -> Iterator[Region]:
    """Full-width rows and columns, in order. ``drawn`` tells the order in which words were drawn."""
    gutter = _gutter(given, drawn) if depth < _DEEPEST else None
    if gutter is None:
        if given:
            yield _region(given)
        return
    for is_columns, band in _bands(given, gutter):
        if not is_columns:
            yield _region(band)
            continue
        for is_right in (False, True):
            words = [
                word
                for row in band
                if not isinstance(row, Table)
                for word in row
                if (word.x0 > gutter) == is_right
            ]
            tables = [row for row in band if isinstance(row, Table) and (row.box[0] > gutter) == is_right]
            yield from _read(_rough(words, tables), drawn, depth + 1)


def _region(given: list[_Row]) -> Region:
    words = [word for row in given if not isinstance(row, Table) for word in row]
    left = min((word.x0 for word in words), default=0.0)
    right = max((word.x1 for word in words), default=0.0)
    lines: list[Item] = [Line(tuple(row), left, right) for row in rows(words)]
    lines += [row for row in given if isinstance(row, Table)]
    return sorted(lines, key=lambda item: item.top)


def _crosses(row: _Row, x: float) -> bool:
    if isinstance(row, Table):
        return row.box[0] < x < row.box[2]
    return any(word.x0 < x < word.x1 for word in row) or 0 < _gap(row, x) < _LEAST_GUTTER


def _gap(row: list[Word], x: float) -> float:
    """The width of the gap between words at ``x``; 0 where only one side has text."""
    before = [word.x1 for word in row if word.x1 <= x]
    after = [word.x0 for word in row if word.x0 >= x]
    return min(after) - max(before) if before and after else 0.0


def _bands(given: list[_Row], gutter: float) -> Iterator[tuple[bool, list[_Row]]]:
    """Rows across the page and rows in columns, in turn. A few rows with a gap there are no columns."""
    bands: list[tuple[bool, list[_Row]]] = []
    for crosses, band in groupby(given, lambda row: _crosses(row, gutter)):
        rows_of_band = list(band)
        is_columns = not crosses and len(_pairs(rows_of_band, gutter)) >= _LEAST_BAND
        if bands and not is_columns and not bands[-1][0]:
            bands[-1][1].extend(rows_of_band)
        else:
            bands.append((is_columns, rows_of_band))
    yield from bands


def _pairs(band: list[_Row], gutter: float) -> list[list[Word]]:
    """The rows with text on both sides."""
    return [row for row in band if not isinstance(row, Table) and _gap(row, gutter)]


def _gutter(given: list[_Row], drawn: dict[int, int]) -> float | None:
    """Where the gap between two columns is; None on a page (or in a column) without columns."""
    texts = [row for row in given if not isinstance(row, Table)]
    if len(texts) < _LEAST_ROWS:
        return None
    gaps = Counter[int]()
    for row in texts:
        for before, after in pairwise(row):
            if after.x0 - before.x1 >= max(_LEAST_GUTTER, 0.7 * before.size):
                gaps.update(range(int(before.x1) + 1, int(after.x0)))
    if not gaps or max(gaps.values()) < _LEAST_ROWS:
        return None
    most = max(gaps.values())
    best = sorted(x for x, count in gaps.items() if count >= 0.9 * most)
    middle = (
        min(word.x0 for row in texts for word in row) + max(word.x1 for row in texts for word in row)
    ) / 2
    for x in sorted(_runs(best), key=lambda x: abs(x - middle)):
        if _parts_columns(given, x, drawn):
            return x
    return None


def _runs(xs: list[int]) -> Iterator[float]:
    """The middle of each run of neighbouring numbers."""
    start = xs[0]
    for x, following in zip(xs, [*xs[1:], xs[-1] + 9], strict=True):
        if following - x > 1:
            yield (start + x) / 2
            start = following


def _parts_columns(given: list[_Row], x: float, drawn: dict[int, int]) -> bool:
    """Whether what stands on both sides of ``x`` is read one side after the other.

    It is if it was drawn in that order, or if the lines on both sides are as full as those of prose.
    """
    both = turns = parts = 0
    sides: tuple[list[list[Word]], list[list[Word]]] = [], []
    for is_columns, band in _bands(given, x):
        if not is_columns:
            continue
        pairs = _pairs(band, x)
        both += len(pairs)
        parts += 1
        words = [word for row in band if not isinstance(row, Table) for word in row]
        words.sort(key=lambda word: drawn[id(word)])
        turns += sum((word.x0 > x) != (after.x0 > x) for word, after in pairwise(words))
        for n in (0, 1):
            sides[n].extend([word for word in row if (word.x0 > x) == bool(n)] for row in pairs)
    if both < _LEAST_ROWS:
        return False
    if turns <= parts + 0.15 * both:
        return True
    left, right = sides
    is_even = 0.6 < _width(left) / _width(right) < 1.7
    return is_even and both >= 2 * _LEAST_ROWS and min(_fill(left), _fill(right)) >= _FULL


def _width(side: list[list[Word]]) -> float:
    return max(row[-1].x1 for row in side) - min(row[0].x0 for row in side) or 1.0


def _fill(side: list[list[Word]]) -> float:
    """How much of its column the middle one of the lines fills with words."""
    filled = sorted(sum(word.x1 - word.x0 for word in row) for row in side)
    return filled[len(filled) // 2] / 0.85 / _width(side)  # the rest is spaces
