"""How likely a smaller model is as good as a larger one: logistic regression over the signals, whose
directions are known beforehand, calibrated by Platt's method on questions that it was not fitted on.

A hundred questions do not tell noise from two dozen signals: that a table, or a negation, makes nothing
easier has to be said. Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp
from typing import Any

import msgspec
from msgspec import Struct

from ragnb.errors import InvalidInputError
from ragnb.routing.signals import DIRECTIONS, EASIER, NAMES

_FEWEST = 20
_FOLDS = 5
_PENALTIES = (3.0, 10.0, 30.0, 100.0)
_LARGEST = 30.0  # exp() of more is 0 or 1 anyway


class Calibrated(Struct, frozen=True):
    """``weights`` are for the signals named, less their ``means`` and divided by their ``scales``."""

    names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    def probability(self, signals: Mapping[str, float]) -> float:
        """From 0 to 1. A signal that is missing counts as the mean."""
        total = self.intercept + sum(self.contributions(signals).values())
        return 1 / (1 + exp(-max(-_LARGEST, min(_LARGEST, total))))

    def contributions(self, signals: Mapping[str, float]) -> dict[str, float]:
        """What each signal adds to the log odds."""
        parts = zip(self.names, self.means, self.scales, self.weights, strict=True)
        return {
            name: weight * (signals.get(name, mean) - mean) / scale for name, mean, scale, weight in parts
        }

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=1)

    @classmethod
    def from_json(cls, text: bytes) -> Calibrated:
        return msgspec.json.decode(text, type=cls)


def fit(
    rows: Sequence[Mapping[str, float]],
    is_enough: Sequence[bool],
    groups: Sequence[object] | None = None,
    *,
    penalty: float | None = None,
) -> tuple[Calibrated, list[float]]:
    """The fitted model, and for each row the probability by models that have not seen its group.

    ``rows`` are signals, ``is_enough`` says of each whether the smaller model was good enough. Rows of one
    group, by default each row, are never on both sides, and count as one together. ``penalty`` is that of
    L2; without it, the one is taken whose models tell most of what they have not seen. Raises
    `InvalidInputError` for too few rows, or where all came out alike.
    """
    import numpy as np

    values = np.array([[row.get(name, 0.0) for name in NAMES] for row in rows], float)
    names = list(groups) if groups is not None else list(range(len(rows)))
    _check(len(set(names)), len(rows), sum(is_enough))
    order = {group: place for place, group in enumerate(dict.fromkeys(names))}
    place = np.array([order[group] for group in names])
    counts = 1 / np.bincount(place)[place]
    # The same question asked often is one row, of which a share was good enough.
    keyed, which = np.unique(np.column_stack([place, values]), axis=0, return_inverse=True)
    which = which.ravel()
    weight = np.bincount(which, counts)
    wanted = np.bincount(which, counts * np.array(is_enough, float)) / weight
    data = _Data(keyed[:, 1:], wanted, weight, keyed[:, 0].astype(int) % _FOLDS)
    tried = {one: data.unseen(one) for one in ([penalty] if penalty is not None else _PENALTIES)}
    best = min(tried, key=lambda one: data.surprise(tried[one]))
    unseen = tried[best]
    slope, shift = _logistic(unseen[:, None], wanted, weight, 0.0, [EASIER])
    means, scales = _scale(data.values)
    weights = data.fitted(best)
    model = Calibrated(
        NAMES,
        tuple(round(float(mean), 6) for mean in means),
        tuple(round(float(scale), 6) for scale in scales),
        tuple(round(float(slope * weight), 6) for weight in weights[:-1]),
        round(float(slope * weights[-1] + shift), 6),
    )
    return model, [float(one) for one in _probability(slope * unseen + shift)[which]]


class _Data:
    """Values of the signals, what is to be foretold, how much each row counts, and the fold it is in."""

    def __init__(self, values: Any, wanted: Any, counts: Any, fold: Any) -> None:
        self.values, self.wanted, self.counts, self.fold = values, wanted, counts, fold

    def fitted(self, penalty: float, of: Any = slice(None)) -> Any:
        """Weights for the scaled signals of these rows and, last, the intercept."""
        means, scales = _scale(self.values[of])
        scaled = (self.values[of] - means) / scales
        return _logistic(scaled, self.wanted[of], self.counts[of], penalty, list(DIRECTIONS.values()))

    def unseen(self, penalty: float) -> Any:
        """The log odds of each row by a model that was fitted on the other folds."""
        import numpy as np

        found = np.zeros(len(self.wanted))
        for number in range(_FOLDS):
            held = self.fold == number
            weights = self.fitted(penalty, ~held)
            means, scales = _scale(self.values[~held])
            found[held] = (self.values[held] - means) / scales @ weights[:-1] + weights[-1]
        return found

    def surprise(self, unseen: Any) -> float:
        """How badly these log odds foretell."""
        import numpy as np

        return float((self.counts * (np.logaddexp(0, unseen) - self.wanted * unseen)).sum())


def _scale(values: Any) -> tuple[Any, Any]:
    """Means and standard deviations, 1 for what does not vary."""
    means, scales = values.mean(axis=0), values.std(axis=0)
    scales[scales < 1e-9] = 1.0
    return means, scales


def _probability(logits: Any) -> Any:
    import numpy as np

    return 1 / (1 + np.exp(-np.clip(logits, -_LARGEST, _LARGEST)))


def _logistic(values: Any, wanted: Any, counts: Any, penalty: float, directions: Sequence[int]) -> Any:
    """Weights, each in its direction or 0, and, last, the intercept, which is free and not penalised."""
    import numpy as np
    from scipy.optimize import minimize

    # Platt's targets: no weight grows without bound where the classes are apart.
    ones, zeros = (counts * wanted).sum(), (counts * (1 - wanted)).sum()
    high, low = (ones + 1) / (ones + 2), 1 / (zeros + 2)
    target = low + wanted * (high - low)

    def loss(weights: Any) -> tuple[float, Any]:
        logits = values @ weights[:-1] + weights[-1]
        error = counts * (_probability(logits) - target)
        gradient = np.append(values.T @ error + penalty * weights[:-1], error.sum())
        surprise = (counts * (np.logaddexp(0, logits) - target * logits)).sum()
        return surprise + penalty / 2 * (weights[:-1] ** 2).sum(), gradient

    bounds = [(0, None) if one == EASIER else (None, 0) for one in directions]
    start = np.zeros(values.shape[1] + 1)
    # L-BFGS-B finds the same, but its matrices of a few rows are shared out to threads: 17 times slower.
    return minimize(loss, start, jac=True, method="TNC", bounds=[*bounds, (None, None)]).x


def _check(questions: int, count: int, enough: int) -> None:
    if questions < _FEWEST:
        raise InvalidInputError(
            f"{questions} questions are too few to fit a router on.",
            f"Give {_FEWEST} or more, or use the default, which is fitted already.",
        )
    if enough in (0, count):
        verdict = "always" if enough else "never"
        raise InvalidInputError(
            f"The smaller model was {verdict} good enough, so there is nothing to learn.",
            f"Use the {'smaller' if enough else 'larger'} one for all, or give other questions.",
        )
