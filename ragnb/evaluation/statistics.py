"""How sure a mean is, and whether two means differ by more than chance."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

LEVEL = 0.95
_RESAMPLES = 5_000
_SEED = 0  # the same figures each time


class Estimate(Struct, frozen=True):
    """A mean over ``n`` questions and its confidence interval; ``low`` and ``high`` are None where too
    little is known for one."""

    mean: float
    low: float | None
    high: float | None
    n: int

    def __str__(self) -> str:
        spread = "" if self.low is None else f" [{self.low:.2f}, {self.high:.2f}]"
        return f"{self.mean:.2f}{spread}"


def estimate(values: Sequence[float]) -> Estimate:
    """The mean and its interval: by bootstrap (bias-corrected and accelerated, Efron 1987), for shares of
    yes and no by Wilson's formula (1927).

    A bootstrap draws from what was seen: of eight right answers out of eight it would be certain.
    """
    n, mean = len(values), float(np.mean(values))
    if set(values) <= {0.0, 1.0}:
        from scipy.stats import binomtest

        interval = binomtest(round(sum(values)), n).proportion_ci(LEVEL, method="wilson")
        return Estimate(mean, float(interval.low), float(interval.high), n)
    low, high = bootstrap(values)
    return Estimate(mean, low, high, n)


def bootstrap(values: Sequence[float], method: str = "BCa") -> tuple[float | None, float | None]:
    """The interval of the mean; None where all values are the same and say nothing of their spread.

    ``method`` is ``BCa`` or ``percentile``, which leans less on the few values that are not 0.
    """
    if len(set(values)) < 2:
        return None, None
    from scipy.stats import bootstrap

    def interval(method: str) -> tuple[float, float]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a degenerate distribution: then both ends are nan
            found = bootstrap(
                (np.asarray(values, dtype=float),),
                np.mean,
                n_resamples=_RESAMPLES,
                confidence_level=LEVEL,
                method=method,
                batch=1_000,
                rng=np.random.default_rng(_SEED),
            ).confidence_interval
        return float(found.low), float(found.high)

    low, high = interval(method)
    return (low, high) if np.isfinite([low, high]).all() else interval("percentile")


def chance(differences: Sequence[float]) -> float:
    """How likely a mean at least as far from 0 is if each difference might as well have the other sign: a
    permutation test of pairs (Smucker et al., 2007), two-sided, exact where there are few."""
    if not np.any(differences):
        return 1.0
    from scipy.stats import permutation_test

    def mean(sample: object, axis: int) -> object:
        return np.mean(np.asarray(sample), axis=axis)

    found = permutation_test(
        (np.asarray(differences, dtype=float),),
        mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_RESAMPLES * 2 - 1,
        batch=1_000,
        rng=np.random.default_rng(_SEED),
    )
    return float(found.pvalue)


def corrected(chances: Mapping[str, float]) -> dict[str, float]:
    """The same for several tests at once: who looks at seven measures finds a chance difference sooner
    (Holm, 1979)."""
    found: dict[str, float] = {}
    most = 0.0
    for rank, (name, value) in enumerate(sorted(chances.items(), key=lambda item: item[1])):
        most = max(most, min(1.0, (len(chances) - rank) * value))
        found[name] = most
    return found
