"""The words of a question that count, and how much of them a text has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from math import log

_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+")
_ENGLISH = (
    "a am an and any are as at be been but by can could did do does for from get had has have how i if in "
    "is it its many may me much must my no not of on or our should so that the their there these they this "
    "those to was we were what when where which who whom whose why will with would you your"
)
_STOP_WORDS = frozenset(_ENGLISH.split())
_SUFFIX = re.compile(r"(?:ings?|ed|e?s|e|ly)$")
_STEM = 7  # letters that tell words apart: cuts the endings that `_SUFFIX` does not know


def count_words(text: str) -> int:
    return len(_WORD.findall(text))


def stems(text: str) -> list[str]:
    """The stems of a text's words, in order, without English stop words."""
    return [_stem(word) for word in _WORD.findall(text.casefold()) if word not in _STOP_WORDS]


def content_words(text: str) -> list[str]:
    """A text's words as they stand, in order, without English stop words."""
    return [word for word in _WORD.findall(text) if word.casefold() not in _STOP_WORDS]


def having(text: str, wanted: Set[str]) -> set[str]:
    """Those of the stems that a text has; quicker than `stems` where few are wanted."""
    beginnings = {stem[:3] for stem in wanted}
    near = {word for word in _WORD.findall(text.casefold()) if word[:3] in beginnings}
    return {stem for word in near if (stem := _stem(word)) in wanted}


def names(question: str) -> set[str]:
    """The stems of what a question calls by name or number: capitalised words, but for the first, and
    figures."""
    words = _WORD.findall(question)
    named = (word for word in words[1:] if len(word) > 1 and (word[0].isupper() or word[0].isdigit()))
    return {stem for word in named for stem in stems(word)}


def weights(question: str, texts: Sequence[Set[str]]) -> dict[str, float]:
    """How much each of a question's stems counts: the more, the fewer of the texts have it."""
    counts = Counter(stem for text in texts for stem in text)
    return {stem: log(1 + len(texts) / (1 + counts[stem])) for stem in dict.fromkeys(stems(question))}


def covered(weight: Mapping[str, float], text: Set[str], above: Set[str] = frozenset()) -> float:
    """The share of the weight whose stems are in a text, from 0 to 1. A stem that only stands ``above`` it,
    in headings, counts half."""
    total = sum(weight.values())
    if not total:
        return 0.0
    found = sum(w if stem in text else w / 2 for stem, w in weight.items() if stem in text or stem in above)
    return found / total


def _stem(word: str) -> str:
    if not word.isalpha():
        return word
    for _ in range(2):
        shorter = _SUFFIX.sub("", word)
        word = shorter if len(shorter) >= 3 else word
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word[:_STEM]
