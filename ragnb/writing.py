"""What is out of an answer while it is written, by one model or by several in turn."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from ragnb.citations import MarkerReader
from ragnb.documents import Hit
from ragnb.events import AnyEvent, Cited, Kept, Quote, Routed, Token, Used
from ragnb.llms.base import LLM, Citation, Cursor, Partial
from ragnb.sentences import is_ended, sentences


class Written:
    """The text so far, its citations, and where its provider keeps it.

    ``length`` is in characters, ``tokens`` the number of pieces, which is about that of tokens;
    ``accounted`` is the length up to which a log says what it cost. ``block`` is where the open block
    begins whose citations are to come, None where there is none.
    """

    def __init__(self, passages: Sequence[Hit]) -> None:
        self.length = 0
        self.tokens = 0
        self.accounted = 0
        self.cursor: Cursor | None = None
        self.block: int | None = None
        self._cut: int | None = None
        self._has_blocks = self._had_blocks = False
        self._passages = passages
        self._pieces: list[str] = []
        self._model = ""
        self._ids: list[int] | None = []  # None once a piece came without
        self._markers: MarkerReader | None = None
        self._cited: set[tuple[int, int, int, int, int]] = set()
        self.owed: list[Cited] = []  # certain by its text, and not told

    @classmethod
    def of(cls, log: Iterable[AnyEvent], passages: Sequence[Hit], marking: Collection[str]) -> Written:
        """What a log says is out, to be gone on with; ``marking`` are models known to write their citations
        into the text.

        The log may end between a piece of the text and a citation that it made certain: see `owed`.
        """
        out = cls(passages)
        kept = ""
        for event in log:
            match event:
                case Routed(model=model):
                    out._is_by(model, model not in marking)
                case Kept(id=kept):
                    # Of a continuation the provider has also what repeats the text: until that is left out,
                    # it is no place to go on from.
                    out.cursor = None if out.length else Cursor(kept)
                case Token(text=text, position=position, ids=ids):
                    if kept and position is not None:
                        out.cursor = Cursor(kept, position)
                    out.counted(ids)
                    out.owed = out.add(text)
                case Cited():
                    out.owed = [owed for owed in out.owed if owed.marker != event.marker]
                    out._cited |= {
                        (event.start, event.end, quote.number, quote.start, quote.end)
                        for quote in event.quotes
                    }
                case Used():
                    out.accounted = out.length
        return out

    @property
    def model(self) -> str:
        """The name of the model that wrote last, empty if none has."""
        return self._model

    @property
    def is_empty(self) -> bool:
        """Whether nothing is out, and nothing is kept by a provider."""
        return not self.length and self.cursor is None

    @property
    def text(self) -> str:
        self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    def partial(self) -> Partial:
        """What another attempt needs to go on."""
        return Partial(
            self.text, self.tokens, self._model, self.cursor, self.block, ids=tuple(self._ids or ())
        )

    def turn_to(self, llm: LLM) -> None:
        """This model goes on."""
        self._is_by(llm.name, llm.citing)

    def _is_by(self, model: str, is_citing: bool) -> None:
        if model != self._model:
            self.cursor = None
            self._ids = None if self.length else []
        self._model = model
        if not is_citing:
            self.block, self._has_blocks = None, False
        self._cut, self._had_blocks = self.block, self._has_blocks
        if is_citing:
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
            said, start = start, self._beginning(start, end, seam)
            if self._cut is not None and self._cut < end <= seam and not self.text[end:seam].strip():
                self._cut, self._had_blocks = None, True  # it was whole: what comes next is another block
            if end <= seam and self._is_out(said, citation):
                return []
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
