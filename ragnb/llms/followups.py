"""Follow-up questions without a model: what one lacks is carried over from the question before it."""

from __future__ import annotations

import re

from ragnb.llms.extractive_terms import content_words, stems

_BEGINS = re.compile(
    r"\s*(?:and|or|but|so|then|also|what about|how about|what if|und|oder|aber|et|ou|mais|och|eller|men)\b",
    re.IGNORECASE,
)
_POINTS = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|this|these|those|one|ones|there|then|same|"
    r"else|instead|such|other|others)\b|\bthat\b(?!\s+(?:the|a|an|i|we|you)\b)",
    re.IGNORECASE,
)
_FEW = 1  # words that count: so short a question asks nothing by itself
_MOST = 12  # words carried over, the latest ones


def standalone(question: str, before: str) -> str:
    """The question, followed by those words of the one ``before`` it that it lacks, where it begins as a
    follow-up does, points back by a pronoun, or is very short. Any other is given back as it is."""
    leans = _BEGINS.match(question) or _POINTS.search(question) or len(set(stems(question))) <= _FEW
    if not leans:
        return question
    own = set(stems(question))
    carried = [word for word in content_words(before) if not own & set(stems(word))]
    return " ".join([question, *dict.fromkeys(carried[-_MOST:])])
