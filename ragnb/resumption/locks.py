"""Locks that the system lets go of when their process dies, however it dies.

`flock` belongs to the open file, so two writers in one process exclude each other too. Where a file system
or a platform has none, nothing is guarded.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TRIES, _PAUSE = 10, 0.005  # seconds: a look by `is_held` holds the lock for a few microseconds


def take(file: int) -> bool:
    """Lock an open file for as long as it is open; False if another has it."""
    for _ in range(_TRIES):
        if _try(file, shared=False):
            return True
        time.sleep(_PAUSE)
    return False


def is_held(path: Path) -> bool:
    """Whether somebody has the file locked."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try(file, shared=True)
    finally:
        os.close(file)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until nobody else is in here, and keep all others out.

    Raises OSError if the file cannot be made.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:
                pass
        yield
    finally:
        os.close(file)


def _try(file: int, *, shared: bool) -> bool:
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
    return True
