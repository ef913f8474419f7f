"""Which files are meant by some paths: files themselves, folders, globs; less what is ignored."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from ragnb.errors import InvalidInputError
from ragnb.ingest.loaders import suffixes

IGNORE_FILES = (".gitignore", ".ragnbignore")
_NOT_DOCUMENTS = frozenset(("__pycache__", "node_modules"))


@dataclass(frozen=True, slots=True)
class Found:
    """Files to read, and those passed over with the reason.

    ``unreadable`` are folders that could not be searched: what is known of them stays.
    """

    files: list[Path] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def find(paths: Sequence[str | Path], ignore: Sequence[str] = (), gone: Sequence[str | Path] = ()) -> Found:
    """The files that the paths mean, sorted within each, none twice.

    Folders are searched to the bottom, without what is hidden and without what the patterns of
    ``ignore``, or of a ``.gitignore`` or ``.ragnbignore`` in them, leave out. A file of a format that no
    loader reads is passed over unless it is named itself. Raises `InvalidInputError` for a path that means
    nothing, unless it is among the ``gone`` ones.
    """
    found = Found()
    seen: set[str] = set()
    for given in paths:
        path = Path(given).expanduser()
        if path.is_dir():
            files = _below(path, ignore, found)
        elif path.exists() or path.is_symlink():
            files = iter((path,))
        else:
            files = _matches(given, path, ignore, found, is_gone=given in gone)
        for file in files:
            key = os.path.realpath(file)
            if key in seen:
                continue
            seen.add(key)
            if not os.path.isfile(file):
                reason = "it is a link to nothing" if file.is_symlink() else "it is no file"
                found.skipped.append((file.as_posix(), reason))
            elif file.suffix.lower() in suffixes() or file == path:
                found.files.append(file)
            else:
                found.skipped.append((file.as_posix(), f"no loader for {file.suffix or 'it'}"))
    return found


def means(given: str | Path, file: str) -> bool:
    """Whether a path that was given would mean a file, if it were there. Both are absolute."""
    pattern = os.fspath(given)
    if not glob.has_magic(pattern):
        return file == pattern or file.startswith(pattern.rstrip(os.sep) + os.sep)
    if "**" not in pattern and pattern.count(os.sep) != file.count(os.sep):
        return False
    return fnmatch.fnmatchcase(file, pattern.replace(f"**{os.sep}", "*"))


def _matches(
    given: str | Path, path: Path, ignore: Sequence[str], found: Found, *, is_gone: bool
) -> Iterator[Path]:
    matches = sorted(glob.glob(str(path), recursive=True))
    if not matches and not is_gone:
        raise InvalidInputError(
            f"There is no file, folder or match for {str(given)!r} in {Path.cwd()}.",
            "Check the path; to add a text itself, use rag.add(text).",
        )
    ignored = GitIgnoreSpec.from_lines(ignore)
    for match in map(Path, matches):
        if match.is_dir():
            yield from _below(match, ignore, found)
        elif not ignored.match_file(match.name):
            yield match


@dataclass(frozen=True, slots=True)
class _Patterns:
    """The patterns of one ignore file, which count from its own folder."""

    folder: str
    spec: GitIgnoreSpec
    origin: str


def _below(folder: Path, ignore: Sequence[str], found: Found) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        found.unreadable.append((Path(error.filename).as_posix(), str(error.strerror)))

    patterns = {str(folder): [_Patterns(str(folder), GitIgnoreSpec.from_lines(ignore), "ignore=")]}
    for parent, folders, files in os.walk(folder, onerror=unreadable):  # follows no links: no loops
        active = patterns.pop(parent) + [
            _Patterns(parent, _spec(Path(parent, name)), name) for name in IGNORE_FILES if name in files
        ]
        kept = []
        for name in sorted(folders):
            if name.startswith(".") or name in _NOT_DOCUMENTS:
                continue
            origin = _ignored(os.path.join(parent, name), active, ending="/")
            if origin:
                found.skipped.append((Path(parent, name).as_posix() + "/", f"ignored by {origin}"))
            else:
                kept.append(name)
                patterns[os.path.join(parent, name)] = active
        folders[:] = kept
        for name in sorted(files):
            if name.startswith("."):
                continue
            origin = _ignored(os.path.join(parent, name), active)
            if origin:
                found.skipped.append((Path(parent, name).as_posix(), f"ignored by {origin}"))
            else:
                yield Path(parent, name)


def _spec(file: Path) -> GitIgnoreSpec:
    try:
        return GitIgnoreSpec.from_lines(file.read_text("utf-8", "replace").splitlines())
    except OSError:
        return GitIgnoreSpec.from_lines(())


def _ignored(path: str, patterns: list[_Patterns], ending: str = "") -> str:
    """Which patterns leave a path out; the last that say anything of it decide. Else nothing."""
    for one in reversed(patterns):
        verdict = one.spec.check_file(os.path.relpath(path, one.folder).replace(os.sep, "/") + ending)
        if verdict.include is not None:
            return one.origin if verdict.include else ""
    return ""
