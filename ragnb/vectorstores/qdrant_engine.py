"""What Qdrant Edge and a Qdrant server have in common, as far as ragnb needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from msgspec import Struct

from ragnb.embeddings.base import Vectors
from ragnb.vectorstores.bm25 import TermWeights
from ragnb.vectorstores.filters import AnyOf, Condition, Kind, NoneOf, path


class Point(Struct, frozen=True):
    """What is kept under an id. Without a vector it is a record, which no search finds."""

    id: UUID
    payload: dict[str, Any]
    vector: Vectors | None = None
    terms: TermWeights | None = None


class Found(Struct, frozen=True):
    """The payload of a point, with its dense vector where that was asked for."""

    payload: dict[str, Any]
    vector: Sequence[float] = ()


class Models(NamedTuple):
    """The classes that make a filter: the two libraries name them and their arguments a little
    differently."""

    Filter: Any
    FieldCondition: Any
    MatchAny: Any
    MatchExcept: Any  # called with the list
    Range: Any


class Engine(Protocol):
    """A Qdrant collection. ``where`` is a filter made of its `models`."""

    models: Models
    batch: int  # points that are sent at once
    is_shared: bool  # whether other processes may search it meanwhile

    def upsert(self, points: Sequence[Point]) -> None: ...

    def delete(self, ids: Sequence[UUID]) -> None: ...

    def delete_where(self, where: Any) -> None: ...

    def unset(self, field: str, where: Any) -> None:
        """Take a field out of the payload of points."""
        ...

    def retrieve(self, ids: Sequence[UUID], with_vectors: bool = False) -> list[Found]:
        """The points that are there of these, in any order."""
        ...

    def scroll(self, where: Any) -> Iterable[Found]: ...

    def count(self, where: Any) -> int: ...

    def query(
        self, vector: Vectors, terms: TermWeights, where: Any, depth: int, limit: int
    ) -> list[tuple[dict[str, Any], float]]:
        """The ``chunk`` of the payload and the fused score of the best ``limit`` points, of the best
        ``depth`` of either vector; ``terms`` may be empty."""
        ...

    def index(self, fields: Mapping[str, Kind | str]) -> None:
        """Make the payload indexes of these fields that are not there: without one, the engine reads every
        payload from the disk to evaluate a condition."""
        ...


def translated(conditions: Iterable[Condition], models: Models) -> list[Any]:
    """The conditions in the engine's classes.

    Qdrant's match knows no floats, so equal numbers are a range of one number.
    """

    def between(key: str, **bounds: float | None) -> Any:
        return models.FieldCondition(key=key, range=models.Range(**bounds))

    made = []
    for condition in conditions:
        key = path(condition)
        match condition:
            case AnyOf(kind="text", values=values):
                made.append(models.FieldCondition(key=key, match=models.MatchAny(any=list(values))))
            case NoneOf(kind="text", values=values):
                made.append(models.FieldCondition(key=key, match=models.MatchExcept(list(values))))
            case AnyOf(values=values):
                made.append(models.Filter(should=[between(key, gte=one, lte=one) for one in values]))
            case NoneOf(values=values):
                made.extend(
                    models.Filter(should=[between(key, lt=one), between(key, gt=one)]) for one in values
                )
            case _:
                bounds = {
                    "gt": condition.gt,
                    "gte": condition.gte,
                    "lt": condition.lt,
                    "lte": condition.lte,
                }
                made.append(between(key, **bounds))
    return made
