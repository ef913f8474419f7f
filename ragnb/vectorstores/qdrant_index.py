"""Documents in a Qdrant engine, Edge or server: staged, put in place at once, found, read again.

Each time a document is put in it is a new *revision*, a random number. Its points have the ids (revision,
position), so they never overwrite those of the revision before. Two kinds of records stand beside them,
points without vectors:

- that of a *document* names its revision. Writing this one record is what puts a document in place;
- that of a *staging* is there from before the first point of a revision is written until nothing is left
  to be cleaned up after it, so that `recover` finds what a crash left.

No point of a search, a count or a reading belongs to a revision that is on its way in or out: this process
knows them (`Visibility`). Where other processes may search too, staged points also bear a mark until they
are in place.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec
import numpy as np

from ragnb.documents import Chunk, Hit
from ragnb.embeddings.base import Vectors
from ragnb.errors import RagnbError
from ragnb.vectorstores import bm25
from ragnb.vectorstores.base import IndexInfo, Stored
from ragnb.vectorstores.filters import Filter, keys, parse
from ragnb.vectorstores.qdrant_engine import Engine, Point, translated
from ragnb.vectorstores.visibility import View, Visibility

FORMAT = 2  # to be raised when stored BM25 weights or payloads change their meaning
INDEXED = {"kind": "text", "revision": "integer", "staged": "integer"}
_ABANDONED = 86_400.0  # seconds after which another process's staging is taken for a crash


class _Document(msgspec.Struct, frozen=True):
    """The record of a document. ``replaced`` is the revision that it had before, 0 for none."""

    document: str
    digest: str
    chunks: int
    revision: int
    replaced: int = 0
    kind: str = "document"


class _Staging(msgspec.Struct, frozen=True):
    """The record of a revision on its way in or out. ``began`` is in seconds since 1970."""

    document: str
    revision: int
    began: float
    kind: str = "staging"


class QdrantIndex:
    """The documents of one engine."""

    def __init__(self, engine: Engine, info: IndexInfo) -> None:
        self.engine = engine
        self.info = info
        self.visibility = Visibility()

    def recover(self) -> None:
        """Finish, or undo, what was under way when a process died. Where other processes use the engine,
        what they began within a day is left alone."""
        for found in list(self.engine.scroll(self._kind("staging"))):
            staging = msgspec.convert(found.payload, _Staging)
            record = self._record(staging.document)
            if record is not None and record.revision == staging.revision:
                self._land(record)
            elif self.engine.is_shared and staging.began > time.time() - _ABANDONED:
                continue
            else:
                self.engine.delete_where(self._of(staging.revision))
            self._forget(staging.revision)

    def remove(self, document: str) -> None:
        def change() -> int | None:
            record = self._record(document)
            if record is None:
                return None
            self._stage(document, record.revision, 0.0)
            self.engine.delete([_id("document", document)])
            return record.revision

        gone = self.visibility.switch(None, change)
        if gone is not None:
            self._discard(gone)
            self._forget(gone)

    def documents(self) -> Mapping[str, Stored]:
        records = (
            msgspec.convert(found.payload, _Document)
            for found in self.engine.scroll(self._kind("document"))
        )
        return {record.document: Stored(record.digest, record.chunks) for record in records}

    def chunks(self, document: str, first: int, last: int | None) -> list[Chunk]:
        with self.visibility.reading():
            record = self._record(document)
            if record is None:
                return []
            stop = record.chunks if last is None else min(last + 1, record.chunks)
            found = []
            for begin in range(max(first, 0), stop, self.engine.batch):
                positions = range(begin, min(begin + self.engine.batch, stop))
                found += self.engine.retrieve([point_id(record.revision, n) for n in positions])
        chunks = [msgspec.convert(one.payload["chunk"], Chunk) for one in found]
        return sorted(chunks, key=lambda chunk: chunk.position)

    def export(self, document: str) -> Iterator[tuple[list[Chunk], Vectors]]:
        record = self._record(document)
        if record is None:
            return
        for begin in range(0, record.chunks, self.engine.batch):
            positions = range(begin, min(begin + self.engine.batch, record.chunks))
            with self.visibility.reading():
                ids = [point_id(record.revision, n) for n in positions]
                found = self.engine.retrieve(ids, with_vectors=True)
            if len(found) < len(positions):
                raise RagnbError(f"{document} was replaced while it was read.", "Do it again.")
            pairs = [(msgspec.convert(one.payload["chunk"], Chunk), one.vector) for one in found]
            pairs.sort(key=lambda pair: pair[0].position)
            yield [chunk for chunk, _ in pairs], np.array([vector for _, vector in pairs], np.float32)

    def search(self, text: str, vector: Vectors, limit: int, where: Filter | None) -> list[Hit]:
        conditions = parse(where)
        self.engine.index(keys(conditions))
        must = translated(conditions, self.engine.models)
        with self.visibility.reading() as view:
            found = self.engine.query(
                vector,
                bm25.of_query(text),
                self._filter(must, self._invisible(view)),
                depth=max(4 * limit, 100),
                limit=limit,
            )
        return [Hit(msgspec.convert(chunk, Chunk), score) for chunk, score in found]

    def __len__(self) -> int:
        records = self._any("kind", ["document", "staging"])
        with self.visibility.reading() as view:
            return self.engine.count(self._filter([], [records, *self._invisible(view)]))

    # What a writer does.

    def begin(self, document: str) -> int:
        """A new revision, which nobody sees."""
        revision = secrets.randbits(62) | 1
        self.visibility.hide(revision)
        self.visibility.drain()
        self._stage(document, revision, time.time())
        return revision

    def commit(self, document: str, digest: str, chunks: int, revision: int) -> None:
        record = _Document(document, digest, chunks, revision)

        def change() -> int | None:
            nonlocal record
            before = self._record(document)
            if before is not None:
                record = msgspec.structs.replace(record, replaced=before.revision)
            self.engine.upsert([Point(_id("document", document), msgspec.to_builtins(record))])
            return before.revision if before is not None else None

        self.visibility.switch(revision, change)
        self._land(record)
        self._forget(revision)

    def abort(self, document: str, revision: int) -> None:
        record = self._record(document)
        if record is not None and record.revision == revision:  # a commit that failed after it was written
            self.visibility.switch(revision, lambda: record.replaced or None)
            self._land(record)
        else:
            self._discard(revision)
        self._forget(revision)

    def _land(self, record: _Document) -> None:
        """What is left to do once the record of a document is written."""
        if self.engine.is_shared:
            self.engine.unset("staged", self._of(record.revision))
        if record.replaced:
            self._discard(record.replaced)
        self.visibility.settle(record.revision)

    def _discard(self, revision: int) -> None:
        self.visibility.drain()
        self.engine.delete_where(self._of(revision))
        self.visibility.settle(revision)

    # Records and filters.

    def _record(self, document: str) -> _Document | None:
        found = self.engine.retrieve([_id("document", document)])
        return msgspec.convert(found[0].payload, _Document) if found else None

    def _stage(self, document: str, revision: int, began: float) -> None:
        staging = _Staging(document, revision, began)
        self.engine.upsert([Point(_id("staging", str(revision)), msgspec.to_builtins(staging))])

    def _forget(self, revision: int) -> None:
        self.engine.delete([_id("staging", str(revision))])

    def _invisible(self, view: View) -> list[Any]:
        """What a reader must not find."""
        hidden = [self._any("revision", sorted(view.hidden))] if view.hidden else []
        if self.engine.is_shared:
            landed = [self._any("revision", sorted(view.landed))] if view.landed else []
            hidden.append(self._filter([self._any("staged", [1])], landed))
        return hidden

    def _filter(self, must: list[Any], must_not: list[Any]) -> Any:
        if not must and not must_not:
            return None
        return self.engine.models.Filter(must=must or None, must_not=must_not or None)

    def _any(self, field: str, values: Sequence[str | int]) -> Any:
        models = self.engine.models
        return models.FieldCondition(key=field, match=models.MatchAny(any=list(values)))

    def _kind(self, kind: str) -> Any:
        return self._filter([self._any("kind", [kind])], [])

    def _of(self, revision: int) -> Any:
        """The chunks of a revision, not its records."""
        return self._filter(
            [self._any("revision", [revision])], [self._any("kind", ["document", "staging"])]
        )


def point_id(revision: int, position: int) -> UUID:
    """Where the chunk at a position is kept."""
    return UUID(int=revision << 64 | position)


def _id(kind: str, name: str) -> UUID:
    return UUID(bytes=blake2b(f"{kind}\0{name}".encode(), digest_size=16).digest())
