"""What PDFium sees on a page: its words with their places and fonts, and the lines that are drawn."""

from __future__ import annotations

import ctypes
import math
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

# PDFium keeps global state and is not thread-safe: whoever calls it holds this lock.
pdfium_lock = threading.RLock()

_MONO = re.compile(
    r"mono(?!type)|nimbusmon|courier|typewriter|consol|menlo|cmtt|cmsltt|ectt|sftt|lmtt|inconsol|code", re.I
)
_BOLD = re.compile(r"bold|black|heavy|semib|demi|cmb|sfbx|ecbx|rmbx", re.I)
_FIXED_PITCH, _FORCE_BOLD = 1, 1 << 18  # font flags, PDF 32000-1, table 123
_HEAVY = 600  # PDFium guesses a weight from the stem; the bold fonts of TeX are known by their names
_MOST_SEGMENTS = 6000  # of drawn lines: a page with more is a plot or a map
_THIN = 3.0  # points: a filled rectangle no thicker is a ruling
_LIGATURES = {
    0xFB00: "ff",
    0xFB01: "fi",
    0xFB02: "fl",
    0xFB03: "ffi",
    0xFB04: "ffl",
    0xFB05: "st",
    0xFB06: "st",
}
_HYPHENS = frozenset([0x02, 0xAD, 0x2010, 0xFFFE])  # PDFium's sign for a hyphen at a line's end, and others

