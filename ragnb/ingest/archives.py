"""Zip archives: their members as files of their own, never written outside a folder made for them."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ragnb.errors import IngestError

_MOST_MEMBERS = 10_000
_MOST_BYTES = 1 << 30  # unpacked, all members together
_MOST_RATIO = 200  # unpacked to packed size; text packs to a tenth
_SMALL = 10 << 20  # bytes; below that no ratio is suspicious
_ENCRYPTED = 0x1


class Member(NamedTuple):
    """A file in an archive: its name there, and where it is unpacked for now; or why it is not."""

    name: str
    path: Path | None
    reason: str = ""


def members(archive: Path) -> Iterator[Member]:
    """The files of an archive, unpacked one at a time; each is gone when the next one is asked for.

    Raises `IngestError` for a file that is no archive, or one that would unpack to more than 1 GiB.
    """
    try:
        with zipfile.ZipFile(archive) as packed, tempfile.TemporaryDirectory() as folder:
            entries = [entry for entry in packed.infolist() if not entry.is_dir()]
            _check(entries)
            for entry in entries:
                name = PurePosixPath(entry.filename.replace("\\", "/"))
                if any(_is_hidden(part) for part in name.parts):
                    continue
                if name.is_absolute() or ".." in name.parts:
                    yield Member(name.as_posix(), None, "its path leads out of the archive")
                    continue
                target = Path(folder, name.name)
                reason = _unpack(packed, entry, target)
                yield Member(name.as_posix(), None if reason else target, reason)
                target.unlink(missing_ok=True)
    except zipfile.BadZipFile as error:
        raise IngestError(f"It is no zip archive, or a damaged one ({error}).") from error


def _is_hidden(part: str) -> bool:
    return part == "__MACOSX" or (part.startswith(".") and part != "..")


def _check(entries: list[zipfile.ZipInfo]) -> None:
    size = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if len(entries) > _MOST_MEMBERS:
        raise IngestError(
            f"It holds {len(entries):,} files; {_MOST_MEMBERS:,} are the most.",
            "Unpack it and ingest the folder.",
        )
    if size > _MOST_BYTES or (size > _SMALL and size > _MOST_RATIO * max(packed, 1)):
        raise IngestError(
            f"It would unpack from {packed / 2**20:,.1f} MB to {size / 2**20:,.0f} MB, as a zip bomb does.",
            "If you trust it, unpack it and ingest the folder.",
        )


def _unpack(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> str:
    """Write a member to a file; why not, if not. The sizes that an archive states may be lies."""
    if entry.flag_bits & _ENCRYPTED:
        return "it is encrypted"
    try:
        with packed.open(entry) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)  # zipfile reads no further than the size that was checked
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        return f"it is damaged ({error})"
    except OSError as error:
        return f"it cannot be unpacked ({error.strerror})"
    return ""
