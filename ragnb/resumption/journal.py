"""The journal: one append-only JSON Lines file per answer.

A line is written before any reader sees its event. A bare write lands in the page cache, so it
survives the death of the process, though not a power cut.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ragnb.answer import Answer
from ragnb.events import AnyEvent, Final, to_json


class Journal:
    """A folder of answer logs, readable by their owner alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def writer(self, answer_id: str) -> Callable[[AnyEvent], None]:
        """What writes each event of a new answer; it closes the file after the last one."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(self._path(answer_id), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)

        def write(event: AnyEvent) -> None:
            os.write(file, to_json(event) + b"\n")
            if isinstance(event, Final):
                os.close(file)

        return write

    def answers(self) -> list[Answer]:
        """All answers, oldest first."""
        return [Answer.from_jsonl(path.read_bytes()) for path in sorted(self.folder.glob("*.jsonl"))]

    def _path(self, answer_id: str) -> Path:
        return self.folder / f"{answer_id}.jsonl"
