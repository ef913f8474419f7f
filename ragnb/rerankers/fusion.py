"""For rerankers that score passages: their scores joined with the retriever's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from ragnb.documents import Hit
from ragnb.errors import ConfigurationError


def fused(hits: Sequence[Hit], scores: Mapping[int, float], share: float) -> tuple[Hit, ...]:
    """Hits in the order of ``(1 - share) * retriever's + share * reranker's`` scores, both as distances
    from their mean in standard deviations, so that they can be added up. What has no finite score of the
    reranker's, by its number in ``hits``, keeps place and score."""
    places = [n for n in range(len(hits)) if isfinite(scores.get(n, float("nan")))]
    joined = (1 - share) * _standard([hits[n].score for n in places]) + share * _standard(
        [scores[n] for n in places]
    )
    ordered = list(hits)
    for place, best in zip(places, np.argsort(-joined, kind="stable"), strict=True):
        ordered[place] = replace(hits[places[best]], score=round(float(joined[best]), 6))
    return tuple(ordered)


def _standard(scores: Sequence[float]) -> NDArray[np.float64]:
    values = np.array(scores, np.float64)
    values /= max(float(np.abs(values).max(initial=0.0)), 1e-300)  # the square of a large one is no number
    spread = float(values.std()) if len(values) else 0.0
    return (values - values.mean()) / spread if spread > 1e-9 else np.zeros(len(values))


def left_out(scored: int, hits: Sequence[Hit], seconds: float) -> str:
    """Says how many hits could not be scored in time; nothing where all were."""
    if scored == len(hits):
        return ""
    return f"{scored} of {len(hits)} passages were scored in {seconds:g} s; the others keep their places"


def checked(share: float, budget: float) -> None:
    """Raises `ConfigurationError` for a share that is none, or a time that is none."""
    if not 0 <= share <= 1:
        raise ConfigurationError(
            f"share={share!r} is no share.",
            "Use a number from 0 (the retriever's scores alone) to 1 (the reranker's alone).",
        )
    if not budget > 0:
        raise ConfigurationError(f"budget={budget!r} is no time.", "Use seconds, such as 0.5.")
