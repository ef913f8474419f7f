"""Plain text: paragraphs between blank lines, with their line numbers."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
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


def decode(content: bytes) -> str:
    """Text in UTF-8, in UTF-16 or UTF-32 with a byte-order mark, else in Windows-1252.

    Line ends become ``\\n``. Raises `IngestError` for bytes that are no text.
    """
    encoding = next((name for bom, name in _BOMS if content.startswith(bom)), None)
    if encoding is None and b"\0" in content[:65536]:
        raise IngestError("It is a binary file, not text.")
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def paragraphs(text: str, first_line: int = 1) -> Iterator[Block]:
    """The paragraphs of a text; ``first_line`` is the number of its first line."""
    lines: list[str] = []
    number = first_line
    for number, line in enumerate([*text.split("\n"), ""], start=first_line):
        if line.strip():
            lines.append(line)
        elif lines:
            yield Block("\n".join(lines), locator=Locator(lines=(number - len(lines), number - 1)))
            lines = []


def title_from(path: Path) -> str:
    """A file's name as a title: ``night_trains-2026.txt`` is “Night trains 2026”."""
    words = path.stem.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


@loader(".txt", ".text", ".rst")
def load_text(path: Path) -> Iterator[Document]:
    """One document a file, in paragraphs."""
    text = decode(path.read_bytes())
    yield Document(title=title_from(path), source=path.as_posix(), blocks=paragraphs(text))
