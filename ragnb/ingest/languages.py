"""The language a text is written in."""

from __future__ import annotations

import re

_LEAST = 40  # letters; a guess on less is no better than chance
_LETTERS = re.compile(r"[^\W\d_]+")


def language(text: str) -> str:
    """The ISO 639-1 code of the language, or nothing where there is too little text to tell."""
    words = _LETTERS.findall(text)
    if sum(map(len, words)) < _LEAST:
        return ""
    from py3langid.langid import classify

    code: str = classify(" ".join(words))[0]
    return code
