"""A passage of a PDF as it stands on its page: a picture of the page with the passage marked."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragnb.documents import Chunk
from ragnb.errors import InvalidInputError

if TYPE_CHECKING:
    from ragnb.ingest.formats.pdf.words import Word, Words

_YELLOW = (255, 236, 110)  # multiplied with what is on the page, as a marker pen does
_LEAST, _MOST = 100, 4000  # pixels
_SURE = 3  # words in a row that are no coincidence
_COLOURS = 128  # are enough for text, and make the picture a third as large


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A PNG picture that shows itself in a notebook, with a text for those who cannot see it."""

    png: bytes = field(repr=False)
    alt: str

    def save(self, path: str | Path) -> None:
        """Write the picture to a file."""
        Path(path).write_bytes(self.png)

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        return self.png, {"alt": self.alt}

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode()
        return (
            f'<img alt="{html.escape(self.alt)}" src="data:image/png;base64,{data}" style="max-width:100%">'
        )


def page_picture(chunk: Chunk, *, width: int = 700) -> PagePicture:
    """The page where a passage begins, ``width`` pixels wide, with the passage's words marked in yellow.

    Raises `InvalidInputError` if the passage is not from a PDF or its file is no longer there, and
    `IngestError` if the file can no longer be read.
    """
    from PIL import ImageChops

    from ragnb.ingest.formats.pdf.loader import open_page, open_pdf
    from ragnb.ingest.formats.pdf.words import rulings, words

    if not _LEAST <= width <= _MOST:
        raise InvalidInputError(
            f"A picture cannot be {width} pixels wide.", f"Choose a width from {_LEAST} to {_MOST}."
        )
    path, number = _place(chunk)
    with open_pdf(path) as pdf:
        if number > len(pdf):
            raise InvalidInputError(
                f"{path.name} has only {len(pdf)} pages, the passage is from page {number}.",
                "The file has changed: ingest it again.",
            )
        with open_page(pdf, number) as page:
            seen = words(page)
            lines = rulings(page, seen.turn)
            scale = width / seen.width
            picture = page.render(scale=scale, rotation=seen.turn).to_pil().convert("RGB")
    marked = list(_marks(_passage(chunk.text, _reading_order(seen, lines))))
    picture = ImageChops.multiply(picture, _marker(picture.size, marked, scale))
    alt = f"Page {number} of {chunk.title or path.name}"
    if marked:
        alt += f", with the passage marked that begins: {_beginning(chunk.text)}"
    return PagePicture(_png(picture), alt)


def _place(chunk: Chunk) -> tuple[Path, int]:
    pages = chunk.locator.pages
    path = Path(chunk.source)
    if pages is None or path.suffix.lower() != ".pdf":
        raise InvalidInputError(
            f"{chunk.title or chunk.source or 'The passage'} is no PDF file: it has no page to show.",
            "Ask for the picture of a passage whose locator has pages.",
        )
    if not path.is_file():
        raise InvalidInputError(
            f"The file {path.name} is no longer where it was ingested from.",
            "Put it back, or ingest it again from where it is now.",
        )
    return path, pages[0]


def _reading_order(seen: Words, lines: Sequence[Any]) -> list[Word]:
    """The words of a page in the order in which the loader reads them."""
    from ragnb.ingest.formats.pdf.layout import regions
    from ragnb.ingest.formats.pdf.tables import tables

    found, outside = tables(lines, seen.upright)
    return [word for region in regions(outside, found) for item in region for word in item.words]


def _tokens(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _passage(text: str, page: list[Word]) -> list[Word]:
    """The words of a page that are those of the passage: the longest stretches that both have."""
    there: list[str] = []
    owners: list[list[int]] = []
    for n, word in enumerate(page):
        for m, token in enumerate(_tokens(word.text)):
            if m == 0 and n and _divides(page[n - 1], word) and there:
                there[-1] += token
                owners[-1].append(n)
            else:
                there.append(token)
                owners.append([n])
    marked: set[int] = set()
    tokens, places = _tokens(text), list(range(len(there)))
    for _ in range(2):  # once more for a caption, which comes first in the passage wherever it stands
        found = _matches(tokens, [there[place] for place in places])
        marked.update(owner for _, b in found for owner in owners[places[b]])
        gone = {a for a, _ in found}, {b for _, b in found}
        tokens = [token for n, token in enumerate(tokens) if n not in gone[0]]
        places = [place for n, place in enumerate(places) if n not in gone[1]]
    for n in range(1, len(page)):
        is_mark = not _tokens(page[n].text) and abs(page[n].baseline - page[n - 1].baseline) < 1
        if is_mark and n - 1 in marked:
            marked.add(n)
    return [page[n] for n in sorted(marked)]


def _matches(tokens: list[str], there: list[str]) -> list[tuple[int, int]]:
    """Pairs of places in both lists, in stretches that are long, or close to a long one."""
    blocks = [
        b for b in SequenceMatcher(None, tokens, there, autojunk=False).get_matching_blocks() if b.size
    ]
    sure = min(_SURE, len(tokens))
    found: list[tuple[int, int]] = []
    for n, block in enumerate(blocks):
        before = [other for other in blocks[max(0, n - 1) : n] if other.size >= sure]
        after = [other for other in blocks[n + 1 : n + 2] if other.size >= sure]
        is_near = any(block.b - other.b - other.size <= _SURE for other in before) or any(
            other.b - block.b - block.size <= _SURE for other in after
        )
        if block.size >= sure or is_near:
            found += [(block.a + m, block.b + m) for m in range(block.size)]
    return found


def _divides(before: Word, word: Word) -> bool:
    """Whether a word is the second half of one that is divided at the end of a line."""
    is_below = word.baseline - before.baseline > 0.5 * word.size or word.x0 > before.x1 + 2 * word.size
    return before.text.endswith("-") and len(before.text) > 1 and is_below and word.text[:1].islower()


def _marks(words: list[Word]) -> Iterator[tuple[float, float, float, float]]:
    """One box for words that stand side by side, in points."""
    line: list[Word] = words[:1]
    for before, word in pairwise(words):
        is_beside = abs(word.baseline - before.baseline) < 0.5 * word.size
        if not is_beside or not -0.5 * word.size < word.x0 - before.x1 < 1.5 * word.size:
            yield _box(line)
            line = []
        line.append(word)
    if line:
        yield _box(line)


def _box(line: list[Word]) -> tuple[float, float, float, float]:
    size = max(word.size for word in line)
    baseline = max(line, key=lambda word: word.size).baseline
    return line[0].x0 - 1, baseline - 0.92 * size, line[-1].x1 + 1, baseline + 0.3 * size


def _marker(size: tuple[int, int], boxes: list[tuple[float, float, float, float]], scale: float) -> Any:
    """A white picture with yellow boxes."""
    from PIL import Image, ImageDraw

    marker = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(marker)
    for box in boxes:
        draw.rounded_rectangle(tuple(scale * value for value in box), radius=2 * scale, fill=_YELLOW)
    return marker


def _png(picture: Any) -> bytes:
    stream = io.BytesIO()
    picture.quantize(_COLOURS, method=1).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _beginning(text: str) -> str:
    words = [word for word in text.split() if not re.fullmatch(r"\|?[-:|]*|`{3}\w*", word)]
    return " ".join(words[:12]) + ("…" if len(words) > 12 else "")
