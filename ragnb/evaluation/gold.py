"""Where the gold quotes of a question stand in the index."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import PurePosixPath

from ragnb.documents import Chunk, Hit
from ragnb.evaluation.questions import Question
from ragnb.ingest import library
from ragnb.vectorstores.base import VectorStore

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``[start, end)`` of a chunk's text."""

    chunk_id: str
    start: int
    end: int

    def supports(self, other: Span) -> bool:
        """Whether the two share half of the shorter one, or more."""
        shared = min(self.end, other.end) - max(self.start, other.start)
        shorter = min(self.end - self.start, other.end - other.start)
        return self.chunk_id == other.chunk_id and shorter > 0 and 2 * shared >= shorter


@dataclass(frozen=True, slots=True)
class Located:
    """The gold of a question in the index.

    ``quotes`` are the places of each gold quote, as it may stand more than once; none where the gold is
    whole documents. ``units`` say of each relevant chunk (or document) which piece of gold it is; chunks
    that hold the same gold are one, and finding one of them is finding it. ``grades`` are those of the
    units. ``missing`` names, with the reason, what is not in the index.
    """

    quotes: tuple[tuple[Span, ...], ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    grades: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether there is gold, and all of it is in the index."""
        return bool(self.grades) and not self.missing

    def ranking(self, hits: Sequence[Hit]) -> list[str]:
        """What was found, best first: the gold by its units, what else there is by its own name.

        Passages of a document that is gold as a whole count once, at the first of them.
        """
        if not self.quotes:
            sources = dict.fromkeys(source(hit.chunk) for hit in hits)
            return [self.units.get(one, one) for one in sources]
        found: dict[str, None] = {}
        for hit in hits:
            unit = self.units.get(hit.chunk.id, hit.chunk.id)
            found.setdefault(hit.chunk.id if unit in found else unit)
        return list(found)


def source(chunk: Chunk) -> str:
    """What a chunk's document is called; one in an archive has a name of its own."""
    return chunk.source or chunk.document


class Locator:
    """Finds gold in an index."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store
        self._chunks = lru_cache(maxsize=64)(self._read)

    def locate(self, question: Question) -> Located:
        """Where the question's gold is. A quote is found by its words alone, whatever stands between them,
        and also where it runs from one chunk into the next."""
        missing: list[str] = []
        spans: list[tuple[Span, ...]] = []
        keys: list[tuple[tuple[str, ...], int]] = []
        is_quoted = bool(question.gold) and all(gold.quote for gold in question.gold)
        for gold in question.gold:
            found = self._document(gold.document)
            if isinstance(found, str):
                missing.append(found)
                continue
            places = find(gold.quote, self._chunks(*found)) if is_quoted else ()
            if is_quoted and not places:
                missing.append(f"{gold.document} has not the words “{_short(gold.quote)}”")
                continue
            spans.append(places)
            keys.append((tuple(dict.fromkeys(span.chunk_id for span in places)) or (found[1],), gold.grade))
        units, grades = _units(keys)
        return Located(tuple(spans) if is_quoted else (), units, grades, tuple(missing))

    def _document(self, name: str) -> tuple[str, str] | str:
        """The document's name in the index and its source; a sentence where there is none, or several."""
        if name in self._names and _is_own_source(self._store, name):
            return name, name
        wanted = _parts(name)
        shared = [(_shared(wanted, _parts(origin)), stored, origin) for stored, origin in self._sources]
        most = max((count for count, _, _ in shared), default=0)
        best = [(stored, origin) for count, stored, origin in shared if count == most and most]
        exact = [(stored, origin) for stored, origin in best if _parts(origin) == wanted]
        if len(exact or best) == 1:
            return (exact or best)[0]
        if best:
            return f"{name} may be {' or '.join(origin for _, origin in best[:3])}"
        return f"{name} is not in the index"

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self._store.documents())

    @cached_property
    def _sources(self) -> list[tuple[str, str]]:
        return [(one.name, one.source) for one in library.documents(self._store)]

    def _read(self, name: str, origin: str) -> tuple[Chunk, ...]:
        return tuple(chunk for chunk in self._store.chunks(name) if source(chunk) == origin)


def find(quote: str, chunks: Sequence[Chunk]) -> tuple[Span, ...]:
    """Every place of a quote's words in the chunks of a document. Where no chunk holds all of them, the
    places in those that hold them together."""
    wanted = [word.casefold() for word in _WORD.findall(quote)]
    if not wanted:
        return ()
    there = [list(_WORD.finditer(chunk.text)) for chunk in chunks]
    alone = tuple(
        Span(chunk.id, words[at].start(), words[at + len(wanted) - 1].end())
        for chunk, words in zip(chunks, there, strict=True)
        for at in _places(wanted, [word[0].casefold() for word in words])
    )
    if alone:
        return alone
    flat = [(number, word) for number, words in enumerate(there) for word in words]
    found: list[Span] = []
    for at in _places(wanted, [word[0].casefold() for _, word in flat]):
        run = flat[at : at + len(wanted)]
        for number in dict.fromkeys(number for number, _ in run):
            words = [word for other, word in run if other == number]
            found.append(Span(chunks[number].id, words[0].start(), words[-1].end()))
    return tuple(found)


def _places(wanted: list[str], words: list[str]) -> Iterator[int]:
    for at in range(len(words) - len(wanted) + 1):
        if words[at] == wanted[0] and words[at : at + len(wanted)] == wanted:
            yield at


def _units(keys: list[tuple[tuple[str, ...], int]]) -> tuple[dict[str, str], dict[str, int]]:
    """Gold that shares a chunk becomes one unit."""
    units: dict[str, str] = {}
    for group, _ in keys:
        joined = {units[key] for key in group if key in units}
        name = min(joined, default=f"gold {group[0]}")
        units |= dict.fromkeys(group, name)
        units = {key: name if unit in joined else unit for key, unit in units.items()}
    graded: dict[str, int] = {}
    for group, grade in keys:
        graded[units[group[0]]] = max(grade, graded.get(units[group[0]], 0))
    return units, graded


def _is_own_source(store: VectorStore, name: str) -> bool:
    return all(source(chunk) == name for chunk in store.chunks(name, 0, 0))


def _parts(path: str) -> tuple[str, ...]:
    return tuple(
        part for part in PurePosixPath(path.replace("\\", "/")).parts if part not in (".", "..", "/")
    )


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many parts two paths share at their ends, if one is the end of the other; else 0."""
    shorter = min(len(one), len(other))
    return shorter if shorter and one[-shorter:] == other[-shorter:] else 0


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:59]}…"
