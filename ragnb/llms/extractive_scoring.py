"""How well each candidate of an extractive answer speaks of the question, and whether any does."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ragnb.embeddings.base import Vectors
from ragnb.llms.base import Request
from ragnb.llms.extractive_candidates import Candidate
from ragnb.llms.extractive_terms import covered, names, stems, weights

Embed = Callable[[Sequence[str]], Vectors]

# Sentences that are compared by meaning. Each takes 5 to 20 ms on a processor, before the first word of the
# answer; twelve have the right one among them nearly always.
_COMPARED = 12
_READ = 200  # characters of a sentence that are embedded: one long row would make the whole batch long
_KEPT = 4096  # vectors of sentences that are remembered, 6 MB

_WORDS = 0.3  # weight of shared words beside the cosine, which hardly tells rows, names and numbers apart
_PASSAGE = 0.3  # weight of the words shared with the passage, in the confidence that there is an answer
_UNKNOWN_NAME = 0.15  # a question that names what no passage names is likely about something else
_RANK = 0.2  # lead of the first passage, in shared words, in the choice of what is compared

_AND = re.compile(r"[,;:]\s+(?:and|or|but|und|oder|et|ou|och|eller|y|o|e)\s+|[?;]\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A candidate that was compared with the question.

    ``score`` is its cosine with the question + 0.3 × the share of the question's words in it; ``parts`` the
    same for each part of a question that has several. ``confidence`` that there is an answer: the cosine
    + 0.3 × the share of the question's words in its passage, less 0.15 if the question names what no
    passage names. ``found`` are the question's stems in it or in the headings above it.
    """

    candidate: Candidate
    score: float
    confidence: float
    parts: tuple[float, ...]
    found: frozenset[str]
    stems: frozenset[str]
    vector: Vectors | None

    def is_like(self, other: Scored, cosine: float) -> bool:
        """Whether both say nearly the same; rows of a table, which all mean the like, in the same words."""
        if self.vector is not None and other.vector is not None:
            is_near = bool(self.vector @ other.vector > cosine)
            if is_near and not self.candidate.is_row and not other.candidate.is_row:
                return True
        return len(self.stems & other.stems) > 0.75 * min(len(self.stems), len(other.stems))


class SentenceVectors:
    """Vectors of sentences, the last ones remembered: passages come back, above all on one subject."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._known: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = Lock()

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape ``(len(texts), dimensions)``; all that are new in one call."""
        with self._lock:
            found = {text: self._known[text] for text in texts if text in self._known}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        if new:
            found |= zip(new, self._embed(new), strict=True)
        with self._lock:
            for text in texts:
                self._known[text] = found[text]
                self._known.move_to_end(text)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return np.stack([found[text] for text in texts])


def parts(question: str) -> list[str]:
    """The parts of a question that asks for two or three things; none for any other."""
    found = [part for part in _AND.split(question) if part]
    return found if len(found) in (2, 3) and all(len(stems(part)) > 1 for part in found) else []


def score(
    request: Request, candidates: Sequence[Candidate], vectors: SentenceVectors | None
) -> list[Scored]:
    """The candidates that are worth a comparison, with their scores, in the order given.

    Without ``vectors``, shared words stand for the cosine too.
    """
    asked = [request.question, *parts(request.question)]
    own = [frozenset(stems(one.text)) for one in candidates]
    contexts = [frozenset(stems(hit.chunk.context)) for hit in request.passages]
    above = [contexts[one.passage] | frozenset(stems(one.header)) for one in candidates]
    weight = [weights(question, own) for question in asked]
    words = np.array([[covered(w, o, a) for o, a in zip(own, above, strict=True)] for w in weight])

    compared = _shortlist(candidates, words.max(axis=0), len(request.passages))
    words = words[:, compared]
    if vectors is None:
        near, read = words, None
    else:
        texts = [candidates[i].spelled_out[:_READ] for i in compared]
        found = vectors([*asked, *texts])
        read = found[len(asked) :]
        near = found[: len(asked)] @ read.T
    scores = near + _WORDS * words

    passages = [
        context | frozenset(stems(hit.chunk.text))
        for hit, context in zip(request.passages, contexts, strict=True)
    ]
    of_passage = [covered(weight[0], passage) for passage in passages]
    doubt = _UNKNOWN_NAME if names(request.question) - frozenset().union(*passages) else 0.0
    return [
        Scored(
            candidates[i],
            float(scores[0, n]),
            float(near[0, n]) + _PASSAGE * of_passage[candidates[i].passage] - doubt,
            tuple(float(part) for part in scores[1:, n]),
            frozenset(weight[0]) & (own[i] | above[i]),
            own[i],
            None if read is None else read[n],
        )
        for n, i in enumerate(compared)
    ]


def _shortlist(candidates: Sequence[Candidate], words: NDArray[np.float64], passages: int) -> list[int]:
    """The best candidate of each passage, then the best of all, by shared words and the passage's rank."""
    rank = np.array([1 - one.passage / passages for one in candidates])
    order = np.argsort(-(words + _RANK * rank), kind="stable").tolist()
    best = {candidates[i].passage: i for i in reversed(order)}
    first = [i for i in order if best[candidates[i].passage] == i]
    rest = [i for i in order if best[candidates[i].passage] != i]
    return sorted([*first, *rest][:_COMPARED])
