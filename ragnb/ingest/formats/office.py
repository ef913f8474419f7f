"""What the Office formats share: an archive that may be a trap, and the properties of a document."""

from __future__ import annotations

import mmap
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lxml import etree

from ragnb.errors import IngestError

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_LARGEST = 1 << 30  # bytes, unpacked
_SUSPECT = 50 << 20  # bytes, unpacked, from where on the ratio counts
_RATIO = 200
_CORE = "docProps/core.xml"
_UNTITLED = frozenset(("powerpoint presentation", "presentation", "word document", "untitled"))


def check(path: Path, kind: str) -> None:
    """Look at a file before a library opens it. ``kind`` is what it should be, such as “Word document”.

    Raises `IngestError` for one that is protected by a password, of the old binary format, no archive
    at all, or an archive that would unpack to an absurd size.
    """
    with path.open("rb") as file:
        if file.read(len(_OLE)) == _OLE:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                is_encrypted = content.find(_ENCRYPTED) >= 0
            if is_encrypted:
                raise IngestError("It is protected by a password.", "Save a copy without one.")
            raise IngestError(
                "It is in the old binary Office format.",
                f"Save it again as {path.suffix.lower()} with a current program.",
            )
    with reading(kind), zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    packed = sum(part.compress_size for part in parts)
    if unpacked > _LARGEST or (unpacked > _SUSPECT and unpacked > _RATIO * packed):
        raise IngestError(
            f"It would unpack to {unpacked >> 20:,} MiB, which no honest {kind} does.",
            "Leave it out, or save its content in parts.",
        )


@contextmanager
def reading(kind: str) -> Iterator[None]:
    """Whatever a library raises for a broken file becomes an `IngestError`."""
    try:
        yield
    except (IngestError, MemoryError):
        raise
    except Exception as error:  # the libraries raise KeyError, ValueError, zlib.error, XMLSyntaxError, …
        raise IngestError(
            f"It is damaged, or no {kind}.", "Open it with an Office program and save it again."
        ) from error


def properties(path: Path) -> tuple[str, dict[str, str]]:
    """The title (empty if there is none worth the name) and the metadata: ``author`` and ``date``.

    ``date`` is the ISO day of the last change, else of the creation.
    """
    found: dict[str, str] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            root = etree.fromstring(archive.read(_CORE), etree.XMLParser(resolve_entities=False))
    except (KeyError, etree.XMLSyntaxError):  # properties are optional
        return "", {}
    for element in root:
        if isinstance(element.tag, str) and element.text:
            found[etree.QName(element).localname] = element.text.strip()
    title = found.get("title", "")
    metadata = {
        "author": found.get("creator", ""),
        "date": (found.get("modified") or found.get("created") or "")[:10],
    }
    return (
        "" if title.casefold() in _UNTITLED else title,
        {name: value for name, value in metadata.items() if value},
    )


def contains(path: Path, folder: str, *needles: bytes) -> bool:
    """Whether a part below ``folder`` of the archive has one of some bytes; memory stays flat."""
    overlap = max(map(len, needles))
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.startswith(folder):
                continue
            with archive.open(name) as part:
                tail = b""
                while piece := part.read(1 << 20):
                    window = tail + piece
                    if any(needle in window for needle in needles):
                        return True
                    tail = window[-overlap:]
    return False
