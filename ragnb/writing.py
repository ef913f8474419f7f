"""What is out of an answer while it is written, by one model or by several in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ragnb.citations import MarkerReader
from ragnb.documents import Hit
from ragnb.events import Cited, Quote
from ragnb.llms.base import LLM, Citation, Cursor, Partial
from ragnb.sentences import sentences


class Written:
    """The text so far, its citations, and where its provider keeps it.

    ``length`` is in characters, ``tokens`` the number of pieces, which is about that of tokens.
    """

    def __init__(self, passages: Sequence[Hit]) -> None:
        self.length = 0
        self.tokens = 0
        self.cursor: Cursor | None = None
        self._passages = passages
        self._pieces: list[str] = []
        self._model = ""
        self._ids: list[int] | None = []  # None once a piece came without
        self._markers: MarkerReader | None = None
        self._cited: set[tuple[int, int, int]] = set()

    @property
    def text(self) -> str:
        self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    def partial(self) -> Partial:
        """What another attempt needs to go on."""
        return Partial(self.text, self.tokens, self._model, self.cursor, ids=tuple(self._ids or ()))

    def turn_to(self, llm: LLM) -> None:
        """This model goes on."""
        if llm.name != self._model:
            self.cursor = None
            self._ids = None if self.length else []
        self._model = llm.name
        if llm.citing:
            self._markers = None
        elif self._markers is None:
            self._markers = MarkerReader(self._passages)
            self._markers.feed(self.text)  # the claim of the next marker may begin before it

    def moved(self, position: int | None) -> int | None:
        """The provider's own count of what it sent, None where it does not keep it."""
        if self.cursor is None:
            return None
        if position is not None:
            self.cursor = replace(self.cursor, position=position)
        return position

    def counted(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        """The ids of the piece that comes next; none from where they are not those of the whole text."""
        if not ids:
            self._ids = None
        if self._ids is None:
            return ()
        self._ids += ids
        return ids

    def add(self, text: str) -> list[Cited]:
        """A piece of the answer; what became a citation by it."""
        self.length += len(text)
        self.tokens += 1
        self._pieces.append(text)
        return [] if self._markers is None else self._markers.feed(text)

    def close(self) -> list[Cited]:
        """The citations that the end made certain."""
        return [] if self._markers is None else self._markers.close()

    def cite(self, citation: Citation, shift: int, seam: int) -> list[Cited]:
        """A citation that the model reports, its places counted from ``shift``; none if it is out already.

        One that begins at the seam, or in the last words said again before it, belongs to the whole
        sentence that was cut there.
        """
        start, end = max(0, citation.start + shift), citation.end + shift
        if seam and not self.text[seam:start].strip():
            start = self._sentence(start, end)
        if end <= start or (start, end, citation.number) in self._cited:
            return []
        self._cited.add((start, end, citation.number))
        chunk = self._passages[citation.number - 1].chunk
        quoted = slice(citation.quote_start, citation.quote_end)
        quote = Quote(citation.number, chunk.id, quoted.start, quoted.stop, chunk.text[quoted])
        marker = citation.marker and (citation.marker[0] + shift, citation.marker[1] + shift)
        return [Cited(start=start, end=end, marker=marker, quotes=(quote,))]

    def _sentence(self, start: int, end: int) -> int:
        """Where the sentence begins that goes on at ``start``, after what is cited before it."""
        after = max((cited for _, cited, _ in self._cited if cited <= start and cited < end), default=0)
        spans = sentences(self.text[after:end])
        return min(start, after + spans[-1][0]) if spans else start
