"""An SQLite database that may be lost: what it holds can be made again."""

from __future__ import annotations

import os
import sqlite3
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from weakref import finalize

T = TypeVar("T")

Connect = Callable[[Path | None], sqlite3.Connection]
Recover = Callable[[Path, Exception], tuple[Path | None, str]]


class Database:
    """One connection for several threads, opened at its first use, and anew after a fork.

    ``connect`` opens a file, or a database in memory for None. Where work with a file fails, ``recover``
    tells from path and error where to begin anew, and what to warn of; then the work is done there.
    """

    def __init__(self, path: Path | None, connect: Connect, recover: Recover) -> None:
        self._path = path
        self._connect = connect
        self._recover = recover
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        self.begun = 0  # how often it was begun anew

    def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The work's result. No other thread works meanwhile."""
        with self._lock:
            if self._pid != os.getpid():
                self._connection = None  # a connection does not live through a fork
            try:
                return work(self._opened())
            except (sqlite3.Error, OSError, ValueError, TypeError) as error:
                if self._path is None:
                    raise
                self.close()
                self.begun += 1
                self._path, warning = self._recover(self._path, error)
                result = work(self._opened())
        if warning:
            warnings.warn(warning, stacklevel=5)
        return result

    def close(self) -> None:
        """Close the connection; the next work opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect(self._path)
            self._pid = os.getpid()
            finalize(self, self._connection.close)
        return self._connection


def is_damage(error: Exception) -> bool:
    """Whether a file is damaged: it cannot be read, or holds what was never written."""
    return type(error) in (sqlite3.DatabaseError, ValueError, TypeError)  # the subclasses are for all else


def delete(path: Path) -> None:
    """A database's file and those beside it."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
