"""From a plan to chunks: what has changed is read, in other processes, and cut to size."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import assert_never

from ragnb.documents import Block, Chunk, Document
from ragnb.embeddings.base import Embeddings
from ragnb.errors import IngestError
from ragnb.ingest.chunking import chunk
from ragnb.ingest.loaders import identity
from ragnb.ingest.parsing import Blocks, Closed, Message, Opened, Passed, Task, Trouble, reason
from ragnb.ingest.plan import Plan, Planned
from ragnb.ingest.tally import Tally
from ragnb.ingest.web import fetch
from ragnb.ingest.workers import Workers
from ragnb.vectorstores.base import VectorStore

_MOST_WORKERS = 4
_FORMAT = "2"  # part of every digest: to be raised when the same bytes would give other chunks


@dataclass(frozen=True, slots=True)
class Begin:
    """A document begins."""

    planned: Planned


@dataclass(frozen=True, slots=True)
class Piece:
    """The document's next chunk, and the text by which it is embedded."""

    chunk: Chunk
    text: str


@dataclass(frozen=True, slots=True)
class End:
    """The document was read to its end, or failed."""

    failure: str = ""


Item = Begin | Piece | End


class _FileTask(Task, frozen=True):
    planned: Planned


@dataclass(frozen=True)
class Reader:
    """Reads what a plan holds and the index does not, until ``over`` is set. ``cores`` bounds the processes
    that read."""

    embeddings: Embeddings
    store: VectorStore
    contextual: bool
    cores: int | None
    tally: Tally
    over: threading.Event

    def items(self, plan: Plan) -> Iterator[Item]:
        """The chunks of each new or changed document, between its `Begin` and its `End`."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ragnb-")))
            workers = stack.enter_context(Workers(_workers(self.cores), self.over))
            files = [planned for planned in plan.items if planned.document is None]
            for task, messages in workers.read(self._tasks(files, plan, folder)):
                yield from self._file(task, messages)
            for planned in plan.items:
                if planned.document is not None:
                    yield from self._given(planned, planned.document, plan)

    def _tasks(self, files: list[Planned], plan: Plan, folder: Path) -> Iterator[_FileTask]:
        """The files that have to be read."""
        was = {plan.known[name]: name for name in plan.gone}
        for planned in files:
            try:
                path = planned.path or fetch(planned.source, folder)
                with self.tally.timed("hash"):
                    digest = self._digest(path)
            except (IngestError, OSError) as error:
                self.tally.failed(planned.source, reason(error))
                self.tally.finished()
                continue
            if plan.known.get(planned.name) == digest:
                self.tally.unchanged(planned.source)
                continue
            moved_from = was.pop(digest, "")
            if moved_from:
                plan.gone.remove(moved_from)
            planned = replace(planned, path=path, digest=digest, moved_from=moved_from)
            yield _FileTask(str(path), planned.source, planned)

    def _file(self, task: _FileTask, messages: Iterator[Message]) -> Iterator[Item]:
        planned = task.planned
        yield Begin(planned)
        before = _stat(task.path)
        stream = _Stream(messages, self.tally, planned.source)
        position = 0
        for document in stream.documents():
            for piece in self._pieces(document, planned, position):
                position = piece.chunk.position + 1
                yield piece
        if not stream.failure and _stat(task.path) != before:
            self.tally.report.warnings.append(
                (planned.source, "It changed while it was read; ingest again when it is at rest.")
            )
        yield End(stream.failure)

    def _given(self, planned: Planned, document: Document, plan: Plan) -> Iterator[Item]:
        pieces = list(self._pieces(document, planned, 0))
        digest = blake2b(self._salt(), digest_size=16)
        for piece in pieces:
            digest.update(piece.chunk.id.encode())
        planned = replace(planned, digest=digest.hexdigest())
        if plan.known.get(planned.name) == planned.digest:
            self.tally.unchanged(planned.source)
            return
        yield Begin(planned)
        yield from pieces
        yield End()

    def _pieces(self, document: Document, planned: Planned, first: int) -> Iterator[Piece]:
        chunks = chunk(
            document,
            name=planned.name,
            budget=self.embeddings.max_tokens,
            count=self.embeddings.count_tokens,
            first=first,
            contextual=self.contextual,
        )
        # A file that was moved keeps its vectors: another name alone is no reason to embed it again.
        old = iter(self.store.chunks(planned.moved_from, first) if planned.moved_from else ())
        while True:
            with self.tally.timed("chunk"):
                made = next(chunks, None)
            if made is None:
                return
            was = next(old, None)
            same = was is not None and was.text == made.text
            yield Piece(made, was.searched_text if was is not None and same else made.searched_text)

    def _digest(self, path: Path) -> str:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: blake2b(digest_size=16))
        digest.update(self._salt() + identity(path.suffix).encode())
        return digest.hexdigest()

    def _salt(self) -> bytes:
        return f"{_FORMAT}:{self.embeddings.max_tokens}:{self.contextual}:".encode()


def _workers(cores: int | None) -> int:
    """Half of the cores read at most: embedding takes the longer."""
    return max(1, min(_MOST_WORKERS, (cores or os.cpu_count() or 1) // 2))


class _Stream:
    """A file's messages as documents, whose blocks are read from the messages as they are asked for."""

    def __init__(self, messages: Iterator[Message], tally: Tally, source: str) -> None:
        self.failure = ""
        self._messages = messages
        self._tally = tally
        self._source = source
        self._next: Opened | None = None

    def documents(self) -> Iterator[Document]:
        self._advance()
        while self._next is not None:
            opened, self._next = self._next, None
            blocks = self._blocks()
            yield Document("", opened.title, opened.source, opened.metadata, blocks)
            for _ in blocks:
                pass

    def _blocks(self) -> Iterator[Block]:
        while (message := self._advance()) is not None:
            yield from message.blocks

    def _advance(self) -> Blocks | None:
        """The next blocks of the document that is open; None at its end."""
        while True:
            with self._tally.timed("read"):
                message = next(self._messages, None)
            match message:
                case None | Closed():
                    return None
                case Blocks():
                    return message
                case Opened():
                    self._next = message
                    return None
                case Trouble(member=""):
                    self.failure = message.reason
                    return None
                case Passed():
                    self._tally.skipped(f"{self._source}/{message.member}", message.reason)
                case Trouble():
                    self._tally.failed(f"{self._source}/{message.member}", message.reason)
                case _:
                    assert_never(message)


def _stat(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
