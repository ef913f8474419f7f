"""Documents into the index: read, cut into chunks, embedded, stored; what is unchanged is left alone."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

from ragnb.documents import Chunk, Document
from ragnb.embeddings.cache import CachedEmbeddings
from ragnb.errors import IngestError, InvalidInputError
from ragnb.ingest.chunking import chunk, document_id
from ragnb.ingest.files import find
from ragnb.ingest.loaders import load
from ragnb.ingest.report import IngestReport
from ragnb.vectorstores.base import VectorStore

_BATCH = 256  # chunks embedded at once: enough to sort by length, few enough to see progress
_HALF = re.compile("[\ud800-\udfff]")
_FORMAT = "1"  # part of every digest: to be raised when the same bytes would give other chunks


class Progress(Protocol):
    """Where the indexer tells how far it is."""

    def begin(self, files: int) -> None: ...

    def advance(self, files: int, chunks: int) -> None: ...

    def end(self) -> None: ...


@dataclass
class _Prepared:
    """A document that waits to be embedded with others."""

    name: str
    digest: str
    chunks: list[Chunk]


@dataclass
class Indexer:
    """Puts documents into a store. ``stop`` ends the work after the batch under way."""

    embeddings: CachedEmbeddings
    store: VectorStore
    progress: Progress
    stop: threading.Event = field(default_factory=threading.Event)

    def files(self, paths: Sequence[str | Path]) -> IngestReport:
        """Index files, folders and globs. One bad file never stops the others: the report names it.

        Raises `InvalidInputError` for a path that does not exist.
        """
        found = find(paths)
        report = IngestReport(skipped=list(found.skipped))
        known = dict(self.store.documents())
        with self._told(len(found.files), report):
            self._index(self._read(found.files, known, report), known, report)
        return report

    def documents(self, documents: Sequence[Document]) -> IngestReport:
        """Index documents as they are given."""
        report = IngestReport()
        known = dict(self.store.documents())
        with self._told(len(documents), report):
            self._index(self._given(documents, known, report), known, report)
        return report

    @contextmanager
    def _told(self, files: int, report: IngestReport) -> Iterator[None]:
        hits = self.embeddings.hits
        self.progress.begin(files)
        try:
            yield
        finally:
            self.progress.end()
            report.cache_hits = self.embeddings.hits - hits

    def _read(
        self, files: Sequence[Path], known: dict[str, str], report: IngestReport
    ) -> Iterator[_Prepared]:
        for path in files:
            name = path.as_posix()
            try:
                with _timed(report, "read"):
                    digest = self._digest(path.read_bytes())
                    is_known = known.get(name) == digest
                    documents = [] if is_known else list(load(path))
            except (IngestError, OSError) as error:
                reason = error.message if isinstance(error, IngestError) else str(error.strerror)
                report.failed.append((name, reason))
                self.progress.advance(1, 0)
                continue
            if is_known:
                report.unchanged.append(name)
                self.progress.advance(1, 0)
                continue
            with _timed(report, "chunk"):
                chunks = [piece for document in documents for piece in self._chunk(document)]
            if not chunks:
                self.store.remove(name)  # it may have had some before
                known.pop(name, None)
                report.skipped.append((name, "there is no text in it"))
                self.progress.advance(1, 0)
                continue
            yield _Prepared(name, digest, chunks)

    def _given(
        self, documents: Iterable[Document], known: dict[str, str], report: IngestReport
    ) -> Iterator[_Prepared]:
        for document in documents:
            name = document_id(document)
            with _timed(report, "chunk"):
                chunks = self._chunk(document)
            digest = self._digest("\0".join(piece.id for piece in chunks).encode())
            if known.get(name) == digest:
                report.unchanged.append(name)
            elif not chunks:
                report.skipped.append((name, "there is no text in it"))
            else:
                yield _Prepared(name, digest, chunks)
                continue
            self.progress.advance(1, 0)

    def _index(self, prepared: Iterable[_Prepared], known: dict[str, str], report: IngestReport) -> None:
        waiting: list[_Prepared] = []
        for document in prepared:
            waiting.append(document)
            if sum(len(one.chunks) for one in waiting) >= _BATCH:
                self._store(waiting, known, report)
                waiting = []
            if self.stop.is_set():
                return
        self._store(waiting, known, report)

    def _store(self, documents: list[_Prepared], known: dict[str, str], report: IngestReport) -> None:
        texts = [piece.searched_text for document in documents for piece in document.chunks]
        if not texts:
            return
        with _timed(report, "embed"):
            vectors = self.embeddings.embed_documents(texts)
        first = 0
        for document in documents:
            last = first + len(document.chunks)
            with _timed(report, "store"):
                self.store.replace(document.name, document.digest, document.chunks, vectors[first:last])
            changed = report.changed if document.name in known else report.added
            if document.name not in changed:
                changed.append(document.name)
            known[document.name] = document.digest
            report.chunks += len(document.chunks)
            self.progress.advance(1, len(document.chunks))
            first = last

    def _chunk(self, document: Document) -> list[Chunk]:
        return list(
            chunk(
                document,
                budget=self.embeddings.max_tokens,
                count=self.embeddings.count_tokens,
            )
        )

    def _digest(self, content: bytes) -> str:
        salt = f"{_FORMAT}:{self.embeddings.max_tokens}:".encode()
        return blake2b(salt + content, digest_size=16).hexdigest()


def as_documents(texts: str | Document | Iterable[str | Document]) -> list[Document]:
    """Texts or documents, exactly as given.

    Raises `InvalidInputError` for anything else.
    """
    given = [texts] if isinstance(texts, str | Document) else list(texts)
    documents = []
    for number, text in enumerate(given, start=1):
        document = Document(text=text) if isinstance(text, str) else text
        if not isinstance(document, Document):
            raise InvalidInputError(
                f"Item {number} is a {type(text).__name__}, not a text.",
                "rag.add takes texts or Documents; for files and folders use rag.ingest.",
            )
        if _HALF.search(document.text):
            raise InvalidInputError(
                f"Item {number} has half of a character in it (a lone surrogate).",
                'Read it with the right encoding, or use text.encode("utf-8", "replace").decode().',
            )
        documents.append(document)
    return documents


@contextmanager
def _timed(report: IngestReport, stage: str) -> Iterator[None]:
    begin = time.perf_counter()
    try:
        yield
    finally:
        report.seconds[stage] = report.seconds.get(stage, 0.0) + time.perf_counter() - begin
