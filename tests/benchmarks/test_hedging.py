"""Hedging cuts the tail of a simulated provider, at the cost that it says."""

from __future__ import annotations

import pytest

from benchmarks.hedging import PROVIDERS, measured
from ragnb.routing.hedging import Hedge


@pytest.mark.parametrize("provider", ["2 % of requests late", "3 % of requests late"])
def test_the_tail_is_cut(provider):
    """Where a few requests are late, p99 falls five-fold or more, for at most 5 % more requests."""
    (*_, plain, _), none = measured(PROVIDERS[provider], None, count=1_500)
    (*_, hedged, _), more = measured(PROVIDERS[provider], Hedge(), count=1_500)
    assert plain >= 5 * hedged
    assert none == 0 < more <= 0.05


def test_an_outage_is_not_made_worse():
    """Where everything is slow, no more than the share is asked twice."""
    _, more = measured(PROVIDERS["outages"], Hedge(), count=1_500)
    assert more <= 0.05
