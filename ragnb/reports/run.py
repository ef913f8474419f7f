"""A run of a report: its id, its place in the home, and that nobody else runs it at the same time."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from ragnb.errors import ConfigurationError, InvalidInputError, JournalError, RunInUseError
from ragnb.reports.files import write
from ragnb.reports.result import Result, from_lines, to_lines
from ragnb.resumption import locks

_ID = re.compile(r"[A-Za-z0-9][\w .:@+-]{0,99}", re.ASCII)
_PATIENCE, _PAUSE = 3.0, 0.1  # seconds: a kernel looks once a second whether its papermill still lives


class Record(Struct, frozen=True):
    """What is known of a run from its first start on. ``name`` is that of the questions; ``previous`` the
    id of the run before it with the same name, empty where there is none. ``began`` is in UTC."""

    run: str
    name: str
    began: datetime
    previous: str = ""


class Runs:
    """The runs of a home, each in a folder of its own; none are kept where there is no home."""

    def __init__(self, home: Path | None) -> None:
        self._folder = None if home is None else home / "reports"

    @contextmanager
    def begin(self, run: str, name: str) -> Iterator[Record]:
        """Hold a run, which is new or was begun before.

        Raises `RunInUseError` where somebody runs it, and `InvalidInputError` where the id belongs to
        other questions.
        """
        run = run or f"{name}-{datetime.now().astimezone():%Y-%m-%d}"
        if not _ID.fullmatch(run):
            raise InvalidInputError(
                f"run={run[:120]!r} is no id of a run.",
                "Use up to 100 letters, digits and . : @ + - _ or blanks; the first a letter or a digit.",
            )
        if self._folder is None:
            yield Record(run, name, datetime.now(UTC))
            return
        with self._held(run):
            yield self._known(run, name) or self._new(run, name)

    def previous(self, record: Record) -> list[Result] | None:
        """What became of the questions in the run before."""
        if self._folder is None or not record.previous:
            return None
        with suppress(OSError, msgspec.DecodeError):
            return from_lines((self._folder / record.previous / "report.jsonl").read_bytes())
        return None

    def keep(self, record: Record, results: list[Result]) -> None:
        """Keep what became of the questions, for the run after."""
        if self._folder is not None:
            self._write(record.run, "report.jsonl", to_lines(results))

    @contextmanager
    def _held(self, run: str) -> Iterator[None]:
        assert self._folder is not None
        folder = self._folder / run
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"The run cannot be kept in {folder}: {error.strerror}.",
                "Use another home=…, or home=None to keep everything in memory.",
            ) from error
        try:
            deadline = time.monotonic() + _PATIENCE
            while not locks.take(file):
                if time.monotonic() > deadline:
                    raise RunInUseError(
                        f"The run {run!r} is under way in another process.",
                        "It goes on; start this one when it has ended, or give it another id.",
                    )
                time.sleep(_PAUSE)
            yield
        finally:
            os.close(file)

    def _known(self, run: str, name: str) -> Record | None:
        record = self._read(run)
        if record is not None and record.name != name:
            raise InvalidInputError(
                f"The run {run!r} is one of the questions {record.name!r}.",
                f"Use another id for {name!r}.",
            )
        return record

    def _new(self, run: str, name: str) -> Record:
        assert self._folder is not None
        others = [self._read(folder.name) for folder in self._folder.iterdir()]
        ended = [
            one
            for one in others
            if one and one.name == name and (self._folder / one.run / "report.jsonl").exists()
        ]
        latest = max(ended, key=lambda one: one.began, default=None)
        record = Record(run, name, datetime.now(UTC), latest.run if latest else "")
        self._write(run, "run.json", [msgspec.json.encode(record)])
        return record

    def _write(self, run: str, name: str, content: Iterable[bytes]) -> None:
        assert self._folder is not None
        try:
            write(self._folder / run / name, content)
        except OSError as error:
            raise JournalError(
                f"The run cannot be kept in {self._folder / run}: {error.strerror}.",
                "Make room and start it again: what was answered is not paid again.",
            ) from error

    def _read(self, run: str) -> Record | None:
        assert self._folder is not None
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode((self._folder / run / "run.json").read_bytes(), type=Record)
        return None
