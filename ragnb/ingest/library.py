"""What is in an index: its documents, listed and taken out; a passage's neighbours."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path

from msgspec import Struct

from ragnb.documents import Chunk, Hit, Scalar
from ragnb.embeddings.cache import CachedEmbeddings
from ragnb.errors import InvalidInputError
from ragnb.ingest.loaders import ARCHIVES
from ragnb.ingest.plan import matching
from ragnb.ingest.report import IngestReport
from ragnb.vectorstores.base import VectorStore

_SHOWN = 100


class Indexed(Struct, frozen=True):
    """A document in the index. ``name`` identifies the file there that it is, or that holds it."""

    name: str
    source: str
    title: str
    chunks: int
    metadata: dict[str, Scalar] = {}


class DocumentList(list[Indexed]):
    """The documents of an index, by name; displays itself as a table."""

    def __str__(self) -> str:
        lines = [
            f"{one.source} ({one.chunks} chunk{'s' * (one.chunks != 1)}): {one.title}"
            for one in self[:_SHOWN]
        ]
        more = [f"… and {len(self) - _SHOWN:,} more"] if len(self) > _SHOWN else []
        return "\n".join(lines + more) or "No documents."

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self:
            return "<div>No documents.</div>"
        names = sorted({name for one in self[:_SHOWN] for name in one.metadata if name in _COLUMNS})
        head = "".join(f"<th style='text-align:left'>{escape(n)}</th>" for n in ("source", "title", *names))
        rows = "".join(
            "<tr>"
            + "".join(
                f"<td style='text-align:left'>{escape(str(cell))}</td>"
                for cell in (one.source, one.title, *(one.metadata.get(name, "") for name in names))
            )
            + f"<td style='text-align:right'>{one.chunks:,}</td></tr>"
            for one in self[:_SHOWN]
        )
        more = f"<div>… and {len(self) - _SHOWN:,} more</div>" if len(self) > _SHOWN else ""
        return f"<table><tr>{head}<th>chunks</th></tr>{rows}</table>{more}"


_COLUMNS = ("author", "date", "format", "lang")


def documents(store: VectorStore) -> DocumentList:
    """The documents of an index, by name; those in an archive one by one."""
    found = DocumentList()
    for name, stored in sorted(store.documents().items()):
        if Path(name).suffix.lower() in ARCHIVES:
            of_source = itertools.groupby(store.chunks(name), key=lambda chunk: chunk.source)
            members = [list(chunks) for _, chunks in of_source]
            found += [_indexed(name, chunks[0], len(chunks)) for chunks in members]
        else:
            found += [_indexed(name, chunk, stored.chunks) for chunk in store.chunks(name, 0, 0)]
    return found


def _indexed(name: str, first: Chunk, chunks: int) -> Indexed:
    return Indexed(name, first.source or name, first.title, chunks, first.metadata)


def remove(
    store: VectorStore, embeddings: CachedEmbeddings, wanted: Sequence[str | Path], base: Path
) -> IngestReport:
    """Take documents out.

    Raises `InvalidInputError`, before anything is taken out, for what means no document of the index.
    """
    sources = {one.name: _file(one) for one in documents(store)}
    meant: dict[str, None] = {}
    for one in wanted:
        names = matching(one, sources, base)
        if not names:
            raise InvalidInputError(
                f"No document in the index is, or is below, {str(one)!r}.",
                "rag.documents() lists what is in.",
            )
        meant |= dict.fromkeys(names)
    for name in meant:
        with without_old_tokens(store, embeddings, name):
            store.remove(name)
    return IngestReport(removed=[sources[name] for name in meant])


@contextmanager
def without_old_tokens(store: VectorStore, embeddings: CachedEmbeddings, *names: str) -> Iterator[None]:
    """Around a change of documents: the token vectors of the passages that leave them leave the cache. If
    another document has the same passage, they are made again when they are needed."""

    def texts() -> set[str]:
        return {chunk.searched_text for name in names for chunk in store.chunks(name)}

    before = texts()
    yield
    if before:
        embeddings.forget_tokens(before - texts())


def _file(one: Indexed) -> str:
    """The source of the file that a document is, or is in."""
    suffix = Path(one.name).suffix
    is_member = suffix.lower() in ARCHIVES and not one.source.endswith(suffix)
    return one.source[: one.source.index(f"{suffix}/") + len(suffix)] if is_member else one.source


def surroundings(store: VectorStore, passage: Chunk | Hit, before: int, after: int) -> list[Chunk]:
    """A passage between its neighbours, of the same source, in order."""
    chunk = passage.chunk if isinstance(passage, Hit) else passage
    around = store.chunks(chunk.document, max(0, chunk.position - before), chunk.position + after)
    return [one for one in around if one.source == chunk.source]
