"""Citations beside gold quotes, and answers that decline."""

from __future__ import annotations

import pytest

from ragnb.answer import Answer
from ragnb.evaluation.citing import precision_and_recall
from ragnb.evaluation.declining import declines
from ragnb.evaluation.gold import Located, Span
from ragnb.events import Cited, Finished, Quote, Token


def answer(*cited: tuple[str, int, int], text: str = "Yes."):
    said = Answer()
    said.append(Token(text=text))
    for number, (chunk, start, end) in enumerate(cited, 1):
        said.append(Cited(start=0, end=3, quotes=(Quote(number, chunk, start, end, ""),)))
    said.append(Finished(reason="stop"))
    return said


A, B = (Span("a", 0, 20),), (Span("b", 10, 30), Span("c", 0, 20))


@pytest.mark.parametrize(
    ("cited", "gold", "precision", "recall"),
    [
        ([("a", 0, 20)], (A,), 1.0, 1.0),
        ([("a", 0, 20), ("a", 0, 20)], (A,), 1.0, 1.0),
        ([("a", 0, 20), ("x", 0, 9)], (A,), 0.5, 1.0),
        ([("a", 0, 200)], (A, B), 1.0, 0.5),
        ([("a", 5, 15), ("c", 0, 20)], (A, B), 1.0, 1.0),
        ([("x", 0, 20)], (A,), 0.0, 0.0),
        ([], (A,), None, 0.0),
    ],
)
def test_precision_and_recall(cited, gold, precision, recall):
    """Of the different quotes cited those that are gold; of the gold quotes those that are cited anywhere."""
    assert precision_and_recall(answer(*cited), Located(gold)) == (precision, recall)


@pytest.mark.parametrize(
    "text",
    [
        "I found no answer in these documents.",
        "**I could not find an answer in these documents.**",
        "The passages do not say whether there is a pool.",
        "The provided passages don’t contain information about that.",
        "Sorry, this is not mentioned in the documents.",
        "Ich habe in diesen Dokumenten keine Antwort gefunden.",
        "Je n'ai trouvé aucune réponse dans ces documents.",
        "Jag hittade inget svar i dessa dokument.",
        "No encontré ninguna respuesta en estos documentos.",
        "  ",
    ],
)
def test_declined(text):
    """An answer that says so in one of five languages, or says nothing, declines."""
    assert declines(answer(text=text))


@pytest.mark.parametrize(
    "text",
    [
        "Yes, in sleeper cabins.",
        "Dogs do not travel in couchettes.",
        "No. Bicycles are not carried on that train.",
        "There is no shower in couchette cars.",
        "A refund takes five days. "
        + "It is paid to the card that paid. " * 8
        + "No answer is given by telephone.",
    ],
)
def test_answered(text):
    """A no is an answer, and so is one that speaks of no answers further down."""
    assert not declines(answer(text=text))


def test_what_cites_does_not_decline():
    """An answer that rests on a passage is one, whatever its words."""
    assert not declines(answer(("a", 0, 5), text="The passages do not say why, but it is free [1]."))
