"""What can be told of a question and its passages before any model is asked: local, in under 5 ms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import log1p
from statistics import fmean

from ragnb.documents import Hit
from ragnb.llms import extractive_terms as terms

NAMES = (
    "score",
    "margin",
    "agreement",
    "coverage",
    "spread",
    "unnamed",
    "words",
    "clauses",
    "figure",
    "comparison",
    "negation",
    "reasoning",
    "listing",
    "english",
    "context",
    "tables",
    "in table",
    "documents",
    "turns",
)
"""The names of the signals, in the order in which a fitted router weighs them."""

_BEST = 5
_CHARACTERS_PER_TOKEN = 4
_KINDS = {
    "figure": r"\bhow (?:much|many|long|far|often|old|late|early|big|large|heavy)\b|\b(?:cost|price|percent"
    r"|number|rate|when|what (?:time|year|share))\b|%|€|\$",
    "comparison": r"\b(?:compare[ds]?|difference|differs?|versus|vs|both|than|rather|or|each|same|between"
    r"|instead|before and after|changed?)\b",
    "negation": r"\b(?:not|never|without|except|no|none|nor|unless|neither|cannot)\b|n['’]t\b",
    "reasoning": r"\b(?:why|how (?:do|does|did|can|could|should|would)|explain|if|because|reason)\b",
    "listing": r"\b(?:all|every|list|which|each|total|sum|altogether|most|least|highest|lowest|longest)\b",
}
_IN_WORDS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _KINDS.items()}
_CLAUSE = re.compile(r"[,;:?]|\b(?:and|but|while|which|that|if)\b", re.IGNORECASE)
_ENGLISH = re.compile(
    r"\b(?:the|is|are|do|does|did|what|how|when|where|which|who|why|can|may|of|in|to|for)\b", re.I
)
_ROW = re.compile(r"^\s*\|.*\|\s*$", re.MULTILINE)


def signals(
    question: str, found: Sequence[Hit], passages: Sequence[Hit], turns: int = 0
) -> dict[str, float]:
    """The signals by name, see `NAMES`.

    ``found`` are the hits in the order of retrieval, ``passages`` those that go to the model, ``turns`` the
    earlier ones of the conversation. ``score`` is the best hit's, ``margin`` its lead, from 0 to 1.
    ``agreement`` is the share of the best five by words that are so by retrieval too. ``coverage`` is how
    much of the question's words the best single passage has, ``spread`` how much more all of them together
    have, ``unnamed`` the share of its names and figures that none has. Then come the kind of the question
    by its words, the logarithm of the number of tokens to be read, the share of passages with tables,
    whether the one with most of the question's words has one, and the share of different documents.
    """
    wanted = set(terms.stems(question))
    texts = [terms.having(hit.chunk.searched_text, wanted) for hit in found]
    weight = terms.weights(question, texts)
    scores = [hit.score for hit in found]
    given = [terms.having(hit.chunk.searched_text, wanted) for hit in passages]
    each = [terms.covered(weight, text) for text in given]
    best = max(each, default=0.0)
    has_table = [bool(_ROW.search(hit.chunk.text)) for hit in passages]
    together = set().union(*given)
    named = terms.names(question)
    count = max(1, len(passages))
    characters = sum(len(hit.chunk.text) for hit in passages)
    words = terms.count_words(question)
    return {
        "score": max(scores, default=0.0),
        "margin": _margin(scores),
        "agreement": _agreement([terms.covered(weight, text) for text in texts]),
        "coverage": best,
        "spread": terms.covered(weight, together) - best,
        "unnamed": len(named - together) / len(named) if named else 0.0,
        "words": log1p(words),
        "clauses": float(len(_CLAUSE.findall(question))),
        **{name: float(bool(pattern.search(question))) for name, pattern in _IN_WORDS.items()},
        "english": len(_ENGLISH.findall(question)) / max(1, words),
        "context": log1p((len(question) + characters) / _CHARACTERS_PER_TOKEN),
        "tables": sum(has_table) / count,
        "in table": float(any(table and one == best for table, one in zip(has_table, each, strict=True))),
        "documents": len({hit.chunk.document for hit in passages}) / count,
        "turns": float(turns),
    }


def _margin(scores: Sequence[float]) -> float:
    ordered = sorted(scores, reverse=True)
    width = ordered[0] - ordered[-1] if ordered else 0.0
    return (ordered[0] - fmean(ordered[1:_BEST])) / width if width > 0 else 0.0


def _agreement(covered: Sequence[float]) -> float:
    """``covered`` is in the order of retrieval."""
    best = sorted(range(len(covered)), key=lambda place: (-covered[place], place))[:_BEST]
    return sum(place < _BEST for place in best) / len(best) if best else 0.0
