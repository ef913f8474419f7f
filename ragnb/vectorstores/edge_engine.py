"""Qdrant Edge as an `Engine`: its calls, and its failures in sentences."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from ragnb.embeddings.base import Vectors
from ragnb.errors import ConfigurationError, HomeInUseError, InvalidInputError, RagnbError
from ragnb.vectorstores.bm25 import TermWeights
from ragnb.vectorstores.filters import Kind
from ragnb.vectorstores.qdrant_engine import Found, Models, Point

START_AGAIN = "Delete the folder and ingest again, or use another home=…."
_RESERVE = 32 << 20
_PAGE = 1_000


class EdgeEngine:
    """An open shard. Its folder belongs to this process alone."""

    batch = 1_000
    is_shared = False

    def __init__(self, path: Path, edge: Any) -> None:
        from qdrant_edge import FieldCondition, Filter, MatchAny, MatchExcept, PayloadSchemaType, RangeFloat

        self.path = path
        self.models = Models(Filter, FieldCondition, MatchAny, MatchExcept, RangeFloat)
        self._edge = edge
        self._writing = threading.Lock()
        self._types = {
            "text": PayloadSchemaType.Keyword,
            "integer": PayloadSchemaType.Integer,
            "number": PayloadSchemaType.Float,
            "date": PayloadSchemaType.Float,
        }
        with told(path):
            self._indexed = set(edge.info().payload_schema)

    def upsert(self, points: Sequence[Point]) -> None:
        """Raises `InvalidInputError` for a payload that has no JSON form, `RagnbError` where the disk is
        nearly full."""
        from qdrant_edge import Point as EdgePoint
        from qdrant_edge import SparseVector, UpdateOperation

        check_room(self.path, 3 * sum(map(_size, points)))
        made = []
        for point in points:
            vectors: dict[str, Any] = {}
            if point.vector is not None:
                vectors["dense"] = point.vector.tolist()
            if point.terms is not None:
                vectors["bm25"] = SparseVector(point.terms.terms, point.terms.weights)
            try:
                made.append(EdgePoint(point.id, vectors, point.payload))
            except (TypeError, OverflowError, UnicodeError) as error:
                raise InvalidInputError(
                    f"The metadata of {point.payload['chunk']['document']} cannot be stored.",
                    "Use texts and finite numbers.",
                ) from error
        self._update(UpdateOperation.upsert_points(made))

    def delete(self, ids: Sequence[UUID]) -> None:
        from qdrant_edge import UpdateOperation

        self._update(UpdateOperation.delete_points(list(ids)))

    def delete_where(self, where: Any) -> None:
        from qdrant_edge import UpdateOperation

        self._update(UpdateOperation.delete_points_by_filter(where))

    def unset(self, field: str, where: Any) -> None:
        """Take a field out of the payload of points."""
        from qdrant_edge import UpdateOperation

        self._update(UpdateOperation.delete_payload_by_filter(where, [field]))

    def retrieve(self, ids: Sequence[UUID], with_vectors: bool = False) -> list[Found]:
        """The points that are there of these, in any order."""
        wanted = ["dense"] if with_vectors else False
        with told(self.path):
            records = self._edge.retrieve(list(ids), with_payload=True, with_vector=wanted)
        return [Found(one.payload, one.vector["dense"] if with_vectors else ()) for one in records]

    def scroll(self, where: Any) -> Iterator[Found]:
        """All points of a filter."""
        from qdrant_edge import ScrollRequest

        offset = None
        while True:
            with told(self.path):
                request = ScrollRequest(offset=offset, limit=_PAGE, filter=where, with_payload=True)
                records, offset = self._edge.scroll(request)
            yield from (Found(record.payload) for record in records)
            if offset is None:
                return

    def count(self, where: Any) -> int:
        """The number of points of a filter."""
        from qdrant_edge import CountRequest

        with told(self.path):
            return int(self._edge.count(CountRequest(filter=where, exact=True)))

    def query(
        self, vector: Vectors, terms: TermWeights, where: Any, depth: int, limit: int
    ) -> list[tuple[dict[str, Any], float]]:
        """See `Engine.query`."""
        from qdrant_edge import Fusion, Prefetch, Query, QueryRequest, SparseVector

        wanted: list[tuple[str, Any]] = [("dense", vector.tolist())]
        if terms.terms:
            wanted.append(("bm25", SparseVector(terms.terms, terms.weights)))
        prefetches = [
            Prefetch(depth, query=Query.Nearest(nearest, using), filter=where) for using, nearest in wanted
        ]
        fusion: Any = Fusion.Dbsf()  # the stubs do not know it as a Fusion
        with told(self.path):
            found = self._edge.query(
                QueryRequest(limit, prefetches=prefetches, query=fusion, with_payload=["chunk"])
            )
        return [(one.payload["chunk"], one.score) for one in found]

    def index(self, fields: Mapping[str, Kind | str]) -> None:
        """Make the payload indexes that are not there."""
        from qdrant_edge import UpdateOperation

        for field, kind in fields.items():
            if field not in self._indexed:
                self._update(UpdateOperation.create_field_index(field, self._types[kind]))
                self._indexed.add(field)

    def _update(self, operation: Any) -> None:
        with told(self.path), self._writing:
            self._edge.update(operation)


def _size(point: Point) -> int:
    """About how many bytes a point takes."""
    if point.vector is None or point.terms is None:
        return 0
    return point.vector.nbytes + 8 * len(point.terms.terms) + 4 * len(point.payload["chunk"]["text"])


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns what the engine raises (plain `Exception`, or a panic, which is a `BaseException`) into a
    sentence."""
    try:
        yield
    except BaseException as error:
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        if "WouldBlock" in str(error):
            raise HomeInUseError(
                f"The index {path} is in use by another process{_holder(path)}.",
                "Stop it (in Jupyter: shut down the other notebook's kernel), or use another home=….",
            ) from None
        if "not initialized" in str(error):
            raise ConfigurationError(f"The index {path} was closed meanwhile.", "Open it again.") from None
        raise ConfigurationError(f"The index {path} cannot be read: {error}.", START_AGAIN) from error


def check_room(path: Path, needed: int) -> None:
    """Raises `RagnbError` where the disk has less room than ``needed`` bytes and a reserve.

    The engine maps sparse files into memory: when the disk is full, the system kills the process.
    """
    free = shutil.disk_usage(path).free
    if free < needed + _RESERVE:
        raise RagnbError(
            f"The disk that holds {path} is nearly full ({free >> 20} MB free).",
            "Make room and ingest again (what is stored already is kept), or use another home=….",
        )


def _holder(path: Path) -> str:
    try:
        return f" (pid {int((path / 'holder').read_text())})"
    except (OSError, ValueError):
        return ""
