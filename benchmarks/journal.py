"""What the journal costs a token, encoding included, beside the log without one and an SQLite row per event.

Each round appends the same tokens in all ways, so that a noisy machine disturbs them alike; the median counts.
SQLite commits each row alone, in WAL mode and with synchronous = NORMAL, as an event must be kept before it
is shown.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from ragnb.answer import Answer
from ragnb.events import Finished, Started, Token, to_json
from ragnb.resumption.journal import Journal
from ragnb.resumption.retention import Keep

TOKENS, ROUNDS = 5_000, 9


def append(answer):
    """Microseconds per token."""
    tokens = [Token(text=f"word{number} ") for number in range(TOKENS)]
    begin = time.perf_counter()
    for token in tokens:
        answer.append(token)
    spent = time.perf_counter() - begin
    answer.append(Finished(reason="stop"))
    return spent / TOKENS * 1e6


def started(number):
    return Started(answer_id=f"20261121-101500-{number:06}-abcd", question="Why?", k=5)


def in_memory(folder, number):
    return append(Answer())


def in_journal(folder, number):
    return append(Journal(folder / "journal").begin(started(number)))


def in_journal_synced(folder, number):
    return append(Journal(folder / "synced", Keep(sync=1.0)).begin(started(number)))


def in_sqlite(folder, number):
    database = sqlite3.connect(folder / f"{number}.sqlite", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY, event BLOB)")
    insert = "INSERT INTO events VALUES (?, ?)"
    spent = append(Answer(journal=lambda event: database.execute(insert, (event.seq, to_json(event)))))
    database.close()
    return spent


WAYS = {
    "the log in memory": in_memory,
    "the journal": in_journal,
    "the journal, forced to the disk each second": in_journal_synced,
    "an SQLite row per event": in_sqlite,
}


def main():
    spent = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            for name, way in WAYS.items():
                spent[name].append(way(Path(folder), number))
    memory = statistics.median(spent["the log in memory"])
    print(
        f"µs per token, median of {ROUNDS} rounds of {TOKENS:,} tokens; in brackets: beyond the log in memory"
    )
    for name, rounds in spent.items():
        median = statistics.median(rounds)
        print(f"{name:44} {median:6.1f}  ({median - memory:+.1f})")


if __name__ == "__main__":
    main()
