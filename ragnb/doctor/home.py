"""A home folder: its index, its answers, its embeddings, and who uses it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ragnb.doctor.finding import Finding
from ragnb.resumption import locks

PART = "Home folder"
_LEAST_ROOM = 500  # MB


def examine(home: Path) -> Iterator[Finding]:
    """What is in the folder, whether it can be used and written, and the room on its disk."""
    if not home.exists():
        yield Finding(PART, str(home), "absent", "not there yet: the first ingest makes it")
        yield from _room(home.absolute().parent)
        return
    if not home.is_dir() or not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        what = "cannot be read and written" if home.is_dir() else "is no folder"
        yield Finding(PART, str(home), "wrong", what, f"Change the rights of {home}, or use another home.")
        return
    yield Finding(PART, str(home), "ok", f"{home.resolve()}, readable and writable")
    yield from _room(home)
    yield from _index(home / "index")
    yield from _answers(home / "answers")
    yield from _database(home / "embeddings.sqlite", "kept embeddings")


def _room(folder: Path) -> Iterator[Finding]:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < _LEAST_ROOM:
        yield Finding(PART, "room", "wrong", f"{free:,} MB free", f"Make room on the disk of {folder}.")
    else:
        yield Finding(PART, "room", "ok", f"{free / 1000:,.0f} GB free")


def _index(folder: Path) -> Iterator[Finding]:
    if not folder.exists():
        yield Finding(PART, "index", "absent", "nothing was ingested into it", "Run: ragnb ingest PATH…")
        return
    try:
        about = json.loads((folder / "index.json").read_bytes())
        made = f"{about['embedding']}, {about['dimensions']} dimensions"
    except (OSError, ValueError, LookupError, TypeError):
        advice = f"Delete {folder} and ingest again; answers and embeddings stay."
        yield Finding(PART, "index", "wrong", f"its description in {folder} cannot be read", advice)
        return
    yield Finding(PART, "index", "ok", f"embedded by {made}{_holder(folder)}")


def _holder(folder: Path) -> str:
    if not locks.is_held(folder / "shard" / "wal"):  # Qdrant Edge locks it
        return ""
    try:
        pid = f" {int((folder / 'holder').read_text())}"
    except (OSError, ValueError):
        pid = ""
    return f"; the process{pid} has it open, others wait until that ends"


def _answers(folder: Path) -> Iterator[Finding]:
    logs = sorted(folder.glob("*.jsonl"))
    if not logs:
        return
    unfinished = [log for log in logs if not _has_end(log)]
    running = sum(locks.is_held(log) for log in unfinished)
    left = len(unfinished) - running
    parts = [f"{len(logs):,}"]
    if running:
        parts.append(f"{running} being written")
    if left:
        parts.append(f"{left} broken off")
    advice = "“ragnb answers” lists them, “ragnb resume ID” goes on with one." if left else ""
    yield Finding(PART, "answers", "ok", ", ".join(parts), advice)


_ENDS = ("finished", "cancelled", "failed")


def _has_end(log: Path) -> bool:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 65_536))
        last = file.read().rstrip().rpartition(b"\n")[2]
    try:
        return str(json.loads(last)["type"]).lower() in _ENDS
    except (ValueError, LookupError, TypeError):
        return False


def _database(file: Path, name: str) -> Iterator[Finding]:
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as database:
            (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        verdict = f"cannot be looked at: {error}"
    except sqlite3.DatabaseError:
        verdict = "is damaged"
    if verdict == "ok":
        yield Finding(PART, name, "ok", f"{file.stat().st_size / 1e6:,.1f} MB")
    else:
        advice = f"Delete {file}; what it held is computed anew."
        yield Finding(PART, name, "wrong", f"{file} {verdict}", advice)
