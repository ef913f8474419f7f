"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ragnb.errors import InvalidInputError


def write(path: Path, content: Iterable[bytes]) -> None:
    """Put a file in place of what is there, at once, when the last of its parts is written. Raises
    OSError."""
    made = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with made.open("wb") as file:
            file.writelines(content)
        os.replace(made, path)
    except BaseException:
        with suppress(OSError):
            made.unlink()
        raise


def writable(folder: Path) -> Path:
    """The folder, made if need be. Raises `InvalidInputError` where nothing can be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InvalidInputError(
            f"The report cannot be written to {folder}: {error.strerror}.", "Use another output folder."
        ) from error
    return folder
