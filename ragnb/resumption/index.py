"""The index of the journal: one row an answer, in SQLite.

It holds nothing that the files do not say, so it may be lost at any time.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from weakref import finalize

from ragnb.resumption.listing import Entry

T = TypeVar("T")

_VERSION = 2  # another one is begun anew
_COLUMNS = "id, key, question, status, started, ended, cost, input_tokens, output_tokens, size, chat"


class Index:
    """Rows of answers, for several threads and processes. One that is damaged or cannot be written is begun
    anew, empty: in its file, else in memory."""

    def __init__(self, path: Path) -> None:
        self._path: Path | None = path
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._pid = 0
        self.begun = 0  # how often it was begun anew

    def entries(self) -> list[Entry]:
        """All, oldest first."""
        return self._do(
            lambda db: [_entry(row) for row in db.execute(f"SELECT {_COLUMNS} FROM answers ORDER BY id")]
        )

    def open_entries(self) -> list[Entry]:
        """Those without an end."""
        chosen = f"SELECT {_COLUMNS} FROM answers WHERE status IN ('running', 'interrupted')"
        return self._do(lambda db: [_entry(row) for row in db.execute(chosen)])

    def ids(self) -> set[str]:
        return self._do(lambda db: {row[0] for row in db.execute("SELECT id FROM answers")})

    def latest(self, key: str) -> Entry | None:
        """The youngest answer with that key."""
        chosen = f"SELECT {_COLUMNS} FROM answers WHERE key = ? ORDER BY id DESC LIMIT 1"
        row = self._do(lambda db: db.execute(chosen, (key,)).fetchone())
        return _entry(row) if row else None

    def turns(self, chat: str) -> list[Entry]:
        """Those of a chat, oldest first."""
        chosen = f"SELECT {_COLUMNS} FROM answers WHERE chat = ? AND chat != '' ORDER BY id"
        return self._do(lambda db: [_entry(row) for row in db.execute(chosen, (chat,))])

    def put(self, entries: Iterable[Entry]) -> None:
        rows = [_row(entry) for entry in entries]

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.executemany(f"INSERT OR REPLACE INTO answers VALUES ({','.join('?' * 11)})", rows)

        if rows:
            self._do(write)

    def drop(self, ids: Iterable[str]) -> None:
        rows = [(one,) for one in ids]

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.executemany("DELETE FROM answers WHERE id = ?", rows)

        if rows:
            self._do(write)

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            if self._pid != os.getpid():
                self._database = None  # a connection does not live through a fork
            try:
                return work(self._opened())
            except (sqlite3.Error, OSError, ValueError, TypeError) as error:
                if self._path is None:
                    raise
                self._begin_anew(self._path, error)
                return work(self._opened())

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = _connect(self._path)
            self._pid = os.getpid()
            finalize(self, self._database.close)
        return self._database

    def _begin_anew(self, path: Path, error: Exception) -> None:
        self.begun += 1
        if self._database is not None:
            self._database.close()
            self._database = None
        is_damaged = type(error) in (
            sqlite3.DatabaseError,
            ValueError,
            TypeError,
        )  # the subclasses are for all else
        try:
            if not is_damaged:
                raise error
            for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                path.with_name(name).unlink(missing_ok=True)
            self._opened()
        except (sqlite3.Error, OSError):
            self._path = None


def _connect(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its other files the same mode
    database = sqlite3.connect(path or ":memory:", timeout=2.0, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        with database:
            if database.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                database.execute("DROP TABLE IF EXISTS answers")
                database.execute(f"PRAGMA user_version = {_VERSION}")
            database.execute(
                "CREATE TABLE IF NOT EXISTS answers (id TEXT PRIMARY KEY, key TEXT, question TEXT,"
                " status TEXT, started REAL, ended REAL, cost REAL, input_tokens INTEGER,"
                " output_tokens INTEGER, size INTEGER, chat TEXT)"
            )
            database.execute("CREATE INDEX IF NOT EXISTS by_key ON answers (key, id) WHERE key != ''")
            database.execute("CREATE INDEX IF NOT EXISTS by_chat ON answers (chat, id) WHERE chat != ''")
            database.execute("CREATE INDEX IF NOT EXISTS by_status ON answers (status)")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _row(entry: Entry) -> tuple[Any, ...]:
    ended = entry.ended.timestamp() if entry.ended else None
    return (
        entry.id,
        entry.key,
        entry.question,
        entry.status,
        entry.started.timestamp(),
        ended,
        entry.cost,
        entry.input_tokens,
        entry.output_tokens,
        entry.size,
        entry.chat,
    )


def _entry(row: tuple[Any, ...]) -> Entry:
    name, key, question, status, started, ended, *figures = row
    return Entry(
        name,
        key,
        question,
        status,
        datetime.fromtimestamp(started, UTC),
        None if ended is None else datetime.fromtimestamp(ended, UTC),
        *figures,
    )
