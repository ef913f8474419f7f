"""Plain text: paragraphs between blank lines, with their line numbers."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

from ragnb.documents import Block, Document, Locator
from ragnb.errors import IngestError
from ragnb.ingest.loaders import loader

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 1 << 16  # bytes; also the most characters of a line that are read at once
_LONGEST = 8_000  # characters of a paragraph: a log has no blank lines
_CONTROL = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")


def encoding_of(source: Path | bytes) -> str:
    """The encoding of a text, by its byte-order mark, else by what its bytes can be: UTF-8, UTF-16 without
    a mark, or an older encoding guessed from its letters (for Western European text Windows-1252).

    A file is read in parts. Raises `IngestError` for bytes that are no text.
    """
    with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        sample = file.read(_SAMPLE)
        for mark, name in _BOMS:
            if sample.startswith(mark):
                return name
        if b"\0" in sample:
            return _utf16(sample)
        if len(_CONTROL.findall(sample)) > len(sample) // 20:
            raise IngestError("It is a binary file, not text.")
        decoder = codecs.getincrementaldecoder("utf-8")()
        part = sample
        while True:
            try:
                decoder.decode(part, final=not part)
            except UnicodeDecodeError:
                return _older(part or sample)
            if not part:
                return "utf-8"
            part = file.read(_SAMPLE)


def lines(path: Path) -> Iterator[str]:
    """The lines of a text file, without their ends; a huge line comes in parts, all but the last of which
    end in ``\\0``. Raises `IngestError` for a file that is no text."""
    with path.open(encoding=encoding_of(path), errors="replace", newline=None) as file:
        while line := file.readline(_SAMPLE):
            is_part = len(line) == _SAMPLE and not line.endswith("\n")
            yield line.removesuffix("\n").replace("\0", "") + ("\0" if is_part else "")


def decode(content: bytes) -> str:
    """A whole file's text, its lines ended by ``\\n``. Raises `IngestError` for bytes that are no text."""
    text = content.decode(encoding_of(content), errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def paragraphs(text: str | Iterable[str], first_line: int = 1) -> Iterator[Block]:
    """The paragraphs of a text, or of its `lines`. ``first_line`` is the number of its first line.

    A very long paragraph is cut at the ends of lines.
    """
    gathered: list[str] = []
    size = 0
    begin = number = first_line
    for line in text.split("\n") if isinstance(text, str) else text:
        if line.strip("\0 \t\r\f\v"):
            if not gathered:
                begin = number
            gathered.append(line.removesuffix("\0"))
            size += len(line)
        if gathered and (not line.strip() or size > _LONGEST):
            yield Block("\n".join(gathered), locator=Locator(lines=(begin, begin + len(gathered) - 1)))
            gathered, size = [], 0
        number += not line.endswith("\0")
    if gathered:
        yield Block("\n".join(gathered), locator=Locator(lines=(begin, begin + len(gathered) - 1)))


def title_from(path: Path) -> str:
    """A file's name as a title: ``night_trains-2026.txt`` is “Night trains 2026”."""
    words = path.stem.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


@loader(".txt", ".text", ".rst", ".log", ".adoc", ".org")
def load_text(path: Path) -> Iterator[Document]:
    """One document a file, in paragraphs."""
    content = lines(path)
    first = next(content, "")  # what is no text is told before anything else is
    blocks = paragraphs(line for part in ((first,), content) for line in part)
    yield Document(title=title_from(path), source=path.as_posix(), blocks=blocks)


def _utf16(sample: bytes) -> str:
    """Text in UTF-16 without a mark: most of its characters have an empty byte, always on one side."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    for name, empty, other in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if half > 3 and empty > 0.4 * half and other < 0.02 * half:
            text = sample[: 2 * half].decode(name, "replace")
            if sum(map(str.isprintable, text)) + sum(map(str.isspace, text)) > 0.95 * len(text):
                return name
    raise IngestError("It is a binary file, not text.")


def _older(part: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(part).best()
    # On Western European text the guesses differ in nothing but a few signs.
    if best is None or (
        best.multi_byte_usage < 0.5 and (best.coherence < 0.3 or best.language in _WESTERN)
    ):
        return "cp1252"
    return best.encoding


_WESTERN = frozenset(
    [
        "Danish",
        "Dutch",
        "English",
        "Finnish",
        "French",
        "German",
        "Indonesian",
        "Italian",
        "Norwegian",
        "Portuguese",
        "Spanish",
        "Swedish",
        "Unknown",
    ]
)
