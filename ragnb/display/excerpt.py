"""The part of a passage that a saved notebook keeps: what is quoted, whole, in its surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ragnb.events import Quote

_WHOLE = 600  # characters of a passage that is kept as it is
_AROUND = 110  # before and after each quote of a longer one


def excerpt(text: str, quotes: Sequence[Quote]) -> list[tuple[str, bool]]:
    """The passage in pieces, and of each whether it is quoted. What is left out is told by an ellipsis.

    Quotes are in the order of their places.
    """
    pieces: list[tuple[str, bool]] = []
    position = 0  # how much of the passage is told
    for start, end, spans in _windows(text, _within(text, quotes)):
        if start > position:
            pieces.append((" … " if pieces else "… ", False))
        position = start
        for first, last in spans:
            pieces += [(text[position:first], False), (text[first:last], True)]
            position = last
        pieces.append((text[position:end], False))
        position = end
    if position < len(text):
        pieces.append((" …", False))
    return [piece for piece in pieces if piece[0]]


def _within(text: str, quotes: Sequence[Quote]) -> list[tuple[int, int]]:
    """The characters that are quoted, without overlaps."""
    spans: list[tuple[int, int]] = []
    for quote in quotes:
        start, end = max(quote.start, spans[-1][1] if spans else 0), min(quote.end, len(text))
        if start < end:
            spans.append((start, end))
    return spans


class _Window(NamedTuple):
    """Characters of the passage that are kept, and those of them that are quoted."""

    start: int
    end: int
    spans: list[tuple[int, int]]


def _windows(text: str, spans: list[tuple[int, int]]) -> list[_Window]:
    if len(text) <= _WHOLE:
        return [_Window(0, len(text), spans)]
    windows: list[_Window] = []
    for first, last in spans:
        start, end = _before(text, first), _after(text, last)
        if windows and start <= windows[-1].end:
            kept = windows.pop()
            kept.spans.append((first, last))
            windows.append(kept._replace(end=end))
        else:
            windows.append(_Window(start, end, [(first, last)]))
    return windows or [_Window(0, _after(text, _AROUND), [])]


def _before(text: str, first: int) -> int:
    """Where the surroundings of a quote begin: at a word, if there are words."""
    start = max(0, first - _AROUND)
    return (text.find(" ", start, first) + 1 or start) if start else 0


def _after(text: str, last: int) -> int:
    end = min(len(text), last + _AROUND)
    space = text.rfind(" ", last, end)
    return end if end == len(text) or space < 0 else space
