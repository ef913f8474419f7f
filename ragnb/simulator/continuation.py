"""How the simulated model goes on with an answer that was broken off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never


@dataclass(frozen=True, slots=True)
class Exact:
    """It goes on where the partial answer ends, or begins with the anchor if it was asked to."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """It first says the last ``characters`` of the partial answer again, anchor or not."""

    characters: int


@dataclass(frozen=True, slots=True)
class RepeatAll:
    """It says the whole partial answer again, and goes on."""


@dataclass(frozen=True, slots=True)
class NoAnchor:
    """It goes on where the partial answer ends, although it was asked to begin with an anchor."""


@dataclass(frozen=True, slots=True)
class SwallowSpace:
    """The white space with which it would begin is missing."""


@dataclass(frozen=True, slots=True)
class AddSpace:
    """It begins with white space that does not belong to the answer."""

    space: str = " "


@dataclass(frozen=True, slots=True)
class Preamble:
    """It begins with words to the reader."""

    words: str = "Sure, continuing: "


Continuation = Exact | Repeat | RepeatAll | NoAnchor | SwallowSpace | AddSpace | Preamble
Continuations = Continuation | tuple[Continuation, ...]
"""One way to go on, or several at once in the order in which they are seen on the wire:
``(Preamble(), Repeat(5))`` is the preamble, then the last five characters, then the rest."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How a continuation begins: words before the rest of the answer, and whether white space at
    the front of that rest is missing."""

    words: str = ""
    strip_rest: bool = False


def opening(how: Continuations, partial: str, anchor: str) -> Opening:
    """How a continuation of ``partial`` begins. ``anchor`` is what it was asked to begin with."""
    ways: Sequence[Continuation] = how if isinstance(how, tuple) else (how,)
    words, strip_rest = anchor, False
    for way in reversed(ways):
        match way:
            case Exact():
                pass
            case Repeat(characters):
                words = partial[max(0, len(partial) - characters) :]
            case RepeatAll():
                words = partial
            case NoAnchor():
                words = ""
            case SwallowSpace():
                words = words.lstrip()
                strip_rest = strip_rest or not words
            case AddSpace(space):
                words = space + words
            case Preamble(preamble):
                words = preamble + words
            case _:
                assert_never(way)
    return Opening(words, strip_rest)
