"""What an ingest has to do: which documents there are, which of them are known, and which are gone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from ragnb.documents import Document
from ragnb.errors import InvalidInputError
from ragnb.ingest.files import find, means

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_GIVEN = "given:"
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Planned:
    """A document to be looked at. ``name`` identifies it in the index, ``source`` is what people see.

    ``path`` is set for a file, ``document`` for one that was given, neither for an address. ``digest`` and
    ``moved_from`` (the name it had before) are known once it was looked at.
    """

    name: str
    source: str
    path: Path | None = None
    document: Document | None = None
    digest: str = ""
    moved_from: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """``known`` are the digests of the index's documents, ``gone`` the names of those that leave it."""

    items: list[Planned]
    known: dict[str, str]
    gone: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


def plan_files(
    paths: Sequence[str | Path], ignore: Sequence[str], base: Path, known: Mapping[str, str]
) -> Plan:
    """What is to be done for files, folders, globs and addresses.

    A file's name in the index is its path from ``base``, so that it is the same from whichever folder it
    is ingested, and stays so when the whole project is moved. Raises `InvalidInputError` for a path that
    means nothing now and meant nothing before.
    """
    addresses = [str(path) for path in paths if _ADDRESS.match(str(path))]
    local = [path for path in paths if not _ADDRESS.match(str(path))]
    scopes = {path: _absolute(Path(path).expanduser()) for path in local}
    files = {name: _absolute(base / name) for name in known if not _is_no_file(name)}
    before = {path: {name for name, file in files.items() if means(scopes[path], file)} for path in local}
    found = find(local, ignore, gone=[path for path in local if before[path]])
    items = [Planned(_name(file, base), file.as_posix(), path=file) for file in found.files]
    items += [Planned(address, address) for address in dict.fromkeys(addresses)]
    closed = [_absolute(Path(folder)) for folder, _ in found.unreadable]
    there = {item.name for item in items}
    gone = [
        name
        for name in sorted(set().union(*before.values()) - there)
        if not any(means(folder, files[name]) for folder in closed)
    ]
    failed = [(name, f"The folder cannot be read: {reason}.") for name, reason in found.unreadable]
    return Plan(items, dict(known), gone, found.skipped, failed)


def plan_documents(documents: Sequence[Document], known: Mapping[str, str]) -> Plan:
    """What is to be done for documents as they are given."""
    items: dict[str, Planned] = {}  # of two with one name the later one counts
    for document in documents:
        name = given_name(document)
        items[name] = Planned(name, document.source or name, document=document)
    return Plan(list(items.values()), dict(known))


def given_name(document: Document) -> str:
    """What identifies a document that was given: its source, or its content where it has none."""
    if document.source:
        return _GIVEN + document.source
    return f"text:{blake2b(document.text.encode(), digest_size=8).hexdigest()}"


def matching(wanted: str | Path, sources: Mapping[str, str], base: Path) -> list[str]:
    """The names of the documents that a path, a folder, a glob, an address or a source means.

    ``sources`` gives each document's source by its name.
    """
    text = str(wanted)
    exact = [name for name, source in sources.items() if text in (name, source, name.removeprefix(_GIVEN))]
    if exact:
        return exact
    scope = _absolute(Path(wanted).expanduser())
    return [name for name in sources if not _is_no_file(name) and means(scope, _absolute(base / name))]


def as_documents(texts: str | Document | Iterable[str | Document]) -> list[Document]:
    """Texts or documents, exactly as given.

    Raises `InvalidInputError` for anything else.
    """
    given = [texts] if isinstance(texts, str | Document) else list(texts)
    documents = []
    for number, text in enumerate(given, start=1):
        document = Document(text=text) if isinstance(text, str) else text
        if not isinstance(document, Document):
            raise InvalidInputError(
                f"Item {number} is a {type(text).__name__}, not a text.",
                "rag.add takes texts or Documents; for files and folders use rag.ingest.",
            )
        if _HALF.search(document.text):
            raise InvalidInputError(
                f"Item {number} has half of a character in it (a lone surrogate).",
                'Read it with the right encoding, or use text.encode("utf-8", "replace").decode().',
            )
        documents.append(document)
    return documents


def _is_no_file(name: str) -> bool:
    return name.startswith((_GIVEN, "text:")) or _ADDRESS.match(name) is not None


def _name(file: Path, base: Path) -> str:
    real = _absolute(file)
    try:
        return Path(os.path.relpath(real, os.path.realpath(base))).as_posix()
    except ValueError:  # another drive
        return Path(real).as_posix()


def _absolute(path: Path) -> str:
    return os.path.realpath(path)
