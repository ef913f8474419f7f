"""The seam: where a continuation meets the text that is out already.

Evidence decides what of the continuation is new. “words words” may be an echo or the model's own
repetition, so what counts depends on how the continuation was asked for.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import assert_never

from ragnb.resumption import evidence

_PATIENCE = 160  # characters of a continuation in which the last words are looked for


class Trust(Enum):
    """What is known of a continuation before it is read."""

    CURSOR = auto()
    """The provider counts what it sent: nothing is repeated."""
    PROTOCOL = auto()
    """The provider continues the text that it was sent: it may repeat that as a whole, and white space
    at its end may be said once more or not at all."""
    ANCHOR = auto()
    """The model was asked to begin with the last words verbatim."""
    EVIDENCE = auto()
    """Nothing was agreed: only a repeat that cannot be chance is one."""
    REPLAY = auto()
    """What is out beyond the text that was sent comes again, the same."""


class DivergedError(Exception):
    """What was to come again the same came otherwise."""


class Seam:
    """Joins a continuation to a text, piece by piece.

    ``feed`` takes the next piece and returns what of it is certainly new, ``close`` the end; ``trimmed``
    counts the characters that were not, once ``is_settled``. From then on pieces pass as they are.

    Parameters
    ----------
    text
        What is out already.
    sent
        The text that the model was given to continue: ``text``, or less white space at its end; of a
        replay what comes before that, by default nothing.
    anchor
        The last words, as they were asked for. See `ragnb.resumption.evidence.anchor`.
    echoes
        Whether the provider is known to repeat what it was sent; else only one that tells counts.
    """

    def __init__(
        self, text: str, trust: Trust, *, sent: str | None = None, anchor: str = "", echoes: bool = False
    ) -> None:
        self._text = text
        self._trust = trust
        self._sent = sent if sent is not None else "" if trust is Trust.REPLAY else text
        self._unsent = text[len(self._sent) :]
        self._anchor = anchor
        self._echoes = bool(self._sent) and (echoes or evidence.telling(self._sent))
        self._held = ""
        self.is_settled = False
        self.trimmed = 0

    def feed(self, piece: str) -> str:
        """What is certainly new. Raises `DivergedError` where a replay differs."""
        if self.is_settled:
            return piece
        self._held += piece
        return self._settle(complete=False)

    def close(self) -> str:
        """What was held back and is new after all."""
        return "" if self.is_settled else self._settle(complete=True)

    def _settle(self, *, complete: bool) -> str:
        repeated = self._repeated(complete) if self._held or complete else None
        if repeated is None:
            return ""
        self.is_settled, self.trimmed = True, repeated
        new, self._held = self._held[repeated:], ""
        return new

    def _repeated(self, complete: bool) -> int | None:
        """How many characters of what is held are not new, None while that is open."""
        match self._trust:
            case Trust.CURSOR:
                return 0
            case Trust.PROTOCOL:
                return self._by_protocol(complete)
            case Trust.ANCHOR:
                return self._by_anchor(complete)
            case Trust.EVIDENCE:
                return self._by_evidence(complete)
            case Trust.REPLAY:
                return self._by_replay(complete)
            case _:
                assert_never(self._trust)

    def _by_protocol(self, complete: bool) -> int | None:
        if self._echoes:
            if self._held.startswith(self._sent):
                return self._after_space(len(self._sent), complete)
            if not complete and self._sent.startswith(self._held):
                return None
        return self._after_space(0, complete)

    def _by_anchor(self, complete: bool) -> int | None:
        held = self._held
        if not self._anchor:
            return self._after_space(0, complete)
        for found in evidence.finds(self._anchor, held):
            if self._is_before_the_anchor(held[: found.start()]):
                return self._after_space(found.end(), complete)
        if complete or (len(held) > _PATIENCE + len(self._anchor) and held.lstrip() not in self._text):
            return self._without_agreement(complete)
        return None

    def _is_before_the_anchor(self, said: str) -> bool:
        """Whether this is nothing new: a preamble, quotation marks, what comes before the last words in the
        text. After anything else these words are the answer's own, which says them again."""
        said = said[evidence.preamble(said) :]
        earlier = self._sent[: self._sent.rfind(self._anchor)]
        return evidence.is_wrapping(said) or evidence.ends_with(earlier, said)

    def _by_evidence(self, complete: bool) -> int | None:
        start = evidence.preamble(self._held)
        rest = self._held[start:]
        if not complete and rest in self._text:
            return None  # it may yet go on to the end of the text
        return self._without_agreement(complete)

    def _without_agreement(self, complete: bool) -> int | None:
        start = evidence.preamble(self._held)
        rest = self._held[start:]
        if repeated := evidence.overlap(self._text, rest):
            return start + repeated
        return self._after_space(start + evidence.overlap(self._sent, rest), complete)

    def _by_replay(self, complete: bool) -> int | None:
        again = self._unsent
        if self._held and not self._held[0].isspace():
            again = again.lstrip()  # what was sent ends before white space, which models drop
        if self._held.startswith(again):
            return len(again)
        if not again.startswith(self._held) or complete:
            raise DivergedError
        return None

    def _after_space(self, start: int, complete: bool) -> int | None:
        """Leave out white space that is out already but was not sent."""
        held, space = self._held, self._unsent
        if not space:
            return start
        end = start
        while end < len(held) and held[end].isspace():
            end += 1
        said = held[start:end]
        if said.startswith(space):
            return start + len(space)
        if space.startswith(said):
            return None if end == len(held) and not complete else end
        repeated = next(n for n in range(len(said), -1, -1) if space.endswith(said[:n]))
        return start + repeated
