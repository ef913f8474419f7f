"""Loaders: a file becomes documents. One loader a format, chosen by the file's suffix."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ragnb.documents import Document
from ragnb.errors import IngestError, InvalidInputError

Loader = Callable[[Path], Iterable[Document]]

_loaders: dict[str, Loader] = {}
_BUILT_IN = [
    "code",
    "delimited",
    "html",
    "jsonl",
    "jupyter",
    "mail",
    "markdown",
    "pdf.loader",
    "powerpoint",
    "spreadsheet",
    "subtitles",
    "text",
    "word",
]
ARCHIVES = frozenset([".zip"])


def loader(*suffixes: str) -> Callable[[Loader], Loader]:
    """Register a loader for files that end so, in place of one registered before.

    ::

        @loader(".chat")
        def load_chat(path):
            yield Document(text=path.read_text(), source=path.as_posix(), title=path.name)

    A loader raises `IngestError` for what it cannot read. Raises `InvalidInputError` for a suffix
    without its dot.
    """
    wrong = [suffix for suffix in suffixes if not suffix.startswith(".")]
    if wrong or not suffixes:
        raise InvalidInputError(
            f"A loader cannot be registered for {wrong or 'nothing'}.",
            'Name the suffixes with their dots: @loader(".chat").',
        )

    def register(function: Loader) -> Loader:
        _load_built_in()
        for suffix in suffixes:
            _loaders[suffix.lower()] = function
        return function

    return register


def suffixes() -> frozenset[str]:
    """The suffixes that can be read, in lower case and with their dots."""
    _load_built_in()
    return frozenset(_loaders) | ARCHIVES


def is_built_in(suffix: str) -> bool:
    """Whether the loader of a suffix is ragnb's own, which any process can import."""
    return not identity(suffix)


def identity(suffix: str) -> str:
    """The name of a loader that is not ragnb's own; nothing for those that are. In an archive all may be
    needed."""
    _load_built_in()
    wanted = sorted(_loaders) if suffix.lower() in ARCHIVES else [suffix.lower()]
    functions = [_loaders[one] for one in wanted if one in _loaders]
    return " ".join(
        f"{function.__module__}.{getattr(function, '__qualname__', type(function).__qualname__)}"
        for function in functions
        if not function.__module__.startswith("ragnb.ingest.")
    )


def load(path: Path) -> Iterator[Document]:
    """The documents of a file that is no archive. Raises `IngestError` for an unknown or unreadable
    format."""
    _load_built_in()
    try:
        read = _loaders[path.suffix.lower()]
    except KeyError:
        known = ", ".join(sorted(_loaders))
        raise IngestError(
            f"No loader reads {path.suffix or 'files without a suffix'}.",
            f"Known are {known}; add one with @ragnb.loader.",
        ) from None
    yield from read(path)


def _load_built_in() -> None:
    """Each built-in module registers itself when it is imported, before any of the user's own."""
    if _BUILT_IN[0] in _imported:
        return
    _imported.update(_BUILT_IN)
    for module in _BUILT_IN:
        importlib.import_module(f"ragnb.ingest.formats.{module}")


_imported: set[str] = set()
