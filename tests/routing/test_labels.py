"""What a router learns from."""

from __future__ import annotations

import pytest

from ragnb.errors import InvalidInputError
from ragnb.evaluation.result import Evaluation
from ragnb.routing.labels import labelled, signals_of
from ragnb.routing.router import Router
from ragnb.routing.signals import NAMES
from tests.whatif.recordings import EASY, HARD, answer, evaluation


def pair():
    return {
        "small": evaluation(lambda number, is_hard: not is_hard, "little"),
        "large": evaluation(lambda number, is_hard: True, "much"),
    }


def test_an_evaluation_of_each_tier():
    """Two evaluations of the same questions are all that a router needs."""
    router = Router().fit(pair())
    decided = [router.decide(signals_of(answer(one)), ["small", "large"]).tier for one in (EASY, HARD)]
    assert decided == ["small", "large"]


def test_rows():
    """Each question is a row with its signals and the quality of each tier, in the order of the tiers."""
    rows = labelled(pair())
    assert len(rows) == 60 and rows[1].group == "q1"
    assert list(rows[1].quality.items()) == [("small", 0.0), ("large", 1.0)]
    assert tuple(rows[1].signals) == NAMES


def test_the_signals_of_the_log():
    """What the router saw then is taken from the log."""
    assert signals_of(answer(EASY, signals={"score": 7.0})) == {"score": 7.0}


def test_what_has_no_label():
    """Evaluations without answers, without values, or of other questions, are refused with advice."""
    one, other = pair().values()
    bare = Evaluation(
        [type(o)(question=o.question, hits=o.hits, values={}, seconds={}) for o in one], configured={}, k=2
    )
    for given, said in [
        ({"small": bare, "large": bare}, "how good"),
        ({"small": one, "large": Evaluation(other[:0], configured={}, k=2)}, "how good"),
        (
            {
                "small": Evaluation(one[:5], configured={}, k=2),
                "large": Evaluation(other[6:], configured={}, k=2),
            },
            "no question",
        ),
        ({}, "how good"),
    ]:
        with pytest.raises(InvalidInputError, match=said) as caught:
            Router().fit(given)
        assert caught.value.advice
    with pytest.raises(InvalidInputError, match="was not measured"):
        Router().fit(pair(), measure="beauty")
    with pytest.raises(InvalidInputError, match="no share"):
        Router().fit(pair(), keep=0.0)
