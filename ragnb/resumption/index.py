"""The index of the journal: one row an answer, in SQLite.

It holds nothing that the files do not say, so it may be lost at any time.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ragnb.database import Database, delete, is_damage
from ragnb.resumption.listing import Entry

_VERSION = 2  # another one is begun anew
_COLUMNS = "id, key, question, status, started, ended, cost, input_tokens, output_tokens, size, chat"


class Index:
    """Rows of answers, for several threads and processes. One that is damaged or cannot be written is begun
    anew, empty: in its file, else in memory."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _connect, _recover)

    @property
    def begun(self) -> int:
        """How often it was begun anew."""
        return self._database.begun

    def entries(self) -> list[Entry]:
        """All, oldest first."""
        return self._database.do(
            lambda db: [_entry(row) for row in db.execute(f"SELECT {_COLUMNS} FROM answers ORDER BY id")]
        )

    def open_entries(self) -> list[Entry]:
        """Those without an end."""
        chosen = f"SELECT {_COLUMNS} FROM answers WHERE status IN ('running', 'interrupted')"
        return self._database.do(lambda db: [_entry(row) for row in db.execute(chosen)])

    def ids(self) -> set[str]:
        return self._database.do(lambda db: {row[0] for row in db.execute("SELECT id FROM answers")})

    def latest(self, key: str) -> Entry | None:
        """The youngest answer with that key."""
        chosen = f"SELECT {_COLUMNS} FROM answers WHERE key = ? ORDER BY id DESC LIMIT 1"
        row = self._database.do(lambda db: db.execute(chosen, (key,)).fetchone())
        return _entry(row) if row else None

    def turns(self, chat: str) -> list[Entry]:
        """Those of a chat, oldest first."""
        chosen = f"SELECT {_COLUMNS} FROM answers WHERE chat = ? AND chat != '' ORDER BY id"
        return self._database.do(lambda db: [_entry(row) for row in db.execute(chosen, (chat,))])

    def put(self, entries: Iterable[Entry]) -> None:
        rows = [_row(entry) for entry in entries]

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.executemany(f"INSERT OR REPLACE INTO answers VALUES ({','.join('?' * 11)})", rows)

        if rows:
            self._database.do(write)

    def drop(self, ids: Iterable[str]) -> None:
        rows = [(one,) for one in ids]

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.executemany("DELETE FROM answers WHERE id = ?", rows)

        if rows:
            self._database.do(write)


def _recover(path: Path, error: Exception) -> tuple[Path | None, str]:
    """Begin a damaged file anew; where it cannot be written, do without."""
    try:
        if not is_damage(error):
            raise error
        delete(path)
        _connect(path).close()
    except (sqlite3.Error, OSError):
        return None, ""
    return path, ""


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
