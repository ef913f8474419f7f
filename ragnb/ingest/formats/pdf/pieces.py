"""What the blocks of a PDF are made of on the way: pieces, and how their lines are joined."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ragnb.documents import BlockKind

UNLISTED = 7  # the level of a heading by its looks that the outline does not know
LARGER = 1.1  # times the body's size: what is so large is a heading
SAME = 0.12  # times the size: so much may two lines of a paragraph differ
SENTENCE = re.compile(r"[.!?:;…][\"'”’»)\]]*$")  # its end
_ENUMERATOR = re.compile(
    r"((chapter|part|appendix|section|kapitel|teil|anhang|chapitre)\s+)?"
    r"(\d+(\.\d+)*|[IVXLC]+|[A-Z])(\.\d+)*[.:]?\s+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Style:
    """How a document is set: the size of its body in points, whether the body is monospaced or bold,
    the sizes of headings, largest first, and whether an outline names the headings."""

    size: float
    mono: bool = False
    bold: bool = False
    headings: tuple[float, ...] = ()
    outlined: bool = False


@dataclass(slots=True)
class Piece:
    """A block in the making. ``top`` and ``bottom`` are its places on its first and last page."""

    kind: BlockKind
    text: str
    first: int
    last: int
    size: float = 0.0
    level: int = 0
    label: str = ""
    top: float = 0.0
    bottom: float = 0.0


def letters(text: str) -> str:
    """Text without what two writings of a title may differ in."""
    return "".join(filter(str.isalnum, text.casefold()))


def bare(title: str) -> str:
    """A title's letters without its number."""
    return letters(_ENUMERATOR.sub("", title.strip(), count=1)) or letters(title)


def join(before: str, line: str) -> str:
    """Two lines of a paragraph, with a hyphen at the end of the first undone where it divides a word."""
    if len(before) > 1 and before[-1] == "-" and before[-2].isalpha() and line[:1].isalnum():
        stem = before.rpartition(" ")[2][:-1]
        divides = line[0].islower() and "-" not in stem
        return (before[:-1] if divides else before) + line
    return f"{before} {line}"


def continues(before: Piece, piece: Piece) -> bool:
    """Whether a paragraph at the top of a column or page is the rest of the one before it."""
    if before.kind not in ("paragraph", "list") or piece.kind != "paragraph":
        return False
    if abs(before.size - piece.size) > SAME * before.size or SENTENCE.search(before.text):
        return False
    return piece.text[:1].islower()


def merge(before: Piece, piece: Piece) -> None:
    """Append the rest of a paragraph to it."""
    before.text = join(before.text, piece.text)
    before.last, before.bottom = piece.last, piece.bottom
