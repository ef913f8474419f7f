"""The signals of a question and its passages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb.llms import extractive_terms as terms
from ragnb.routing.signals import NAMES, signals
from tests.conftest import hits

REFUNDS = "Refunds are paid within five working days, to the card that paid."
BICYCLES = "A bicycle needs a reservation, which costs 15 euros."
TABLE = "| Line | Travellers |\n| --- | --- |\n| Oslo – Brussels | 176,400 |"


def of(question, *texts, turns=0):
    found = hits(*texts)
    return signals(question, found, found, turns)


def test_every_signal_has_its_place():
    """There is a figure for each name, whatever was asked and found."""
    assert tuple(of("How?", REFUNDS)) == NAMES
    assert tuple(of("?", "")) == NAMES
    assert tuple(signals("How?", (), ())) == NAMES


@given(st.text(max_size=80), st.lists(st.text(max_size=200), max_size=6))
def test_any_text_has_signals(question, texts):
    """No question and no passage is without figures, and shares are shares."""
    found = of(question, *texts)
    assert all(value == value and abs(value) < 1e6 for value in found.values())
    for name in ("agreement", "coverage", "spread", "unnamed", "english", "tables", "documents"):
        assert 0 <= found[name] <= 1


@given(st.text(max_size=300), st.text(max_size=60))
def test_the_quick_search_for_stems_finds_the_same(text, question):
    """Those of the wanted stems that a text has are found without stemming all of it."""
    wanted = set(terms.stems(question))
    assert terms.having(text, wanted) == wanted & set(terms.stems(text))


def test_what_is_spread_over_passages():
    """What one passage has is covered; what only both have is spread."""
    one = of("When are refunds paid to the card?", REFUNDS, BICYCLES)
    both = of("Are refunds paid before a bicycle reservation?", REFUNDS, BICYCLES)
    assert one["coverage"] == 1.0 and one["spread"] == 0.0
    assert both["coverage"] < 1.0 and both["spread"] > 0.0


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("How many travellers used the line?", "figure"),
        ("Is Flex cheaper than Standard?", "comparison"),
        ("Which trains do not run on Sundays?", "negation"),
        ("Why was it called so?", "reasoning"),
        ("List all the stations.", "listing"),
    ],
)
def test_the_kind_of_a_question(question, name):
    """The words of a question tell its kind, and of a plain one none."""
    assert of(question, REFUNDS)[name] == 1.0
    assert of("Where is the bar?", REFUNDS)[name] == 0.0


def test_tables_names_and_turns():
    """Tables among the passages, names that none of them has, and earlier turns are counted."""
    found = of("How many travellers went from Oslo to Brussels?", TABLE, BICYCLES, turns=2)
    assert (found["tables"], found["unnamed"], found["turns"]) == (0.5, 0.0, 2.0)
    assert of("What does Aurelia in Cabin 9 offer?", REFUNDS)["unnamed"] == 1.0
    assert of("Was kostet ein Fahrrad?", BICYCLES)["english"] == 0.0


def test_rows_and_sentences():
    """Where a row of a table, with its heading, has more of the question than any sentence, it leads."""
    in_row = of("How many travellers had Oslo – Brussels?", TABLE, BICYCLES)
    in_text = of("What does a bicycle reservation cost?", TABLE, BICYCLES)
    assert in_row["row"] > 0.5 and in_row["row lead"] > 0.5
    assert in_text["row"] == 0.0 and in_text["row lead"] < -0.5


def test_parts_in_different_documents():
    """A question whose parts have their best passages in different documents is told from one about one."""
    asked = "When are refunds paid to the card, and what does a bicycle reservation cost?"
    assert of(asked, REFUNDS, BICYCLES)["apart"] == 1.0
    assert of(asked, f"{REFUNDS} {BICYCLES}")["apart"] == 0.0
    assert of("When are refunds paid to the card?", REFUNDS, BICYCLES)["apart"] == 0.0
    assert of(asked)["apart"] == 0.0
