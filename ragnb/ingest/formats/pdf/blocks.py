"""The lines of a PDF page become headings, paragraphs, lists, code and tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

from ragnb.documents import BlockKind
from ragnb.ingest.formats.pdf.layout import Line, Region
from ragnb.ingest.formats.pdf.pieces import (
    LARGER,
    SAME,
    SENTENCE,
    UNLISTED,
    Piece,
    Style,
    bare,
    continues,
    join,
    letters,
    merge,
)
from ragnb.ingest.formats.pdf.tables import Table

_APART = 1.3  # times the usual distance of two lines: what is so far away is another paragraph
_INDENT = 0.7  # times the size
_LONGEST_HEADING = 200  # characters
_CAPTION_GAP = 40.0  # points between a table and its caption

_BULLETS = frozenset("•◦▪■□●○‣⁃·▸►➢➤✓✔\uf0b7\uf0a7")
_DASHES = frozenset("-–—*o")
_NUMBER = re.compile(r"\(?(\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)]")
_CAPTION = re.compile(
    r"(table|tab\.|tableau|tabelle|tabla|exhibit)\s*((?:[A-Z][.-]?)?\d+(?:[.-]\d+)*|[IVXL]+)\b",
    re.IGNORECASE,
)


def pieces(regions: Sequence[Region], style: Style, titles: Mapping[str, int], page: int) -> list[Piece]:
    """What a page holds, in reading order.

    ``titles`` are those of the outline that point to this page (their `letters` and `bare` letters), with
    their levels; ``page`` is counted from 1.
    """
    found: list[Piece] = []
    for region in regions:
        part = _Region(region, style, titles, page).pieces()
        if found and part and continues(found[-1], part[0]):
            merge(found[-1], part.pop(0))
        found += part
    return _captioned(found)


def _captioned(found: list[Piece]) -> list[Piece]:
    """Each table with its caption as its first line."""
    captions: set[int] = set()
    for n, piece in enumerate(found):
        if piece.kind != "table":
            continue
        for m in (n - 1, n + 1):
            if not 0 <= m < len(found) or m in captions or found[m].kind != "paragraph":
                continue
            gap = piece.top - found[m].bottom if m < n else found[m].top - piece.bottom
            match = _CAPTION.match(found[m].text)
            if match and gap < _CAPTION_GAP:
                piece.label = " ".join(match.group().split())
                piece.text = f"{' '.join(found[m].text.split())}\n{piece.text}"
                captions.add(m)
                break
    return [piece for n, piece in enumerate(found) if n not in captions]


class _Region:
    """Reads the lines of one column from top to bottom."""

    def __init__(self, items: Region, style: Style, titles: Mapping[str, int], page: int) -> None:
        self.items, self.style, self.titles, self.page = items, style, titles, page
        lines = [item for item in items if isinstance(item, Line)]
        self.left = min((line.x0 for line in lines), default=0.0)
        self.right = max((line.x1 for line in lines), default=0.0)
        steps = [
            below.baseline - line.baseline
            for line, below in pairwise(lines)
            if abs(line.size - below.size) < 1
            and 0.9 * line.size < below.baseline - line.baseline < 1.7 * line.size
        ]
        self.leading = median(steps) if steps else 1.2 * style.size

    def pieces(self) -> list[Piece]:
        found: list[Piece] = []
        at = 0
        while at < len(self.items):
            item = self.items[at]
            if isinstance(item, Table):
                found.append(
                    Piece("table", item.markdown, self.page, self.page, top=item.box[1], bottom=item.box[3])
                )
                at += 1
                continue
            for read in (self._heading, self._code, self._list, self._paragraphs):
                count, part = read(at)
                if count:
                    found += part
                    at += count
                    break
        return found

    def _piece(self, kind: BlockKind, text: str, lines: Sequence[Line], level: int = 0) -> Piece:
        sizes = sorted(line.size for line in lines)
        return Piece(
            kind,
            text,
            self.page,
            self.page,
            size=sizes[len(sizes) // 2],
            level=level,
            top=lines[0].top,
            bottom=lines[-1].baseline,
        )

    def _line(self, at: int) -> Line | None:
        item = self.items[at] if 0 <= at < len(self.items) else None
        return item if isinstance(item, Line) else None

    def _step(self, at: int) -> float:
        """From the line before to this one, in usual distances; infinite at the top and below a table."""
        before, line = self._line(at - 1), self._line(at)
        if before is None or line is None or line.baseline <= before.baseline:
            return float("inf")
        return (line.baseline - before.baseline) / max(self.leading, 1.1 * min(before.size, line.size))

    def _is_full(self, at: int, right: float) -> bool:
        """Whether the first word of the next line would not have fitted on this one."""
        line, below = self._line(at), self._line(at + 1)
        if line is None or below is None or (line.is_row and below.is_row):
            return False
        width = below.words[0].x1 - below.words[0].x0
        return line.x1 + width + 0.6 * line.size > right

    def _is_fresh(self, at: int) -> bool:
        """Whether a line plainly does not go on with the one before."""
        before, line = self._line(at - 1), self._line(at)
        if before is None or line is None or self._step(at) > _APART:
            return True
        is_moved = abs(line.x0 - before.x0) > _INDENT * line.size
        return (
            is_moved
            or abs(line.size - before.size) > SAME * line.size
            or not self._is_full(at - 1, self.right)
        )

    def _heading(self, at: int) -> tuple[int, list[Piece]]:
        count, level = self._titled(at) if self.titles else (0, 0)
        if not count:
            count, level = self._prominent(at)
        if not count:
            return 0, []
        lines = [item for item in self.items[at : at + count] if isinstance(item, Line)]
        text = lines[0].text
        for line in lines[1:]:
            text = join(text, line.text)
        return count, [self._piece("heading", text, lines, level)]

    def _titled(self, at: int) -> tuple[int, int]:
        """How many lines make a title of the outline, and its level."""
        text = ""
        for count in range(1, 5):
            line = self._line(at + count - 1)
            if line is None:
                break
            text = join(text, line.text) if text else line.text
            level = self.titles.get(letters(text)) or self.titles.get(bare(text))
            if level and not self._goes_on(at, count):
                return count, level
        return 0, 0

    def _goes_on(self, at: int, count: int) -> bool:
        """Whether the line below is part of the same heading, so that a longer title may match."""
        last, below = self._line(at + count - 1), self._line(at + count)
        if last is None or below is None:
            return False
        text = " ".join(line.text for n in range(count + 1) if (line := self._line(at + n)))
        return letters(text) in self.titles

    def _prominent(self, at: int) -> tuple[int, int]:
        """How many lines make a heading by their looks, and its level."""
        line = self._line(at)
        style = self.style
        if line is None or not re.search(r"[^\W\d_]{2}", line.text) or (line.mono and not style.mono):
            return 0, 0
        is_large = line.larger_than(LARGER * style.size)
        if not is_large and (style.outlined or not self._is_bold_heading(at, line)):
            return 0, 0
        count = 1
        while (below := self._line(at + count)) is not None:
            is_same = abs(below.size - line.size) < 0.5 and below.bold == line.bold
            if not is_same or below.baseline - line.baseline > (count + 0.6) * 1.25 * line.size:
                break
            count += 1
        length = sum(len(item.text) for n in range(count) if (item := self._line(at + n)))
        if length > _LONGEST_HEADING:
            return 0, 0
        if style.outlined:
            return count, UNLISTED
        if not is_large:
            return count, min(6, len(style.headings) + 1)
        return count, min(6, 1 + sum(size > line.size + 0.6 for size in style.headings))

    def _is_bold_heading(self, at: int, line: Line) -> bool:
        if self.style.bold or not line.bold or line.size < 0.95 * self.style.size:
            return False
        below = self._line(at + 1)
        is_short = line.x1 - line.x0 < 0.8 * (self.right - self.left) or len(line.words) <= 10
        is_alone = below is None or not below.bold or self._step(at + 1) > _APART
        return is_short and is_alone and self._is_fresh(at) and not re.search(r"[.,;:]$", line.text)

    def _code(self, at: int) -> tuple[int, list[Piece]]:
        line = self._line(at)
        if self.style.mono or line is None or not line.mono or not self._is_fresh(at):
            return 0, []
        lines = [line]
        while (
            (below := self._line(at + len(lines))) is not None
            and below.mono
            and self._step(at + len(lines)) < 2.6
        ):
            lines.append(below)
        if len(lines) == 1 and not self._stands_apart(at, line):
            return 0, []
        text = "\n".join(self._set(at, lines))
        return len(lines), [self._piece("code", f"```\n{text}\n```", lines)]

    def _stands_apart(self, at: int, line: Line) -> bool:
        """Whether one monospaced line is code, not a name or an address above what is said about it."""
        if line.x0 > self.left + line.size:
            return True
        return len(line.words) > 1 and self._step(at) > _APART and self._step(at + 1) > _APART

    def _set(self, at: int, lines: list[Line]) -> list[str]:
        """Monospaced lines with their indentation and the blank lines between them."""
        pitch = median(line.pitch for line in lines)
        left = min(line.x0 for line in lines)
        close = min((self._step(at + n) for n in range(1, len(lines))), default=1.0)
        texts: list[str] = []
        for n, line in enumerate(lines):
            if n and self._step(at + n) > 1.6 * close:
                texts.append("")
            text, end = "", left
            for word in line.words:
                spaces = round((word.x0 - end) / pitch)
                text += " " * max(spaces, 1 if text else 0) + word.text
                end = word.x1
            texts.append(text)
        return texts

    def _marker(self, at: int, is_within: bool) -> str:
        """The bullet or number that begins an item here, else nothing."""
        line = self._line(at)
        if line is None or len(line.words) < 2:
            return ""
        first = line.words[0].text
        if first in _BULLETS:
            return "-"
        if not is_within and not self._is_fresh(at):
            return ""
        gap = line.words[1].x0 - line.words[0].x1
        if first in _DASHES and gap > 0.2 * line.size:
            return "-"
        return first if _NUMBER.fullmatch(first) and (len(first) > 1) else ""

    def _list(self, at: int) -> tuple[int, list[Piece]]:
        if not self._marker(at, False):
            return 0, []
        lines: list[Line] = []
        texts: list[str] = []
        edges: list[float] = []  # where the bullets of the open levels stand
        inner = 0.0  # where the item's text stands
        while (line := self._line(at + len(lines))) is not None:
            here = at + len(lines)
            marker = self._marker(here, bool(lines) and abs(line.x0 - edges[-1]) < 0.3 * line.size)
            if lines and (self._step(here) > 3 or self._heading(here)[0]):
                break
            if marker:
                while edges and edges[-1] > line.x0 + 0.3 * line.size:
                    edges.pop()
                if not edges or line.x0 > edges[-1] + 0.3 * line.size:
                    edges.append(line.x0)
                inner = line.words[1].x0
                rest = " ".join(word.text for word in line.words[1:])
                texts.append("  " * (len(edges) - 1) + f"{marker} {rest}")
            elif self._step(here) <= _APART:
                is_inside = line.x0 > edges[-1] + 0.3 * line.size
                if not is_inside and (
                    not self._is_full(here - 1, self.right) or SENTENCE.search(texts[-1])
                ):
                    break
                texts[-1] = join(texts[-1], line.text)
            elif line.x0 >= inner - 0.3 * line.size and not (line.mono and not self.style.mono):
                texts.append("  " * len(edges) + line.text)
            else:
                break
            lines.append(line)
        return len(lines), [self._piece("list", "\n".join(texts), lines)]

    def _paragraphs(self, at: int) -> tuple[int, list[Piece]]:
        """The paragraphs of a run of lines that stand close together."""
        end = at + 1
        while (line := self._line(end)) is not None and not self._parts(end, line):
            end += 1
        lines = [item for item in self.items[at:end] if isinstance(item, Line)]
        left = min(line.x0 for line in lines)
        is_local = len(lines) > 2 or left > self.left + lines[0].size
        right = max(line.x1 for line in lines) if is_local else self.right
        found: list[Piece] = []
        begin = 0
        text = lines[0].text
        for n in range(1, len(lines)):
            is_full = self._is_full(at + n - 1, right)
            if self._begins(lines, begin, n, left) or (not is_full and SENTENCE.search(lines[n - 1].text)):
                found.append(self._piece("paragraph", text, lines[begin:n]))
                begin, text = n, lines[n].text
            else:
                is_joined = is_full or text.endswith("-")
                text = join(text, lines[n].text) if is_joined else f"{text}\n{lines[n].text}"
        found.append(self._piece("paragraph", text, lines[begin:]))
        return end - at, found

    def _parts(self, at: int, line: Line) -> bool:
        """Whether this line begins something else than the lines before it."""
        before = self._line(at - 1)
        if before is None or self._step(at) > _APART or abs(before.size - line.size) > SAME * line.size:
            return True
        if before.bold and not any(word.bold for word in line.words):
            return True
        return bool(self._marker(at, False) or self._heading(at)[0] or self._code(at)[0])

    def _begins(self, lines: list[Line], begin: int, n: int, left: float) -> bool:
        """Whether the indentation tells that a paragraph begins at line ``n``."""
        indent = _INDENT * lines[n].size
        is_in, was_in = lines[n].x0 > left + indent, lines[n - 1].x0 > left + indent
        if is_in and not was_in:
            is_first = n + 1 == len(lines) or lines[n + 1].x0 <= left + indent
            return is_first and bool(SENTENCE.search(lines[n - 1].text))
        return was_in and not is_in and n - 1 > begin
