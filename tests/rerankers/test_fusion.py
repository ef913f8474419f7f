"""Scores joined, and limits of time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb.errors import ConfigurationError
from ragnb.rerankers.fusion import checked, fused, left_out
from tests.conftest import hits


def scored(*scores):
    from ragnb.documents import Hit

    return [
        Hit(hit.chunk, score)
        for hit, score in zip(hits(*map(str, range(len(scores)))), scores, strict=True)
    ]


def texts(ranked):
    return [hit.chunk.text for hit in ranked]


def test_both_scores_count():
    """The share decides between the retriever's order and the reranker's."""
    found = scored(3.0, 2.0, 1.0)
    scores = {0: 0.1, 1: 0.3, 2: 0.9}
    assert texts(fused(found, scores, 0.0)) == ["0", "1", "2"]
    assert texts(fused(found, scores, 1.0)) == ["2", "1", "0"]
    # Retriever 1.22, 0, -1.22; reranker -0.98, -0.39, 1.37.
    ranked = fused(found, scores, 0.5)
    assert texts(ranked) == ["0", "2", "1"]
    assert [hit.score for hit in ranked] == pytest.approx([0.122, 0.076, -0.196], abs=0.002)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_has_no_score_keeps_its_place(bad):
    """Hits without a score, or with one that is no number, stay where they were, among the others' new order."""
    found = scored(5.0, 4.0, 3.0, 2.0, 1.0)
    ranked = fused(found, {0: 1.0, 1: bad, 2: 2.0, 4: 3.0}, 1.0)
    assert texts(ranked) == ["4", "1", "2", "3", "0"]
    assert (ranked[1], ranked[3]) == (found[1], found[3])


@given(
    st.lists(st.floats(-1e6, 1e6), max_size=12),
    st.dictionaries(st.integers(0, 11), st.floats(), max_size=12),
    st.floats(0, 1),
)
def test_nothing_is_lost(given_scores, scores, share):
    """Whatever the scores, each hit is there once."""
    found = scored(*given_scores)
    ranked = fused(found, scores, share)
    assert sorted(texts(ranked)) == sorted(texts(found))


def test_equal_scores_leave_the_order():
    """Where a reranker tells nothing apart, the order is the retriever's."""
    found = scored(1.0, 1.0, 1.0)
    assert texts(fused(found, {0: 2.0, 1: 2.0, 2: 2.0}, 0.7)) == ["0", "1", "2"]


def test_what_was_left_out_is_told():
    """The note says how many were scored; there is none where all were."""
    found = scored(1.0, 2.0)
    assert left_out(2, found, 0.3) == ""
    assert left_out(1, found, 0.3) == "1 of 2 passages were scored in 0.3 s; the others keep their places"


@pytest.mark.parametrize(
    "share, budget", [(-0.1, 1), (1.1, 1), (math.nan, 1), (0.5, 0), (0.5, -1), (0.5, math.nan)]
)
def test_numbers_that_are_none(share, budget):
    """A share is from 0 to 1, a time is longer than nothing."""
    with pytest.raises(ConfigurationError):
        checked(share, budget)
