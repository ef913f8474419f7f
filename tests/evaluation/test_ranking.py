"""Measures of rankings, beside their formulas in the literature."""

from __future__ import annotations

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb.evaluation.ranking import scores

ITEMS = [f"d{n}" for n in range(30)]
DEPTHS = [1, 5, 100]


def ndcg(ranking, grades, depth):
    """Discounted gain over that of the best order (Järvelin and Kekäläinen, 2002; gains linear)."""

    def gain(order):
        return sum(grade / log2(place + 1) for place, grade in enumerate(order[:depth], 1))

    return gain([grades.get(item, 0) for item in ranking]) / gain(sorted(grades.values(), reverse=True))


def recall(ranking, grades, depth):
    return len(set(ranking[:depth]) & set(grades)) / len(grades)


def reciprocal_rank(ranking, grades):
    return next((1 / place for place, item in enumerate(ranking, 1) if item in grades), 0.0)


runs = st.dictionaries(
    st.sampled_from([f"q{n}" for n in range(8)]),
    st.tuples(
        st.lists(st.sampled_from(ITEMS), unique=True, min_size=1),
        st.dictionaries(st.sampled_from(ITEMS), st.integers(1, 3), min_size=1, max_size=12),
    ),
    min_size=1,
)


@given(runs)
def test_as_the_formulas_have_it(runs):
    """On random rankings and grades every measure is what its formula gives, question by question."""
    found = scores(
        {query: ranking for query, (ranking, _) in runs.items()},
        {query: grades for query, (_, grades) in runs.items()},
        DEPTHS,
    )
    assert found.keys() == runs.keys()
    for query, (ranking, grades) in runs.items():
        expected = {"nDCG@10": ndcg(ranking, grades, 10), "MRR": reciprocal_rank(ranking, grades)}
        expected |= {f"recall@{depth}": recall(ranking, grades, depth) for depth in DEPTHS}
        assert found[query] == pytest.approx(expected)


def test_long_rankings_keep_their_order():
    """Neighbours far down a long ranking are told apart, whatever their names."""
    ranking = [f"{n % 7}-{n}" for n in range(5_000)]
    for place in (1, 2, 4_990, 4_999):
        found = scores({"q": ranking}, {"q": {ranking[place]: 1}}, [place, place + 1])["q"]
        assert found["MRR"] == pytest.approx(1 / (place + 1))
        assert (found[f"recall@{place}"], found[f"recall@{place + 1}"]) == (0.0, 1.0)


def test_nothing_right_found():
    """A ranking without anything relevant counts 0, and is not left out."""
    assert set(scores({"q": ["a"]}, {"q": {"b": 1}}, [5])["q"].values()) == {0.0}


def test_nothing_to_measure():
    """No questions, no measures."""
    assert scores({}, {}, [5]) == {}
