"""Which files are meant by some paths: files themselves, folders, globs."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ragnb.errors import InvalidInputError
from ragnb.ingest.loaders import suffixes

_NOT_DOCUMENTS = frozenset(("__pycache__", "node_modules"))


@dataclass(frozen=True, slots=True)
class Found:
    """Files to read, and those passed over with the reason."""

    files: list[Path] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def find(paths: Sequence[str | Path]) -> Found:
    """The files that the paths mean, sorted within each, none twice.

    Folders are searched to the bottom, without what is hidden. A file of a format that no loader reads
    is passed over unless it is named itself. Raises `InvalidInputError` for a path that means nothing.
    """
    found = Found()
    seen: set[str] = set()
    for given in paths:
        path = Path(given).expanduser()
        if path.is_dir():
            files = _below(path)
        elif path.exists():
            files = iter((path,))
        else:
            matches = sorted(glob.glob(str(path), recursive=True))
            if not matches:
                raise InvalidInputError(
                    f"There is no file, folder or match for {str(given)!r} in {Path.cwd()}.",
                    "Check the path; to add a text itself, use rag.add(text).",
                )
            files = (
                file
                for match in map(Path, matches)
                for file in (_below(match) if match.is_dir() else (match,))
            )
        for file in files:
            key = os.path.realpath(file)
            if key in seen:
                continue
            seen.add(key)
            if file.suffix.lower() in suffixes() or file == path:
                found.files.append(file)
            else:
                found.skipped.append((file.as_posix(), f"no loader for {file.suffix or 'it'}"))
    return found


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):  # does not follow links to folders: no loops
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _NOT_DOCUMENTS)
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(parent, name)