Box = tuple[float, float, float, float]
_Matrix = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Word:
    """A word on a page. Places are in points from the upper left corner of the page as it is read."""

    text: str
    x0: float
    top: float
    x1: float
    bottom: float
    baseline: float
    size: float  # of its font, in points
    bold: bool
    mono: bool


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a page in the order they were drawn.

    ``turn`` is by how many degrees clockwise the page has to be turned, on top of its own rotation,
    so that most of its text stands upright; ``turned`` holds the words that then still do not.
    """

    upright: list[Word]
    turned: list[Word]
    width: float
    height: float
    turn: int


@dataclass(frozen=True, slots=True)
class _Font:
    size: float
    angle: int  # degrees counterclockwise, in quarter turns
    bold: bool
    mono: bool


class _Frame:
    """From PDF coordinates to points from the upper left corner of the page as it is shown."""

    def __init__(self, page: Any, turn: int = 0) -> None:
        self.left, self.low, self.right, self.high = page.get_bbox()
        self.rotation = (page.get_rotation() + turn) % 360
        width, height = self.right - self.left, self.high - self.low
        self.width, self.height = (width, height) if self.rotation % 180 == 0 else (height, width)

    def point(self, x: float, y: float) -> tuple[float, float]:
        if self.rotation == 0:
            return x - self.left, self.high - y
        if self.rotation == 90:
            return y - self.low, x - self.left
        if self.rotation == 180:
            return self.right - x, y - self.low
        return self.high - y, self.right - x

    def box(self, x0: float, y0: float, x1: float, y1: float) -> Box:
        (a, b), (c, d) = self.point(x0, y0), self.point(x1, y1)
        return min(a, c), min(b, d), max(a, c), max(b, d)


def words(page: Any) -> Words:
    """The words of a ``pypdfium2.PdfPage``. The caller holds `pdfium_lock`."""
    textpage = page.get_textpage()
    try:
        runs = list(_runs(textpage))
    finally:
        textpage.close()
    rotation = page.get_rotation()
    angles = Counter[int]()
    for run in runs:
        angles[(run[0].font.angle - rotation) % 360] += len(run)
    turn = angles.most_common(1)[0][0] if angles else 0
    frame = _Frame(page, turn)
    upright: list[Word] = []
    turned: list[Word] = []
    for run in runs:
        is_upright = (run[0].font.angle - frame.rotation) % 360 == 0
        (upright if is_upright else turned).append(_word(run, frame))
    return Words(upright, turned, frame.width, frame.height, turn)


@dataclass(frozen=True, slots=True)
class _Char:
    code: int
    box: Box  # left, bottom, right, top in PDF coordinates
    origin: tuple[float, float]
    font: _Font


def _runs(textpage: Any) -> Iterator[list[_Char]]:
    """The characters of each word."""
    import pypdfium2.raw as pdfium

    handle = textpage.raw
    rect, x, y = pdfium.FS_RECTF(), ctypes.c_double(), ctypes.c_double()
    rect_ref, x_ref, y_ref = ctypes.byref(rect), ctypes.byref(x), ctypes.byref(y)
    fonts: dict[int, _Font] = {}
    run: list[_Char] = []
    for index in range(textpage.count_chars()):
        code = pdfium.FPDFText_GetUnicode(handle, index)
        drawn = pdfium.FPDFText_GetTextObject(handle, index)
        if not drawn or (code <= 32 and code != 2) or code in (0xA0, 0xFFFF):
            if run and (code or not drawn):
                yield run
                run = []
            continue
        address = ctypes.addressof(drawn.contents)
        font = fonts.get(address)
        if font is None:
            font = fonts[address] = _font(pdfium, handle, index, drawn)
        pdfium.FPDFText_GetLooseCharBox(handle, index, rect_ref)
        pdfium.FPDFText_GetCharOrigin(handle, index, x_ref, y_ref)
        char = _Char(code, (rect.left, rect.bottom, rect.right, rect.top), (x.value, y.value), font)
        if run and _is_apart(run[-1], char):
            yield run
            run = []
        run.append(char)
    if run:
        yield run


def _is_apart(before: _Char, char: _Char) -> bool:
    """Whether two characters without a space between them stand in different words."""
    if before.font.angle != char.font.angle:
        return True
    dx, dy = char.origin[0] - before.origin[0], char.origin[1] - before.origin[1]
    along, across = {0: (dx, dy), 90: (dy, dx), 180: (-dx, dy), 270: (-dy, dx)}[char.font.angle]
    size = max(before.font.size, char.font.size)
    return abs(across) > 0.6 * size or not -0.5 * size < along < 2.5 * size


def _font(pdfium: Any, textpage: Any, index: int, drawn: Any) -> _Font:
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(textpage, index, ctypes.byref(matrix))
    size = pdfium.FPDFText_GetFontSize(textpage, index) * math.hypot(matrix.c, matrix.d)
    angle = round(math.degrees(math.atan2(matrix.b, matrix.a)) / 90) * 90 % 360
    font = pdfium.FPDFTextObj_GetFont(drawn)
    name = ctypes.create_string_buffer(128)
    pdfium.FPDFFont_GetBaseFontName(font, name, 128)
    family = name.value.decode("latin-1").partition("+")[2] or name.value.decode("latin-1")
    flags = pdfium.FPDFFont_GetFlags(font)
    bold = bool(_BOLD.search(family) or flags & _FORCE_BOLD or pdfium.FPDFFont_GetWeight(font) >= _HEAVY)
    return _Font(size or 1.0, angle, bold, bool(flags & _FIXED_PITCH or _MONO.search(family)))


def _word(run: list[_Char], frame: _Frame) -> Word:
    boxes = [char.box for char in run]
    x0, top, x1, bottom = frame.box(
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )
    fonts = Counter(char.font for char in run)
    font = fonts.most_common(1)[0][0]
    baseline = frame.point(*run[0].origin)[1]
    if not 0.4 * font.size < bottom - top < 2.5 * font.size:  # a font that does not know its own height
        top, bottom = baseline - 0.8 * font.size, baseline + 0.2 * font.size
    text = "".join(_text(char.code) for char in run)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Word(text, x0, top, x1, bottom, baseline, font.size, font.bold, font.mono)


def _text(code: int) -> str:
    if code in _HYPHENS:
        return "-"
    return _LIGATURES.get(code) or chr(code)


def rulings(page: Any, turn: int = 0) -> list[Box]:
    """The horizontal and vertical lines that are drawn on a page, edges of rectangles among them.

    ``turn`` is that of the page's `Words`. The caller holds `pdfium_lock`.
    """
    import pypdfium2.raw as pdfium

    frame = _Frame(page, turn)
    found: list[Box] = []
    for item in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH]):
        matrix, container = item.get_matrix().get(), item.container
        while container is not None:
            matrix = _times(matrix, container.get_matrix().get())
            container = container.container
        found += _straight(pdfium, item.raw, matrix, frame)
        if len(found) > _MOST_SEGMENTS:
            return []
    return found


def _times(first: _Matrix, then: _Matrix) -> _Matrix:
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    return (
        a * p + b * r,
        a * q + b * s,
        c * p + d * r,
        c * q + d * s,
        e * p + f * r + t,
        e * q + f * s + u,
    )


def _straight(pdfium: Any, path: Any, matrix: _Matrix, frame: _Frame) -> Iterator[Box]:
    """The straight lines of a path; a thin filled rectangle is one line."""
    mode, stroke = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDFPath_GetDrawMode(path, ctypes.byref(mode), ctypes.byref(stroke))
    if not mode.value and not stroke.value:
        return
    for points in _outlines(pdfium, path, matrix, frame):
        xs, ys = [x for x, _ in points], [y for _, y in points]
        box = min(xs), min(ys), max(xs), max(ys)
        if not stroke.value and min(box[2] - box[0], box[3] - box[1]) <= _THIN:
            x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            yield (box[0], y, box[2], y) if box[2] - box[0] > box[3] - box[1] else (x, box[1], x, box[3])
            continue
        for (x0, y0), (x1, y1) in pairwise(points):
            if abs(x0 - x1) <= 0.5 or abs(y0 - y1) <= 0.5:
                yield min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _outlines(
    pdfium: Any, path: Any, matrix: _Matrix, frame: _Frame
) -> Iterator[list[tuple[float, float]]]:
    """The corners of each part of a path; a curve ends a part."""
    a, b, c, d, e, f = matrix
    x, y = ctypes.c_float(), ctypes.c_float()
    points: list[tuple[float, float]] = []
    for index in range(min(pdfium.FPDFPath_CountSegments(path), _MOST_SEGMENTS)):
        segment = pdfium.FPDFPath_GetPathSegment(path, index)
        pdfium.FPDFPathSegment_GetPoint(segment, ctypes.byref(x), ctypes.byref(y))
        point = frame.point(a * x.value + c * y.value + e, b * x.value + d * y.value + f)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        if kind != pdfium.FPDF_SEGMENT_LINETO:
            if len(points) > 1:
                yield points
            points = []
        points.append(point)
        if pdfium.FPDFPathSegment_GetClose(segment) and len(points) > 2:
            points.append(points[0])
    if len(points) > 1:
        yield points


def rows(words: Iterable[Word], overlap: float = 0.55) -> list[list[Word]]:
    """Words that stand beside each other, row by row from the top, each from left to right.

    Two words share a row if so much of the smaller one's height is beside the other; superscripts do.
    """
    found: list[list[Word]] = []
    for word in sorted(words, key=lambda word: (word.baseline, word.x0)):
        for row in reversed(found[-4:]):
            if _beside(row[0], word) >= overlap:
                if word.size > row[0].size:
                    row.insert(0, word)  # the largest tells the row's place
                else:
                    row.append(word)
                break
        else:
            found.append([word])
    found.sort(key=lambda row: row[0].baseline)
    for row in found:
        row.sort(key=lambda word: word.x0)
    return found


def _beside(first: Word, second: Word) -> float:
    a, b = first.baseline - 0.75 * first.size, first.baseline + 0.2 * first.size
    c, d = second.baseline - 0.75 * second.size, second.baseline + 0.2 * second.size
    return (min(b, d) - max(a, c)) / min(b - a, d - c)
