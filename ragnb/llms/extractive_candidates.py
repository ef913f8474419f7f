"""What an extractive answer may quote: the sentences, list items and table rows of the passages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import groupby

from ragnb.documents import Chunk, Hit
from ragnb.llms.extractive_terms import count_words, stems
from ragnb.sentences import sentences

_SMALL_TABLE = 8  # rows that a reader takes in at a glance
LIST_ITEM = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\s+")
_TABLE_RULE = re.compile(r"\|?[\s:|-]+\|[\s:|-]*\Z")
_LEANS_BACK = re.compile(
    r"(?:It|This|These|They|Those|That|He|She|Its|Their|Such|However|But|Otherwise|Then|Instead|There|"
    r"In (?:this|that|these|those|both|such) \w+|For (?:this|that|these|those) \w+|"
    r"The (?:same|latter|former))\b"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """The characters ``[start, end)`` of passage number ``passage`` (from 0). ``header`` is the two header
    lines of a row's table, where the passage has them."""

    passage: int
    start: int
    end: int
    text: str
    header: str = ""

    @property
    def is_row(self) -> bool:
        return self.text.startswith("|") or self.text.count("|") >= 2

    @property
    def is_item(self) -> bool:
        return LIST_ITEM.match(self.text) is not None

    @property
    def is_introduction(self) -> bool:
        return self.text.endswith(":")

    @property
    def spelled_out(self) -> str:
        """The text on one line; of a row, each cell with the name of its column; of several rows, what they
        are about: the columns, and the first cell of each."""
        if not self.is_row:
            return " ".join(self.text.split())
        rows = [_cells(line) for line in self.text.splitlines()]
        columns = _cells(self.header.partition("\n")[0])
        if len(rows) > 1:
            return f"{', '.join(columns)}: {', '.join(row[0] for row in rows)}"
        if len(columns) != len(rows[0]):
            return ", ".join(rows[0])
        return "; ".join(f"{column}: {cell}" for column, cell in zip(columns, rows[0], strict=True))


def candidates(passages: Sequence[Hit]) -> list[Candidate]:
    """What can be quoted, in the order of the passages; neither headers of tables nor code nor scraps."""
    return [one for number, hit in enumerate(passages) for one in _of_passage(number, hit.chunk)]


def tables_as_one(candidates: Sequence[Candidate], wanted: Set[str]) -> list[Candidate]:
    """The candidates, but a small table of which no row has a ``wanted`` stem as one: its heading may speak
    of the question, and then no row is a better answer than the others."""
    result: list[Candidate] = []
    for (_, header), group in groupby(candidates, key=lambda one: (one.passage, one.header)):
        rows = list(group)
        is_one = (
            header and len(rows) <= _SMALL_TABLE and not any(wanted & set(stems(row.text)) for row in rows)
        )
        result += [joined(rows)] if is_one else rows
    return result


def joined(rows: Sequence[Candidate]) -> Candidate:
    """Rows that stand one below the other, as one."""
    return replace(rows[0], end=rows[-1].end, text="\n".join(row.text for row in rows))


def leans_back(candidate: Candidate) -> bool:
    """Whether a sentence begins with a word that points to the one before it."""
    return _LEANS_BACK.match(candidate.text) is not None


def _of_passage(number: int, chunk: Chunk) -> Iterator[Candidate]:
    spans = sentences(chunk.text)
    texts = [chunk.text[start:end] for start, end in spans]
    header = ""
    for (start, end), text, following in zip(spans, texts, [*texts[1:], ""], strict=True):
        if _TABLE_RULE.match(following):
            header = f"{text}\n{following}\n"
        elif not _TABLE_RULE.match(text):
            candidate = Candidate(number, start, end, text, header if text.startswith("|") else "")
            header = candidate.header
            if _is_quotable(candidate):
                yield candidate


def _is_quotable(candidate: Candidate) -> bool:
    text = candidate.text
    if text.startswith(("```", "~~~")):
        return False
    words = count_words(text)
    end = text.rstrip("\"'”’»)]*_`")[-1:]
    is_sentence = words >= 8 or (words >= 2 and end in tuple(".!?…;:。！？"))
    return candidate.is_row or candidate.is_item or is_sentence


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")] if row else []
