"""Citations while the answer streams: markers are recognised, and tied to the words that support them.

A model writes ``[n]`` after what it says. The marker may arrive in pieces, stand in code (where it
is an index), be a link, or name a passage that was never given; none of these is a citation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragnb.documents import Hit
from ragnb.events import Cited, Quote
from ragnb.sentences import sentences

# [1], [1, 2], [source 3], 【4】, 【4†L1-L9】
_MARKER = re.compile(
    r"[\[【]\s*(?:(?:source|passage)\s+)?(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\s*(?:†[^\]】\n]{0,40})?[\]】]",
    re.IGNORECASE,
)
_UNFINISHED = re.compile(r"[\[【][^\[【\]】\n]{0,60}\Z")
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_BULLET = re.compile(r"\s*(?:[-*+•]\s+|\d{1,3}[.)]\s+|#{1,6}\s+|>\s*)*")
_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+")
_STEM = 6  # characters of a word that are compared: endings differ, beginnings seldom


class MarkerReader:
    """Reads an answer as it streams and tells each citation once it is certain.

    ``feed`` takes the next piece of text, ``close`` the end of it; both return the citations that
    became certain. Offsets are in characters of all text fed so far, ``offset`` included.
    """

    def __init__(self, passages: Sequence[Hit], offset: int = 0) -> None:
        self._passages = passages
        self._paragraph = ""  # what has been read since the last blank line
        self._start = offset  # where that paragraph starts in the answer
        self._searched = 0  # how far markers have been looked for in it
        self._in_fence = False  # whether it starts inside a code fence
        self._last: Cited | None = None

    def feed(self, text: str) -> list[Cited]:
        self._paragraph += text
        if "[" not in text and "【" not in text and self._searched == len(self._paragraph) - len(text):
            self._searched = len(self._paragraph)
            found: list[Cited] = []
        else:
            found = self._search(complete=False)
        self._forget_finished_paragraphs()
        return found

    def close(self) -> list[Cited]:
        return self._search(complete=True)

    def _search(self, *, complete: bool) -> list[Cited]:
        found: list[Cited] = []
        text = self._paragraph
        while match := _MARKER.search(text, self._searched):
            if match.end() == len(text) and not complete:
                self._searched = match.start()  # "[1" may still become "[1](address)"
                return found
            cited = self._cited(match)
            if cited is not None:
                self._last = cited
                found.append(cited)
            self._searched = match.end()
        unfinished = None if complete else _UNFINISHED.search(text, self._searched)
        self._searched = unfinished.start() if unfinished else len(text)
        return found

    def _cited(self, match: re.Match[str]) -> Cited | None:
        """The citation that a marker makes, None if it is none."""
        text = self._paragraph
        numbers = dict.fromkeys(int(number) for number in re.findall(r"\d+", match[1]))
        known = [number for number in numbers if 1 <= number <= len(self._passages)]
        line = text.rfind("\n", 0, match.start()) + 1
        follows = text[match.end() : match.end() + 1]
        is_link = follows == "(" or (follows == ":" and not text[line : match.start()].strip())
        if not known or is_link or self._in_code(match.start(), line):
            return None
        start, end = self._claim(match.start(), line)
        if start == end:
            return None
        claim = text[max(0, start - self._start) : max(0, end - self._start)]
        return Cited(
            start=start,
            end=end,
            quotes=tuple(quote(n, self._passages[n - 1], claim) for n in known),
            marker=(self._start + match.start(), self._start + match.end()),
        )

    def _claim(self, marker: int, line: int) -> tuple[int, int]:
        """The span of the answer that a marker closes: the sentence before it, without list bullets.

        Right after another marker it is the same as that one's; on a line of its own, the sentence above.
        Empty where there is none.
        """
        after = 0 if self._last is None or self._last.marker is None else self._last.marker[1] - self._start
        begin = max(line, after) if self._paragraph[line:marker].strip() else max(0, after)
        segment = self._paragraph[begin:marker]
        if not _WORD.search(segment):
            return (self._last.start, self._last.end) if self._last is not None else (0, 0)
        first, last = sentences(segment)[-1]
        bullet = _BULLET.match(segment, first, last)
        first = bullet.end() if bullet else first
        while first < last and segment[first] in ".,;:!? ":  # what the previous marker left over
            first += 1
        return self._start + begin + first, self._start + begin + last

    def _in_code(self, position: int, line: int) -> bool:
        fences = len(_FENCE.findall(self._paragraph, 0, position))
        if self._in_fence != bool(fences % 2):
            return True
        ticks = re.findall(r"`+", self._paragraph[line:position])
        return len(ticks) % 2 == 1

    def _forget_finished_paragraphs(self) -> None:
        """Keep only the paragraph under way, so that a long answer costs no more per token."""
        blank = self._paragraph.rfind("\n\n", 0, self._searched)
        if blank < 0:
            return
        done = self._paragraph[: blank + 2]
        if len(_FENCE.findall(done)) % 2:
            self._in_fence = not self._in_fence
        self._paragraph = self._paragraph[len(done) :]
        self._start += len(done)
        self._searched -= len(done)


def quote(number: int, hit: Hit, claim: str) -> Quote:
    """The sentence of the passage that supports the claim best, or the whole passage if no word of
    the claim is in it (as when the answer is in another language)."""
    text = hit.chunk.text
    spans = sentences(text)
    wanted = _stems(claim)
    scores = [_overlap(wanted, _stems(text[start:end])) for start, end in spans]
    best = max(range(len(spans)), key=scores.__getitem__, default=None)
    if best is None or scores[best] == 0:
        stripped = text.strip()
        start = text.find(stripped)
        end = start + len(stripped)
    else:
        start, end = spans[best]
    return Quote(number=number, chunk_id=hit.chunk.id, start=start, end=end, text=text[start:end])


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in _WORD.findall(text.casefold())}


def _overlap(claim: set[str], sentence: set[str]) -> float:
    """How much of the claim the sentence covers, less for what it says beside it. Long words and
    numbers count more: they carry the meaning."""
    shared = sum(_weight(word) for word in claim & sentence)
    beside = sum(_weight(word) for word in sentence - claim)
    return shared / (sum(map(_weight, claim)) + 0.25 * beside) if shared else 0.0


def _weight(word: str) -> float:
    return 4.0 if word[0].isdigit() else max(0.2, len(word) - 2.0)
