"""Intervals that hold what they promise, and a test of differences that keeps its level."""

from __future__ import annotations

import numpy as np
import pytest

from ragnb.evaluation.statistics import bootstrap, chance, corrected, estimate

RUNS = 300


def shares(rng, n, p):
    return rng.binomial(1, p, n).astype(float)


def ranks(rng, n, _):
    """Reciprocal ranks as a retrieval has them: many 1, some halves and thirds, some 0."""
    return rng.choice([1.0, 0.5, 1 / 3, 0.25, 0.0], n, p=[0.55, 0.15, 0.1, 0.05, 0.15])


def gains(rng, n, _):
    """Values between 0 and 1 that lean to the upper end."""
    return rng.beta(2.0, 0.7, n)


@pytest.mark.parametrize(
    ("draw", "n", "p", "mean"),
    [
        (shares, 20, 0.85, 0.85),
        (shares, 9, 0.5, 0.5),
        (shares, 130, 0.64, 0.64),
        (ranks, 40, 0, 0.55 + 0.075 + 0.1 / 3 + 0.0125),
        (gains, 30, 0, 2.0 / 2.7),
    ],
)
def test_intervals_cover(draw, n, p, mean):
    """Of samples whose mean is known, about 95 in 100 have it in their interval."""
    rng = np.random.default_rng(7)
    found = [estimate(list(draw(rng, n, p))) for _ in range(RUNS)]
    covered = np.mean([one.low <= mean <= one.high for one in found])
    assert 0.91 <= covered <= 0.99, covered
    assert all(one.low <= one.mean <= one.high and one.n == n for one in found)


def test_all_right_is_not_certain():
    """Eight of eight does not mean that the ninth will be right too; none of eight, not that it will be wrong."""
    right, wrong = estimate([1.0] * 8), estimate([0.0] * 8)
    assert right.mean == 1.0 and 0.6 < right.low < 0.8
    assert wrong.mean == 0.0 and 0.2 < wrong.high < 0.4


def test_too_little_is_known():
    """Of one value, or of the same value again and again, there is no interval."""
    assert bootstrap([0.3]) == bootstrap([0.5, 0.5, 0.5]) == (None, None)
    assert estimate([0.5, 0.5]).low is None


def test_the_same_each_time():
    """The same values give the same interval and the same chance."""
    values = list(np.random.default_rng(1).random(25))
    assert estimate(values) == estimate(values)
    assert chance([value - 0.4 for value in values]) == chance([value - 0.4 for value in values])


def test_chance_keeps_its_level():
    """Where there is no difference, about 5 in 100 pairs of runs look as if there were."""
    rng = np.random.default_rng(3)
    found = [chance(list(rng.normal(0, 0.3, 25))) for _ in range(RUNS)]
    assert 0.02 <= np.mean(np.array(found) < 0.05) <= 0.085


def test_chance_sees_a_difference():
    """A difference of half a standard deviation over 60 questions is seen nearly always."""
    rng = np.random.default_rng(4)
    found = [chance(list(rng.normal(0.15, 0.3, 60))) for _ in range(60)]
    assert np.mean(np.array(found) < 0.05) >= 0.9


@pytest.mark.parametrize(
    ("differences", "expected"),
    [([1.0, 1.0, 1.0, 1.0], 2 / 16), ([0.0, 0.0], 1.0), ([1.0, -1.0], 1.0), ([1.0] * 8 + [0.0], 2 / 256)],
)
def test_chance_is_exact_where_there_are_few(differences, expected):
    """Of few questions every choice of signs is counted."""
    assert chance(differences) == pytest.approx(expected)


def test_holm():
    """The smallest counts as often as there are tests, the next once less; none is more likely than the one before."""
    found = corrected({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.9})
    assert found == pytest.approx({"a": 0.04, "c": 0.09, "b": 0.09, "d": 0.9})
    assert corrected({"a": 0.8, "b": 0.9}) == pytest.approx({"a": 1.0, "b": 1.0})
    assert corrected({}) == {}
