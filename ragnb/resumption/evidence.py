"""What tells a repeat from chance: a model may repeat itself, and a continuation may repeat the model."""

from __future__ import annotations

import re
from collections.abc import Iterator

_CHANCE = 12  # letters of an alphabet that two texts share by chance at most
_LONGEST_ANCHOR = 200  # characters
_WIDE = 0x2E80  # from here on a character stands for a syllable or a word, and tells twice as much
_WRAPPING = re.compile(r"(?:[\s\"'“”„«»‘’`…]|\.{2,})*")

# Nobody begins the middle of an answer so: an opening word, a word for going on, a colon or a new line.
_PREAMBLE = re.compile(
    r"\s*(?:sure|certainly|of course|okay|ok|absolutely|sorry|apologies|my apologies|i apologi[sz]e|here|"
    r"continuing|let me|picking up|resuming|alles klar|natürlich|gern|bien sûr|claro)\b"
    r"[^\n:]{0,120}(?::(?:\n+| ?)|\n+)",
    re.IGNORECASE,
)
_GOING_ON = re.compile(
    r"continu|resum|left off|pick|rest of|interrupt|fortsetz|weiter|suite|seguir", re.IGNORECASE
)


def telling(text: str) -> bool:
    """Whether the text is too long, and too little of a pattern, to stand in two places by chance."""
    stripped = text.strip()
    weight = sum(2 if ord(character) >= _WIDE else 1 for character in stripped)
    return weight >= _CHANCE and not is_repetition(stripped)


def is_repetition(text: str) -> bool:
    """Whether the text is one piece said twice or more, the last time perhaps in part."""
    borders = [0] * len(text)  # Knuth, Morris, Pratt: the longest proper prefix that is also a suffix
    length = 0
    for i in range(1, len(text)):
        while length and text[i] != text[length]:
            length = borders[length - 1]
        length += text[i] == text[length]
        borders[i] = length
    return bool(text) and 2 * borders[-1] >= len(text)


def anchor(text: str, shortest: int = 48) -> str:
    """The last words of a text, verbatim: as many as it takes to stand in it only once, 200 characters
    at most. White space at the end is left out: models drop it."""
    text = text.rstrip()
    for length in range(shortest, _LONGEST_ANCHOR, 24):
        words = _from_a_word(text, length)
        if _stands_once(words, text):
            return words
    return _from_a_word(text, _LONGEST_ANCHOR)


def _stands_once(words: str, text: str) -> bool:
    return text.find(words) == text.rfind(words)  # str.count would miss one that overlaps


def _from_a_word(text: str, length: int) -> str:
    """The last ``length`` characters, a little more where that makes the first word whole."""
    start = max(0, len(text) - length)
    for i in range(start, max(0, start - 20), -1):
        if text[i - 1].isspace():
            return text[i:].lstrip()
    return text[start:].lstrip()


def overlap(text: str, continuation: str) -> int:
    """How many characters of the continuation repeat the end of the text, 0 where that may be chance.

    A text that says the same in two places may say it a third time: what it holds twice tells nothing.
    """
    for length in range(min(len(text), len(continuation)), 0, -1):
        repeated = continuation[:length]
        if text.endswith(repeated):
            return length if telling(repeated) and _stands_once(repeated, text) else 0
    return 0


def preamble(continuation: str) -> int:
    """How many characters of it only say that it goes on: “Sure, continuing:”."""
    found = _PREAMBLE.match(continuation)
    return found.end() if found and _GOING_ON.search(found[0]) else 0


def finds(words: str, continuation: str) -> Iterator[re.Match[str]]:
    """Where the words stand in the continuation, with whatever white space between them."""
    return re.finditer(r"\s+".join(map(re.escape, words.split())), continuation)


def ends_with(text: str, words: str) -> bool:
    """Whether the text ends with these words, with whatever white space between them."""
    return " ".join(text.split()).endswith(" ".join(words.split()))


def is_wrapping(text: str) -> bool:
    """Whether it is nothing but quotation marks, white space and dots; a single one ends a sentence."""
    return _WRAPPING.fullmatch(text) is not None
