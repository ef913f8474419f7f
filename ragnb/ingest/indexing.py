"""Documents into the index: read, cut into chunks, embedded, stored; what is unchanged is left alone.

Reading and cutting run ahead of embedding, by a bounded queue: memory does not grow with a file's size.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ragnb.documents import Document
from ragnb.embeddings.base import Vectors
from ragnb.embeddings.cache import CachedEmbeddings
from ragnb.ingest.library import without_old_tokens
from ragnb.ingest.plan import Plan, Planned, plan_documents, plan_files
from ragnb.ingest.reading import Begin, End, Item, Piece, Reader
from ragnb.ingest.report import IngestReport
from ragnb.ingest.tally import Progress, Tally
from ragnb.vectorstores.base import VectorStore, Writer

_WINDOW = 512  # chunks embedded together: enough to sort by length
_FIRST_WINDOW = 64  # the first are fewer: embedding begins while the parsers still load
_AHEAD = 2  # windows that wait to be embedded


@dataclass
class Indexer:
    """Puts documents into a store. ``stop`` ends the work after the batch under way.

    ``base`` is the folder that the names of files are relative to. At most ``cores`` cores read files.
    """

    embeddings: CachedEmbeddings
    store: VectorStore
    progress: Progress
    base: Path
    contextual: bool = True
    cores: int | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def files(self, paths: Sequence[str | Path], ignore: Sequence[str] = ()) -> IngestReport:
        """Index files, folders, globs and addresses of web pages. One bad file never stops the others: the
        report names it. What was indexed below these paths and is gone leaves the index.

        Raises `InvalidInputError` for a path that does not exist.
        """
        return self._run(plan_files(paths, ignore, self.base, self._known()))

    def documents(self, documents: Sequence[Document]) -> IngestReport:
        """Index documents as they are given."""
        return self._run(plan_documents(documents, self._known()))

    def _known(self) -> dict[str, str]:
        return {name: stored.digest for name, stored in self.store.documents().items()}

    def _run(self, plan: Plan) -> IngestReport:
        tally = Tally(self.progress, len(plan.items))
        hits = self.embeddings.hits
        over = threading.Event()
        reader = Reader(self.embeddings, self.store, self.contextual, self.cores, tally, over)
        with tally, _on(self.cores):
            for name, reason in plan.skipped:
                tally.skipped(name, reason)
            for name, reason in plan.failed:
                tally.failed(name, reason)
            self._index(reader.items(plan), plan, tally, over)
            if not self.stop.is_set():
                for name in plan.gone:
                    with without_old_tokens(self.store, self.embeddings, name):
                        self.store.remove(name)
                    tally.report.removed.append(name)
                self._add_token_vectors(tally)
        tally.report.cache_hits = self.embeddings.hits - hits
        return tally.report

    def _index(self, items: Iterator[Item], plan: Plan, tally: Tally, over: threading.Event) -> None:
        with ExitStack() as stack:
            writing = _Writing(self.store, self.embeddings, plan, tally)
            stack.callback(writing.abort)
            for window in stack.enter_context(_ahead(_windows(items), self.stop, over)):
                vectors = self._embed([item.text for item in window if isinstance(item, Piece)], tally)
                if vectors is None:
                    return
                with tally.timed("store"):
                    writing.take(window, vectors)

    def _embed(self, texts: list[str], tally: Tally) -> Vectors | None:
        """The vectors of some texts; None if the work was stopped."""
        with tally.timed("embed"):
            for ready in self.embeddings.prepare(texts):
                tally.embedded(ready)
                if self.stop.is_set():
                    return None
            return self.embeddings.prepared(texts)

    def _add_token_vectors(self, tally: Tally) -> None:
        """Make those of an index that was made without. One that has most of them is not read for the rest:
        they are made when a question needs them."""
        known = self.store.documents()
        if not self.embeddings.mostly_without_tokens(sum(stored.chunks for stored in known.values())):
            return
        with tally.timed("embed"):
            for name in known:
                chunks = self.store.chunks(name)
                new = self.embeddings.without_tokens(chunk.searched_text for chunk in chunks)
                for start in range(0, len(new), _FIRST_WINDOW):
                    if self.stop.is_set():
                        return
                    part = new[start : start + _FIRST_WINDOW]
                    self.embeddings.make_token_vectors(part)
                    tally.embedded(len(part))


@dataclass
class _Writing:
    """The document that is being written, which may go on over many windows."""

    store: VectorStore
    embeddings: CachedEmbeddings
    plan: Plan
    tally: Tally
    planned: Planned | None = None
    writer: Writer | None = None
    count: int = 0

    def take(self, window: Sequence[Item], vectors: Vectors) -> None:
        """Write a window; ``vectors`` are those of its pieces."""
        first = 0
        run: list[Piece] = []
        for item in [*window, None]:
            if isinstance(item, Piece):
                run.append(item)
                continue
            if run:
                assert self.writer is not None
                self.writer.add([piece.chunk for piece in run], vectors[first : first + len(run)])
                self.count += len(run)
                first += len(run)
                run = []
            if isinstance(item, Begin):
                self.planned, self.count = item.planned, 0
                self.writer = self.store.writer(item.planned.name, item.planned.digest)
            elif isinstance(item, End):
                self._end(item.failure)

    def abort(self) -> None:
        if self.writer is not None:
            self.writer.abort()
            self.writer = None

    def _end(self, failure: str) -> None:
        assert self.planned is not None and self.writer is not None
        planned, known = self.planned, self.plan.known
        if failure:
            self.abort()
            kept = " What it held before stays in the index." if planned.name in known else ""
            self.tally.failed(planned.source, failure + kept)
        else:
            names = [name for name in (planned.name, planned.moved_from) if name]
            is_new = not known.keys() & set(names)
            with without_old_tokens(self.store, self.embeddings, *([] if is_new else names)):
                self.writer.commit()
                self.writer = None
                if planned.moved_from:
                    self.store.remove(planned.moved_from)
            if self.count:
                self.tally.stored(planned.source, self.count, _outcome(planned, known))
                known[planned.name] = planned.digest
            else:
                known.pop(planned.name, None)
                self.tally.skipped(planned.source, "there is no text in it")
        self.tally.finished()


@contextmanager
def _on(cores: int | None) -> Iterator[None]:
    """On the first so many cores, where the system lets a thread be bound; what it starts is bound too."""
    if cores is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _outcome(planned: Planned, known: dict[str, str]) -> str:
    if planned.moved_from:
        return "moved"
    return "changed" if planned.name in known else "added"


def _windows(items: Iterator[Item]) -> Iterator[list[Item]]:
    window: list[Item] = []
    chunks, size = 0, min(_FIRST_WINDOW, _WINDOW)
    for item in items:
        window.append(item)
        chunks += isinstance(item, Piece)
        if chunks == size:
            yield window
            window, chunks, size = [], 0, min(2 * size, _WINDOW)
    if window:
        yield window


@contextmanager
def _ahead(
    windows: Iterator[list[Item]], stop: threading.Event, over: threading.Event
) -> Iterator[Iterator[list[Item]]]:
    """The windows, made in a thread that is a little ahead, until ``stop`` is set. ``over`` is set when the
    block is left, which waits for the thread."""
    waiting: queue.Queue[list[Item] | BaseException | None] = queue.Queue(_AHEAD)

    def put(item: list[Item] | BaseException | None) -> bool:
        while not over.is_set() and not stop.is_set():
            with suppress(queue.Full):
                waiting.put(item, timeout=0.1)
                return True
        return False

    def make() -> None:
        end: BaseException | None = None
        try:
            for window in windows:
                if not put(window):
                    break
        except BaseException as error:
            end = error
        finally:
            windows.close()  # type: ignore[attr-defined]
            put(end)

    def take() -> Iterator[list[Item]]:
        while not stop.is_set():
            with suppress(queue.Empty):
                item = waiting.get(timeout=0.1)
                if item is None:
                    return
                if isinstance(item, BaseException):
                    raise item
                yield item

    thread = threading.Thread(target=make, name="ragnb-reading")
    thread.start()
    try:
        yield take()
    finally:
        over.set()
        thread.join()
