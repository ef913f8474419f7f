"""The journal: one append-only JSON Lines file per answer, and an index of them.

A line is written before any reader sees its event. A bare write lands in the page cache, so it
survives the death of the process; `Keep.sync` makes it survive a power cut too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary, ref

from ragnb.answer import Answer, end_status
from ragnb.errors import AnswerInUseError
from ragnb.events import AnyEvent, Started
from ragnb.resumption import locks
from ragnb.resumption.index import Index
from ragnb.resumption.listing import AnswerList, Entry, entry
from ragnb.resumption.logfile import LogFile, unwritable
from ragnb.resumption.memory import no_answer
from ragnb.resumption.retention import Held, Keep, surplus

T = TypeVar("T")

# The answers that this process writes, by process (a fork writes none) and file: whoever asks for one
# gets the one that grows.
_live: WeakValueDictionary[tuple[int, Path], Answer] = WeakValueDictionary()


class Journal:
    """A folder of answer logs, readable by their owner alone, for several pipelines and processes."""

    def __init__(self, folder: Path, keep: Keep | None = None) -> None:
        self.folder = folder.resolve()
        self._keep = keep or Keep()
        self._index = Index(self.folder / "index.sqlite")

    # ---- writing ---------------------------------------------------------------------------------

    def begin(self, started: Started) -> Answer:
        """A new answer that is written from its first event on.

        Where the journal cannot be written, or no longer, the answer goes on without it and ``notes`` says
        so; but a new one with a key, which is nothing without the journal, raises `JournalError`.
        """
        answer = Answer()
        path = self._file(started.answer_id)
        try:
            self._make_folder()
            log = LogFile.create(path, self._keep.sync)
        except OSError as error:
            if started.key:
                raise unwritable(self.folder, error) from error
            answer.notes = (f"{unwritable(self.folder, error).message} This answer is in memory only.",)
            answer.append(started)
            return answer
        self._connect(answer, log, started.answer_id)
        answer.append(started)
        if log.error:
            with suppress(OSError):
                path.unlink()
            if started.key:
                raise unwritable(self.folder, log.error) from log.error
        else:
            _live[os.getpid(), path] = answer
            self._index.put([entry(started.answer_id, answer, "running")])
        return answer

    def reopen(self, answer_id: str) -> Answer:
        """An interrupted answer with its events so far, to be written on: the next event follows the last
        one in ``seq`` and in ``at``; the time that it lay still does not count.

        What stands after the last whole event is cut off, and ``notes`` says so. Raises
        `AnswerInUseError` while somebody writes it, `InvalidInputError` if there is none or it has ended,
        and `JournalError` if it cannot be read or written.
        """
        path = self._existing(answer_id)
        log, answer = LogFile.reopen(path, self._keep.sync)
        self._connect(answer, log, answer_id)
        _live[os.getpid(), path] = answer
        self._index.put([entry(answer_id, answer, "running")])
        return answer

    def _connect(self, answer: Answer, log: LogFile, answer_id: str) -> None:
        written = ref(answer)  # an answer that nobody holds lets go of its file

        def failed(error: OSError) -> None:
            if answer := written():
                last = len(answer.events) - 1
                said = unwritable(self.folder, error).message
                note = f"{said} What came after event {last} is in memory only."
                answer.notes = (*answer.notes, note)

        def ended(event: AnyEvent, size: int) -> None:
            if (answer := written()) and (status := end_status(event)):
                self._index.put([entry(answer_id, answer, status, size, datetime.now(UTC))])

        log.failed, log.ended = failed, ended
        answer.write_to(log)

    def copy(self, answer: Answer, answer_id: str) -> Answer:
        """An interrupted answer with another id, that has the events of one that has ended up to its end.

        Raises `JournalError` if it cannot be written.
        """
        path = self._file(answer_id)
        copied = answer.unended(answer_id)
        try:
            log = LogFile.create(path, self._keep.sync)
            for event in copied.events:
                log(event)
            log.close()
            if log.error:
                path.unlink()
                raise log.error
        except OSError as error:
            raise unwritable(self.folder, error) from error
        return copied

    @contextmanager
    def claim(self, key: str) -> Iterator[Answer | None]:
        """Hold a key while it is decided what becomes of it; gives the latest answer that has it.

        That is one that has finished, runs in this process, or was interrupted; None where there is none,
        or it failed or was cancelled. Raises `AnswerInUseError` where another process writes it, and
        `JournalError` where the folder cannot be written.
        """
        if not key:
            yield None
            return
        with self._alone():
            yield self._latest(key)

    @contextmanager
    def claim_answer(self, answer_id: str) -> Iterator[Answer]:
        """Hold an answer while it is decided what becomes of it.

        Raises as `answer` does, and `JournalError` where the folder cannot be written.
        """
        self._existing(answer_id)
        with self._alone():
            yield self.answer(answer_id)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self._make_folder()
            guard = locks.alone(self.folder / ".lock")
            guard.__enter__()
        except OSError as error:
            raise unwritable(self.folder, error) from error
        try:
            yield
        finally:
            guard.__exit__(None, None, None)

    def _latest(self, key: str) -> Answer | None:
        latest = self._from_index(lambda index: index.latest(key))
        if latest is None or latest.status in ("cancelled", "failed"):
            return None
        if latest.status == "running" and self._live(latest.id) is None:
            raise AnswerInUseError(
                f"Another process is answering {latest.question[:80]!r} with the key {key[:80]!r} now.",
                "Wait until it has ended; then this key replays its answer.",
            )
        return self.answer(latest.id)

    # ---- reading ---------------------------------------------------------------------------------

    def answers(self) -> AnswerList:
        """All answers, oldest first."""
        if not self.folder.is_dir():
            return AnswerList([], self.answer)
        return AnswerList(self._from_index(Index.entries), self.answer)

    def turns(self, chat: str) -> AnswerList:
        """The answers of a chat, oldest first."""
        if not self.folder.is_dir():
            return AnswerList([], self.answer)
        return AnswerList(self._from_index(lambda index: index.turns(chat)), self.answer)

    def answer(self, answer_id: str) -> Answer:
        """One answer: the one that grows, if this process writes it, else as its file has it; the notes of
        one that was interrupted say how to go on.

        Raises `InvalidInputError` if there is none.
        """
        if live := self._live(answer_id):
            return live
        path = self._existing(answer_id)
        is_written = locks.is_held(path)
        try:
            answer = Answer.from_jsonl(path.read_bytes())
        except FileNotFoundError:
            raise no_answer(answer_id) from None
        if answer.events and not answer.ended and not is_written:
            answer.is_interrupted = True
            advice = f"Its process ended before it did: rag.resume({answer_id!r}) goes on with it."
            answer.notes = (*answer.notes, advice)
        return answer

    def _live(self, answer_id: str) -> Answer | None:
        return _live.get((os.getpid(), self._file(answer_id)))

    # ---- the index and the files -----------------------------------------------------------------

    def _from_index(self, read: Callable[[Index], T]) -> T:
        while True:
            begun = self._index.begun
            self._follow_files()
            found = read(self._index)
            if self._index.begun == begun:
                return found

    def _follow_files(self) -> None:
        """Make the index say what the files say: a process may have died between the two."""
        opened = {one.id: one for one in self._index.open_entries()}
        known = self._index.ids()
        there = {name[:-6] for name in self._names() if name.endswith(".jsonl")}
        read = (self._current(one, opened.get(one)) for one in (there - known) | (opened.keys() & there))
        self._index.put([one for one in read if one is not None])
        self._index.drop(known - there)

    def _current(self, answer_id: str, known: Entry | None) -> Entry | None:
        """The new row of an answer that had no end in the index; None where nothing is new."""
        path = self._file(answer_id)
        live = self._live(answer_id)
        is_written = (live is not None and not live.ended) or locks.is_held(path)
        if is_written and known is not None and known.status == "running":
            return None
        try:
            facts = path.stat()
            if not is_written and known and (known.status, known.size) == ("interrupted", facts.st_size):
                return None
            lines = path.read_bytes()
        except OSError:
            return None
        answer = Answer.from_jsonl(lines)
        if b"\n" not in lines:
            return None  # killed before its first event
        answer.is_interrupted = not is_written
        written = datetime.fromtimestamp(facts.st_mtime, UTC)
        return entry(answer_id, answer, answer.status, facts.st_size, written)

    def tidy(self) -> None:
        """Delete what `Keep` does not keep. Quiet: what cannot be deleted stays."""
        try:
            with locks.alone(self.folder / ".lock"):
                held = [self._held(name) for name in self._names() if name.endswith(".jsonl")]
                gone = [one for one in surplus(filter(None, held), self._keep) if self._delete(one)]
                self._index.drop(gone)
        except OSError:
            pass

    def _held(self, name: str) -> Held | None:
        try:
            facts = (self.folder / name).stat()
        except OSError:
            return None
        return Held(name[:-6], facts.st_mtime, facts.st_size)

    def _delete(self, answer_id: str) -> bool:
        path = self._file(answer_id)
        try:
            file = os.open(path, os.O_RDONLY)
        except OSError:
            return False
        try:
            if not locks.take(file):
                return False
            path.unlink()
            path.with_suffix(".damaged").unlink(missing_ok=True)
            return True
        finally:
            os.close(file)

    def _names(self) -> list[str]:
        try:
            return os.listdir(self.folder)
        except FileNotFoundError:
            return []

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.folder.stat().st_mode & 0o077:
            self.folder.chmod(0o700)

    def _existing(self, answer_id: str) -> Path:
        path = self._file(answer_id)
        if os.path.basename(answer_id) != answer_id or not os.path.isfile(path):
            raise no_answer(answer_id)
        return path

    def _file(self, answer_id: str) -> Path:
        return self.folder / f"{answer_id}.jsonl"
