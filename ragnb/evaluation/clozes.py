"""Questions made of the documents' own words, where no model writes them: gaps in sentences, cells of
tables, names of sections.

They repeat words of the passage, and so flatter a search by words: better as a beginning than as they are.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from ragnb.documents import Chunk, Hit
from ragnb.evaluation.gold import source
from ragnb.evaluation.questions import Gold, Question
from ragnb.llms.extractive_candidates import Candidate, candidates, leans_back

_GAP = "____"
_WORDS = range(8, 36)  # of a sentence that stands for itself
_SECTION = 0.25  # share of passages with a heading that are asked for by it
_TOKEN = re.compile(r"[^\W\d_]+(?:[-’'][^\W\d_]+)*")
_FIGURE = re.compile(
    r"(?<![\w.,:-])\d[\d.,:]*\d(?:\s?%|\b)|(?<![\w.,:-])\d(?:\s?%|\b)|"
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|ninety|"
    r"hundred|half|twice)\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<=[\w,;] )[A-ZÅÄÖÆØ][\w’-]+(?: [A-ZÅÄÖÆØ][\w’-]+)*")
_CODE = re.compile(r"[`{}<>=]|https?:|\\")


def propose(passages: Sequence[Chunk], draw: random.Random) -> Iterator[Question]:
    """At most one question a passage, in their order. ``id`` is left empty."""
    seen = _where(passages)
    common = Counter(word for chunk in passages for word in set(_words(chunk.text)))
    for chunk in passages:
        options = [one for one in candidates([Hit(chunk, 1.0)]) if len(seen[_frame(one.text)]) == 1]
        proposed = _of_section(chunk, options) if draw.random() < _SECTION else None
        proposed = proposed or _of_table(chunk, options, draw) or _of_sentence(chunk, options, common)
        if proposed is not None:
            yield proposed


def _where(passages: Sequence[Chunk]) -> dict[frozenset[str], set[str]]:
    """The documents that hold a sentence, figures apart: what two documents say of each has no one
    answer."""
    found: defaultdict[frozenset[str], set[str]] = defaultdict(set)
    for chunk in passages:
        for one in candidates([Hit(chunk, 1.0)]):
            found[_frame(one.text)].add(source(chunk))
    return found


def _frame(text: str) -> frozenset[str]:
    return frozenset(_words(_FIGURE.sub(" ", text)))


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _TOKEN.findall(text)]


def _of_section(chunk: Chunk, options: Sequence[Candidate]) -> Question | None:
    headings = [heading for heading in chunk.locator.heading if heading != chunk.title]
    first = next((one for one in options if _stands_alone(one)), None)
    if not headings or first is None or not chunk.title:
        return None
    asked = f"What does “{chunk.title}” say about “{headings[-1]}”?"
    return _question("section", asked, " ".join(first.text.split()), chunk, first)


def _of_table(chunk: Chunk, options: Sequence[Candidate], draw: random.Random) -> Question | None:
    """What a cell holds, by the names of its row and its column."""
    rows = []
    for one in options:
        columns, cells = _cells(one.header.partition("\n")[0]), _cells(one.text)
        if one.header and len(columns) == len(cells) > 1 and cells[0] and cells[0].casefold() != "total":
            rows += [
                (one, cells[0], column, cell) for column, cell in zip(columns[1:], cells[1:], strict=True)
            ]
    rows = [row for row in rows if row[2] and any(letter.isalnum() for letter in row[3])]
    if not rows:
        return None
    one, row, column, cell = draw.choice(rows)
    place = f"In “{chunk.title}”: what" if chunk.title else "What"
    return _question("table", f"{place} is “{column}” of {row}?", cell, chunk, one)


def _of_sentence(chunk: Chunk, options: Sequence[Candidate], common: Counter[str]) -> Question | None:
    """The sentence with the best gap: a figure, else a name, else its rarest word."""
    best: tuple[float, Candidate, re.Match[str]] | None = None
    for one in filter(_stands_alone, options):
        text = one.text
        figures, names = list(_FIGURE.finditer(text)), list(_NAME.finditer(text))
        words = [word for word in _TOKEN.finditer(text) if len(word[0]) > 4]
        rarest = min(words, key=lambda word: (common[word[0].casefold()], -len(word[0])), default=None)
        gaps = [(2.0, gap) for gap in figures[:1]] + [(1.0, gap) for gap in names[:1]]
        gaps += [(0.0, rarest)] if rarest else []
        if gaps and (best is None or gaps[0][0] > best[0]):
            best = (gaps[0][0], one, gaps[0][1])
    if best is None:
        return None
    _, one, gap = best
    text = " ".join(f"{one.text[: gap.start()]}{_GAP}{one.text[gap.end() :]}".split())
    return _question("cloze", f"What belongs in the gap: “{text}”", gap[0], chunk, one)


def _stands_alone(one: Candidate) -> bool:
    """Whether it is a sentence that can be understood by itself."""
    is_prose = not (one.is_row or one.is_item or one.is_introduction or _CODE.search(one.text))
    is_whole = one.text[:1].isupper() and one.text.endswith((".", "!"))
    return is_prose and is_whole and len(_words(one.text)) in _WORDS and not leans_back(one)


def _question(kind: str, asked: str, answer: str, chunk: Chunk, one: Candidate) -> Question:
    gold = Gold(source(chunk), one.text)
    return Question(id="", kind=kind, question=asked, answer=answer, gold=(gold,), answerable=True)


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")] if row else []
