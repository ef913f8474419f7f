"""How likely a smaller model is as good as a larger one: logistic regression over the signals, calibrated
by Platt's method on questions that it was not fitted on.

Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp
from typing import Any

import msgspec
from msgspec import Struct

from ragnb.errors import InvalidInputError
from ragnb.routing.signals import NAMES

_FEWEST = 20
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
    penalty: float = 10.0,
    folds: int = 5,
) -> tuple[Calibrated, list[float]]:
    """The fitted model, and for each row the probability by models that have not seen its group.

    ``rows`` are signals, ``is_enough`` says of each whether the smaller model was good enough. Rows of one
    group, by default each row, are never on both sides. ``penalty`` is that of L2. Raises
    `InvalidInputError` for too few rows, or where all came out alike.
    """
    import numpy as np

    values = np.array([[row.get(name, 0.0) for name in NAMES] for row in rows], float)
    wanted = np.array(is_enough, float)
    _check(len(rows), int(wanted.sum()))
    means, scales = values.mean(axis=0), values.std(axis=0)
    scales[scales < 1e-9] = 1.0
    scaled = (values - means) / scales
    order = {group: place for place, group in enumerate(dict.fromkeys(groups or range(len(rows))))}
    fold = np.array([order[group] for group in (groups or range(len(rows)))]) % folds
    unseen = np.zeros(len(rows))
    for number in range(folds):
        held = fold == number
        if held.any() and not held.all():
            weights = _logistic(scaled[~held], wanted[~held], penalty)
            unseen[held] = scaled[held] @ weights[:-1] + weights[-1]
    slope, shift = _logistic(unseen[:, None], wanted, 0.0)
    slope = max(0.0, slope)  # what does not hold on unseen questions tells nothing
    weights = _logistic(scaled, wanted, penalty)
    model = Calibrated(
        NAMES,
        tuple(round(float(mean), 6) for mean in means),
        tuple(round(float(scale), 6) for scale in scales),
        tuple(round(float(slope * weight), 6) for weight in weights[:-1]),
        round(float(slope * weights[-1] + shift), 6),
    )
    calibrated = 1 / (1 + np.exp(-np.clip(slope * unseen + shift, -_LARGEST, _LARGEST)))
    return model, [float(one) for one in calibrated]


def _logistic(values: Any, wanted: Any, penalty: float) -> Any:
    """Weights and, last, the intercept, which is not penalised."""
    import numpy as np
    from scipy.optimize import minimize

    # Platt's targets: no weight grows without bound where the classes are apart.
    ones = wanted.sum()
    high, low = (ones + 1) / (ones + 2), 1 / (len(wanted) - ones + 2)
    target = np.where(wanted > 0, high, low)

    def loss(weights: Any) -> tuple[float, Any]:
        logits = values @ weights[:-1] + weights[-1]
        error = 1 / (1 + np.exp(-np.clip(logits, -_LARGEST, _LARGEST))) - target
        gradient = np.append(values.T @ error + penalty * weights[:-1], error.sum())
        surprise = (np.logaddexp(0, logits) - target * logits).sum()
        return surprise + penalty / 2 * (weights[:-1] ** 2).sum(), gradient

    return minimize(loss, np.zeros(values.shape[1] + 1), jac=True, method="L-BFGS-B").x


def _check(count: int, enough: int) -> None:
    if count < _FEWEST:
        raise InvalidInputError(
            f"{count} questions are too few to fit a router on.",
            f"Give {_FEWEST} or more, or use the default, which is fitted already.",
        )
    if enough in (0, count):
        verdict = "always" if enough else "never"
        raise InvalidInputError(
            f"The smaller model was {verdict} good enough, so there is nothing to learn.",
            f"Use the {'smaller' if enough else 'larger'} one for all, or give other questions.",
        )
