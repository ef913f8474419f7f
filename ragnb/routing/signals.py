"""What can be told of a question and its passages before any model is asked: local, in under 5 ms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from math import log1p
from statistics import fmean

from ragnb.documents import Hit
from ragnb.llms import extractive_terms as terms
from ragnb.sentences import sentences as spans

EASIER, HARDER = 1, -1
DIRECTIONS = {
    "score": EASIER,
    "margin": EASIER,
    "agreement": EASIER,
    "coverage": EASIER,
    "spread": HARDER,
    "unnamed": HARDER,
    "words": HARDER,
    "clauses": HARDER,
    "apart": HARDER,
    "figure": HARDER,
    "number": HARDER,
    "comparison": HARDER,
    "negation": HARDER,
    "reasoning": HARDER,
    "listing": HARDER,
    "english": EASIER,
    "context": HARDER,
    "tables": HARDER,
    "row": HARDER,
    "row lead": HARDER,
    "documents": HARDER,
    "turns": HARDER,
}
"""What more of a signal can mean for a smaller model, in the order in which a fitted router weighs them: a
fit says how much, if anything, and never the other way round."""

NAMES = tuple(DIRECTIONS)

_BEST = 5
_CHARACTERS_PER_TOKEN = 4
_KINDS = {
    "figure": r"\bhow (?:much|many|long|far|often|old|late|early|big|large|heavy)\b|\b(?:cost|price|percent"
    r"|number|rate|when|what (?:time|year|share))\b|%|€|\$",
    "number": r"\d",
    "comparison": r"\b(?:compare[ds]?|difference|differs?|versus|vs|both|than|rather|or|each|same|between"
    r"|instead|before and after|changed?)\b",
    "negation": r"\b(?:not|never|without|except|no|none|nor|unless|neither|cannot)\b|n['’]t\b",
    "reasoning": r"\b(?:why|how (?:do|does|did|can|could|should|would)|explain|if|because|reason)\b",
    "listing": r"\b(?:all|every|list|which|each|total|sum|altogether|most|least|highest|lowest|longest)\b",
}
_IN_WORDS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _KINDS.items()}
_CLAUSE = re.compile(r"[,;:?]|\b(?:and|but|while|which|that|if)\b", re.IGNORECASE)
_PART = re.compile(r"[,;:]|\b(?:and|but|while|und|aber|et|mais|och|men)\b", re.IGNORECASE)
_ENGLISH = re.compile(
    r"\b(?:the|is|are|do|does|did|what|how|when|where|which|who|why|can|may|of|in|to|for)\b", re.I
)
_ROW = "|"
_FEWEST = 2  # words that a part of a question has


def signals(
    question: str, found: Sequence[Hit], passages: Sequence[Hit], turns: int = 0
) -> dict[str, float]:
    """The signals by name, see `NAMES`.

    ``found`` are the hits in the order of retrieval, ``passages`` those that go to the model, ``turns`` the
    earlier ones of the conversation.

    - Of the search: ``score`` is the best hit's, ``margin`` its lead, from 0 to 1; ``agreement`` the share
      of the best five by words that are so by retrieval too.
    - Of what was found: ``coverage`` is how much of the question's words the best single passage has,
      ``spread`` how much more all of them together have, ``unnamed`` the share of its names and figures
      that none has, ``apart`` whether its parts are found in different documents.
    - Of the question: the logarithm of its ``words``, its ``clauses``, whether it asks for a ``figure``,
      has a ``number``, a ``comparison``, a ``negation``, asks for reasons or for a list, and the share of
      common ``english`` words.
    - Of what is to be read: the logarithm of its tokens (``context``), the share of passages with
      ``tables``, how much of the question the best table ``row`` has and its lead over the best sentence,
      the share of different ``documents``, the ``turns``.
    """
    wanted = set(terms.stems(question))
    texts = [terms.having(hit.chunk.searched_text, wanted) for hit in found]
    weight = terms.weights(question, texts)
    scores = [hit.score for hit in found]
    given = [terms.having(hit.chunk.searched_text, wanted) for hit in passages]
    each = [terms.covered(weight, text) for text in given]
    best = max(each, default=0.0)
    rows, sentences = _lines(passages, weight)
    together = set().union(*given)
    named = terms.names(question)
    count = max(1, len(passages))
    documents = [hit.chunk.document for hit in passages]
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
        "apart": _apart(question, weight, given, documents),
        **{name: float(bool(pattern.search(question))) for name, pattern in _IN_WORDS.items()},
        "english": len(_ENGLISH.findall(question)) / max(1, words),
        "context": log1p((len(question) + characters) / _CHARACTERS_PER_TOKEN),
        "tables": sum(_has_row(hit.chunk.text) for hit in passages) / count,
        "row": rows,
        "row lead": rows - sentences,
        "documents": len(set(documents)) / count,
        "turns": float(turns),
    }


def _lines(passages: Sequence[Hit], weight: Mapping[str, float]) -> tuple[float, float]:
    """How much of the question the best table row has, with its heading, and the best sentence."""
    wanted = set(weight)
    rows = sentences = 0.0
    for hit in passages:
        text = hit.chunk.text
        above = terms.having(hit.chunk.title, wanted)
        heading: set[str] | None = None
        for start, end in spans(text):
            found = terms.having(text[start:end], wanted)
            if text.startswith(_ROW, start):
                heading = found if heading is None else heading
                rows = max(rows, terms.covered(weight, found | heading, above))
            else:
                heading = None
                sentences = max(sentences, terms.covered(weight, found, above))
    return rows, sentences


def _has_row(text: str) -> bool:
    return text.startswith(_ROW) or f"\n{_ROW}" in text


def _apart(
    question: str, weight: Mapping[str, float], given: Sequence[Set[str]], documents: Sequence[str]
) -> float:
    """Whether the parts of the question have their best passages in different documents."""
    parts = [stems for part in _PART.split(question) if len(stems := set(terms.stems(part))) >= _FEWEST]
    best = set()
    for part in parts if given else ():
        own = {stem: weight[stem] for stem in part if stem in weight}
        covered = [terms.covered(own, text) for text in given]
        best.add(documents[covered.index(max(covered))])
    return float(len(best) > 1)


def _margin(scores: Sequence[float]) -> float:
    ordered = sorted(scores, reverse=True)
    width = ordered[0] - ordered[-1] if ordered else 0.0
    return (ordered[0] - fmean(ordered[1:_BEST])) / width if width > 0 else 0.0


def _agreement(covered: Sequence[float]) -> float:
    """``covered`` is in the order of retrieval."""
    best = sorted(range(len(covered)), key=lambda place: (-covered[place], place))[:_BEST]
    return sum(place < _BEST for place in best) / len(best) if best else 0.0
