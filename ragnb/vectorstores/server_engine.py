"""A Qdrant server as an `Engine`, through qdrant-client: its calls, and its failures in sentences."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec

from ragnb.embeddings.base import Vectors
from ragnb.errors import ConfigurationError
from ragnb.vectorstores.base import IndexInfo
from ragnb.vectorstores.bm25 import TermWeights
from ragnb.vectorstores.filters import Kind
from ragnb.vectorstores.qdrant_engine import Found, Models, Point

_PAGE = 1_000


class ServerEngine:
    """One collection of a server, or of qdrant-client's local mode. ``name`` is for messages."""

    batch = 256  # a request of 32 MB is the most that a server takes
    is_shared = True

    def __init__(self, client: Any, collection: str, name: str) -> None:
        from qdrant_client import models
        from qdrant_client.local.qdrant_local import QdrantLocal

        self._client = client
        self._collection = collection
        self._name = name
        self._is_local = isinstance(getattr(client, "_client", None), QdrantLocal)
        self._local = threading.RLock()  # the local mode is not made for threads
        self._indexed: set[str] = set()
        self._models = models
        self.models = Models(
            models.Filter,
            models.FieldCondition,
            models.MatchAny,
            lambda values: models.MatchExcept(**{"except": values}),
            models.Range,
        )

    def describe(self) -> tuple[bool, Any]:
        """Whether the collection is there, and what `create` said of it."""
        with self._told():
            if not self._client.collection_exists(self._collection):
                return False, None
            about = self._client.get_collection(self._collection)
        self._indexed = set(about.payload_schema or ())
        return True, (about.config.metadata or {}).get("ragnb")

    def create(self, info: IndexInfo, description: msgspec.Struct) -> None:
        """Make the collection."""
        models = self._models
        dense = models.VectorParams(size=info.dimensions, distance=models.Distance.DOT)
        with self._told():
            self._client.create_collection(
                self._collection,
                vectors_config={"dense": dense},
                sparse_vectors_config={"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)},
                metadata={"ragnb": msgspec.to_builtins(description)},
            )

    def upsert(self, points: Sequence[Point]) -> None:
        """Returns when the points can be searched."""
        made = []
        for point in points:
            vectors: dict[str, Any] = {}
            if point.vector is not None:
                vectors["dense"] = point.vector.tolist()
            if point.terms is not None:
                vectors["bm25"] = self._sparse(point.terms)
            made.append(self._models.PointStruct(id=str(point.id), vector=vectors, payload=point.payload))
        with self._told():
            self._client.upsert(self._collection, points=made, wait=True)

    def delete(self, ids: Sequence[UUID]) -> None:
        self._delete(self._models.PointIdsList(points=[str(one) for one in ids]))

    def delete_where(self, where: Any) -> None:
        self._delete(self._models.FilterSelector(filter=where))

    def unset(self, field: str, where: Any) -> None:
        """Take a field out of the payload of points."""
        with self._told():
            self._client.delete_payload(self._collection, keys=[field], points=where, wait=True)

    def retrieve(self, ids: Sequence[UUID], with_vectors: bool = False) -> list[Found]:
        """The points that are there of these, in any order."""
        wanted = ["dense"] if with_vectors else False
        with self._told():
            records = self._client.retrieve(
                self._collection, [str(one) for one in ids], with_payload=True, with_vectors=wanted
            )
        return [Found(one.payload, one.vector["dense"] if with_vectors else ()) for one in records]

    def scroll(self, where: Any) -> Iterator[Found]:
        """All points of a filter."""
        offset = None
        while True:
            with self._told():
                records, offset = self._client.scroll(
                    self._collection, scroll_filter=where, limit=_PAGE, offset=offset
                )
            yield from (Found(record.payload) for record in records)
            if offset is None:
                return

    def count(self, where: Any) -> int:
        """The number of points of a filter."""
        with self._told():
            return int(self._client.count(self._collection, count_filter=where, exact=True).count)

    def query(
        self, vector: Vectors, terms: TermWeights, where: Any, depth: int, limit: int
    ) -> list[tuple[dict[str, Any], float]]:
        """See `Engine.query`."""
        models = self._models
        wanted: list[tuple[str, Any]] = [("dense", vector.tolist())]
        if terms.terms:
            wanted.append(("bm25", self._sparse(terms)))
        prefetches = [
            models.Prefetch(query=query, using=using, filter=where, limit=depth) for using, query in wanted
        ]
        with self._told():
            found = self._client.query_points(
                self._collection,
                prefetch=prefetches,
                query=models.FusionQuery(fusion=models.Fusion.DBSF),
                limit=limit,
                with_payload=["chunk"],
            )
        return [(one.payload["chunk"], float(one.score)) for one in found.points]

    def index(self, fields: Mapping[str, Kind | str]) -> None:
        """Make the payload indexes that are not there. The local mode has none."""
        for field, kind in fields.items():
            if self._is_local or field in self._indexed:
                continue
            types = {"text": "keyword", "integer": "integer", "number": "float", "date": "float"}
            with self._told():
                self._client.create_payload_index(
                    self._collection, field, field_schema=types[kind], wait=True
                )
            self._indexed.add(field)

    def _delete(self, selector: Any) -> None:
        with self._told():
            self._client.delete(self._collection, points_selector=selector, wait=True)

    def _sparse(self, terms: TermWeights) -> Any:
        return self._models.SparseVector(indices=terms.terms, values=terms.weights)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns what the client raises into a sentence. The key is never in it."""
        from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        try:
            if self._is_local:
                with self._local:
                    yield
            else:
                yield
        except ResponseHandlingException as error:
            raise ConfigurationError(
                f"The Qdrant server {self._name} does not answer: {error.source}.",
                "Start it, or check the address (http://host:6333) and the network.",
            ) from error
        except UnexpectedResponse as error:
            if error.status_code in (401, 403):
                raise ConfigurationError(
                    f"The Qdrant server {self._name} refuses the API key.",
                    "Set the environment variable QDRANT_API_KEY, or pass api_key=….",
                ) from None
            raise ConfigurationError(
                f"The Qdrant server {self._name} refused a request: {error.status_code} "
                f"{error.reason_phrase}, {error.content[:300].decode(errors='replace')}.",
                "Check that it is Qdrant 1.16 or later, and its own log.",
            ) from error
        except ResourceExhaustedResponse as error:
            raise ConfigurationError(
                f"The Qdrant server {self._name} has no room for more requests now.", "Try again later."
            ) from error
