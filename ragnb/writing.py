"""What is out of an answer while it is written, by one model or by several in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ragnb.citations import MarkerReader
from ragnb.documents import Hit
from ragnb.events import Cited, Quote
from ragnb.llms.base import LLM, Citation, Cursor, Partial
from ragnb.sentences import is_ended, sentences


class Written:
    """The text so far, its citations, and where its provider keeps it.

    ``length`` is in characters, ``tokens`` the number of pieces, which is about that of tokens. ``block``
    is where the open block begins whose citations are to come, None where there is none.
    """

    def __init__(self, passages: Sequence[Hit]) -> None:
        self.length = 0
        self.tokens = 0
        self.cursor: Cursor | None = None
        self.block: int | None = None
        self._cut: int | None = None
        self._has_blocks = self._had_blocks = False
        self._passages = passages
        self._pieces: list[str] = []
        self._model = ""
        self._markers: MarkerReader | None = None
        self._cited: set[tuple[int, int, int, int, int]] = set()

    @property
    def text(self) -> str:
        self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    def partial(self) -> Partial:
        """What another attempt needs to go on."""
        return Partial(self.text, self.tokens, self._model, self.cursor, self.block)

    def turn_to(self, llm: LLM) -> None:
        """This model goes on."""
        if llm.name != self._model:
            self.cursor = None
        self._model = llm.name
        if not llm.citing:
            self.block, self._has_blocks = None, False
        self._cut, self._had_blocks = self.block, self._has_blocks
        if llm.citing:
            self._markers = None
        elif self._markers is None:
            self._markers = MarkerReader(self._passages)
            self._markers.feed(self.text)  # the claim of the next marker may begin before it

    def moved(self, position: int | None) -> None:
        """The provider's own count of what it sent."""
        if self.cursor is not None and position is not None:
            self.cursor = replace(self.cursor, position=position)

    def add(self, text: str) -> list[Cited]:
        """A piece of the answer; what became a citation by it."""
        self.length += len(text)
        self.tokens += 1
        self._pieces.append(text)
        return [] if self._markers is None else self._markers.feed(text)

    def close(self) -> list[Cited]:
        """The citations that the end made certain."""
        return [] if self._markers is None else self._markers.close()

    def begin(self, start: int, seam: int, *, is_cited: bool) -> None:
        """A block begins. The one that was cut goes on with the first one after the seam."""
        self._has_blocks = True
        if not is_cited:
            self.block = None
        elif self._cut is None or start > seam or is_ended(self.text[self._cut : seam]):
            self.block = max(0, start)
        else:
            self.block = self._cut

    def cite(self, citation: Citation, shift: int, seam: int) -> list[Cited]:
        """A citation that the model reports, its places counted from ``shift``; none if it is out already.

        One that begins at the seam, or in the last words said again before it, belongs to all of the block,
        or the sentence, that was cut there.
        """
        start, end = max(0, citation.start + shift), citation.end + shift
        if seam and not self.text[seam:start].strip():
            if end <= seam and self._is_out(start, citation):
                return []
            start = self._beginning(start, end, seam)
        place = (start, end, citation.number, citation.quote_start, citation.quote_end)
        if end <= start or place in self._cited:
            return []
        self._cited.add(place)
        chunk = self._passages[citation.number - 1].chunk
        quoted = slice(citation.quote_start, citation.quote_end)
        quote = Quote(citation.number, chunk.id, quoted.start, quoted.stop, chunk.text[quoted])
        marker = citation.marker and (citation.marker[0] + shift, citation.marker[1] + shift)
        return [Cited(start=start, end=end, marker=marker, quotes=(quote,))]

    def _is_out(self, start: int, citation: Citation) -> bool:
        """Whether words that were only said again have this citation already."""
        quoted = (citation.number, citation.quote_start, citation.quote_end)
        return any(begin <= start < end for begin, end, *same in self._cited if tuple(same) == quoted)

    def _beginning(self, start: int, end: int, seam: int) -> int:
        """Where the block begins that goes on at ``start``; where no provider said so, the sentence."""
        if self._cut is None:
            return start if self._had_blocks else self._sentence(start, end)
        block = self._cut
        if start <= block:
            return start
        spans = [(block + first, block + last) for first, last in sentences(self.text[block:end])]
        between = [(last, first) for (_, last), (first, _) in pairwise(spans)]
        is_another = start >= seam and any(last <= seam <= start <= first for last, first in between)
        return start if is_another else block

    def _sentence(self, start: int, end: int) -> int:
        """Where the sentence begins that goes on at ``start``, after what is cited before it."""
        after = max((cited for _, cited, *_ in self._cited if cited <= start and cited < end), default=0)
        spans = sentences(self.text[after:end])
        return min(start, after + spans[-1][0]) if spans else start
