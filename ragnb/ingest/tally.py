"""What becomes of each document, counted while it happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from ragnb.ingest.report import IngestReport


class Progress(Protocol):
    """Where an ingest tells how far it is."""

    def begin(self, files: int) -> None: ...

    def advance(self, files: int, chunks: int) -> None: ...

    def end(self) -> None: ...


class Tally:
    """Fills in a report and moves the progress bar. Reading and embedding tell it from two threads."""

    def __init__(self, progress: Progress, documents: int) -> None:
        self.report = IngestReport()
        self._progress = progress
        self._documents = documents
        self._lock = threading.Lock()
        self._begin = 0.0

    def __enter__(self) -> Tally:
        self._begin = time.perf_counter()
        self._progress.begin(self._documents)
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.end()
        self.report.seconds["total"] = time.perf_counter() - self._begin

    def unchanged(self, name: str) -> None:
        self.report.unchanged.append(name)
        self.finished()

    def skipped(self, name: str, reason: str) -> None:
        self.report.skipped.append((name, reason))

    def failed(self, name: str, reason: str) -> None:
        self.report.failed.append((name, reason))

    def stored(self, name: str, chunks: int, outcome: str) -> None:
        """A document is in the index; ``outcome`` is “added”, “changed” or “moved”."""
        names: list[str] = getattr(self.report, outcome)
        names.append(name)
        self.report.chunks += chunks

    def embedded(self, chunks: int) -> None:
        self._advance(0, chunks)

    def finished(self) -> None:
        """One document is done with, in one way or another."""
        self._advance(1, 0)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            seconds = self.report.seconds
            seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - begin

    def _advance(self, files: int, chunks: int) -> None:
        with self._lock:
            self._progress.advance(files, chunks)
