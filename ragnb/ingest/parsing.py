"""A file becomes a stream of small messages, alike whether it is read in this process or in another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from msgspec import Struct

from ragnb.documents import Block, Document, Scalar
from ragnb.errors import IngestError
from ragnb.ingest.archives import members
from ragnb.ingest.formats.text import paragraphs
from ragnb.ingest.languages import language
from ragnb.ingest.loaders import ARCHIVES, load, suffixes

_BATCH = 100  # blocks in one message
_BATCH_CHARACTERS = 100_000
_SAMPLE = 2_000  # characters by which the language is told


class Task(Struct, frozen=True):
    """A file to be read, and the source that its documents name."""

    path: str
    source: str


class Opened(Struct, frozen=True, tag=True):
    """A document begins. ``member`` is its name in the archive, if it is in one."""

    title: str
    source: str
    metadata: dict[str, Scalar]
    member: str = ""


class Blocks(Struct, frozen=True, tag=True):
    """The next blocks of the document."""

    blocks: list[Block]


class Trouble(Struct, frozen=True, tag=True):
    """A part of the file, or (without a member) all the rest of it, could not be read."""

    reason: str
    member: str = ""


class Passed(Struct, frozen=True, tag=True):
    """A member of an archive was passed over."""

    reason: str
    member: str


class Closed(Struct, frozen=True, tag=True):
    """The file was read to its end."""


Message = Opened | Blocks | Trouble | Passed | Closed


def parse(task: Task) -> Iterator[Message]:
    """Read a file. Ends with `Closed` or with a `Trouble` of the file itself; raises nothing."""
    path = Path(task.path)
    try:
        if path.suffix.lower() in ARCHIVES:
            yield from _archive(path, task.source)
        else:
            yield from _file(path, task.source)
        yield Closed()
    except Exception as error:
        yield Trouble(reason(error))


def _archive(path: Path, source: str) -> Iterator[Message]:
    for name, file, refusal in members(path):
        if file is None:
            yield Trouble(refusal, name)
            continue
        if file.suffix.lower() in ARCHIVES:
            yield Passed("an archive in an archive is not opened", name)
            continue
        if file.suffix.lower() not in suffixes():
            yield Passed(f"no loader for {file.suffix or 'it'}", name)
            continue
        try:
            yield from _file(file, f"{source}/{name}", name)
        except Exception as error:
            yield Trouble(reason(error), name)


def _file(path: Path, source: str, member: str = "") -> Iterator[Message]:
    for document in load(path):
        if document.source in ("", path.as_posix()):
            document = replace(document, source=source)
        blocks = iter(document.blocks or paragraphs(document.text))
        first, sample = _beginning(blocks)
        metadata = _metadata(document, path, sample)
        yield Opened(_whole(document.title), _whole(document.source), metadata, member)
        yield from map(Blocks, _batches(chain(first, blocks)))


def _beginning(blocks: Iterator[Block]) -> tuple[list[Block], str]:
    first, size = [], 0
    for block in blocks:
        first.append(block)
        size += len(block.text)
        if size > _SAMPLE:
            break
    prose = " ".join(block.text for block in first if block.kind not in ("code", "table"))
    return first, prose[:_SAMPLE]


def _metadata(document: Document, path: Path, sample: str) -> dict[str, Scalar]:
    """What the loader found, and what can be told of any document."""
    metadata: dict[str, Scalar] = {"format": path.suffix.lower().removeprefix(".")}
    for name, value in document.metadata.items():
        metadata[name] = _whole(value) if isinstance(value, str) else value
    if "lang" not in metadata and (found := language(sample)):
        metadata["lang"] = found
    date = str(metadata.get("date", ""))
    if date[:4].isdecimal() and len(date) >= 4:
        metadata.setdefault("year", int(date[:4]))
    return metadata


def _batches(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    batch: list[Block] = []
    size = 0
    for block in blocks:
        batch.append(replace(block, text=_whole(block.text)))
        size += len(block.text)
        if len(batch) == _BATCH or size > _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _whole(text: str) -> str:
    """A text without halves of characters, which some parsers let through and no store takes."""
    return _HALF.sub("\ufffd", text)


_HALF = re.compile("[\ud800-\udfff]")


def reason(error: BaseException) -> str:
    """Why a file could not be read, in a sentence. A parser may fail in any way on a broken file."""
    match error:
        case IngestError():
            return str(error)
        case FileNotFoundError():
            return "It vanished while it was to be read."
        case PermissionError():
            return "There is no permission to read it."
        case OSError():
            return f"It cannot be read: {error.strerror or error}."
        case MemoryError():
            return "Reading it takes too much memory."
        case RecursionError():
            return "It is nested too deeply."
    return f"The parser failed ({type(error).__name__}: {str(error)[:200]})."
