"""The one writer of one answer's file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from errno import ENOSPC
from pathlib import Path

from ragnb.answer import Answer
from ragnb.errors import AnswerInUseError, InvalidInputError, JournalError, RagnbError
from ragnb.events import AnyEvent, Final, to_json
from ragnb.resumption import locks


class LogFile:
    """Appends an answer's events, each with one write, and lets go of the file after the last one.

    With ``sync`` the file is forced to the disk at most every so many seconds, while events come, and at
    the end. Once a write has failed nothing more is written: ``failed`` is told, and the answer goes on.
    """

    def __init__(self, file: int, size: int, sync: float | None) -> None:
        self._file = file
        self.size = size
        self._sync = sync
        self._synced = time.monotonic()
        self.error: OSError | None = None
        self.failed: Callable[[OSError], None] = lambda error: None
        self.ended: Callable[[AnyEvent, int], None] = lambda event, size: None

    @classmethod
    def create(cls, path: Path, sync: float | None) -> LogFile:
        """A new file, for its owner alone. Raises OSError."""
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        locks.take(file)
        return cls(file, 0, sync)

    @classmethod
    def reopen(cls, path: Path, sync: float | None) -> tuple[LogFile, Answer]:
        """The file of an answer without an end, and its events so far; what is no event is cut off.

        Raises `AnswerInUseError` while somebody else writes it, `InvalidInputError` if it has ended, and
        `JournalError` if nothing in it can be read, or it cannot be written.
        """
        try:
            file = os.open(path, os.O_RDWR | os.O_APPEND)
        except OSError as error:
            raise unwritable(path.parent, error) from error
        log = cls(file, 0, sync)  # from here on the file is closed with it
        if not locks.take(file) or not os.fstat(file).st_nlink:
            log.close()
            raise AnswerInUseError(
                f"The answer {path.stem} is being written now.", "Wait until its process has ended."
            )
        try:
            return log, log._read(path)
        except OSError as error:
            log.close()
            raise unwritable(path.parent, error) from error
        except RagnbError:
            log.close()
            raise

    def _read(self, path: Path) -> Answer:
        lines = path.read_bytes()
        answer = Answer.from_jsonl(lines)
        if answer.ended:
            raise InvalidInputError(
                f"The answer {path.stem} has ended ({answer.status}).", "Ask again for another one."
            )
        if not answer.events:
            raise JournalError(f"In {path} no event can be read.", "Ask the question again.")
        size = _length(lines, len(answer.events))
        if rest := lines[size:]:
            answer.notes = (_set_aside(path, rest, len(answer.events) - 1),)
            os.ftruncate(self._file, size)
        self.size = size
        return answer

    def __call__(self, event: AnyEvent) -> None:
        """Write an event; when this returns, readers may see it."""
        if self._file < 0:
            return
        line = to_json(event) + b"\n"
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(ENOSPC, os.strerror(ENOSPC))
            self.size += len(line)
            if self._sync is not None:
                self._force(isinstance(event, Final))
        except OSError as error:
            self._give_up(error)
        if isinstance(event, Final):
            self.ended(event, self.size)
            self.close()

    def _force(self, is_last: bool) -> None:
        now = time.monotonic()
        if is_last or now - self._synced >= (self._sync or 0.0):
            os.fsync(self._file)
            self._synced = now

    def _give_up(self, error: OSError) -> None:
        self.error = error
        try:
            os.ftruncate(self._file, self.size)  # no half line
        except OSError:
            pass
        self.close()
        self.failed(error)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        self.close()


def unwritable(folder: Path, error: OSError) -> JournalError:
    """The journal's folder does not take what should be written to it."""
    return JournalError(
        f"The journal in {folder} cannot be written: {error.strerror}.",
        "Make room there or mend its permissions, or use another home=….",
    )


def _length(lines: bytes, events: int) -> int:
    """How many bytes the first events take, with the empty lines between them."""
    length = 0
    for line in lines.split(b"\n"):
        if not events:
            break
        length += len(line) + 1
        events -= bool(line)
    return length


def _set_aside(path: Path, rest: bytes, last: int) -> str:
    if b"\n" not in rest:
        return f"After event {last} stood {len(rest)} bytes of one that no reader saw; they are cut off."
    aside = path.with_suffix(".damaged")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as file:
        file.write(rest)
    return f"The log was damaged after event {last}; {len(rest)} bytes are set aside in {aside.name}."
