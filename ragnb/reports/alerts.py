"""Thresholds, such as ``cost > 0.50``: a run that passes one ends with another status."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from ragnb.errors import InvalidInputError

if TYPE_CHECKING:
    from ragnb.reports.report import Report

_WRITTEN = re.compile(r"\s*([a-z][a-z ]*?)\s*([<>])\s*(\$?)(\d+(?:\.\d+)?|\.\d+)(%?)\s*", re.IGNORECASE)
_GOLD = ("citation recall", "citation precision", "correct")


def _seconds(report: Report) -> float:
    return report.seconds


_MEASURES: dict[str, Callable[[Report], float | None]] = {
    "cost": lambda report: report.cost,
    "seconds": _seconds,
    "failed": lambda report: report.share("failed", "not asked"),
    "declined": lambda report: report.share("declined"),
}


class Alert(Struct, frozen=True):
    """``measure`` is cost (USD), seconds, failed or declined (shares), or a measure of gold quotes."""

    measure: str
    sign: str
    limit: float
    written: str

    def fired(self, report: Report) -> str:
        """Why, in a sentence; empty where the threshold was not passed.

        What is not known passes it: an alert that cannot see would be none.
        """
        measure = _MEASURES.get(self.measure)
        value = measure(report) if measure else report.mean(self.measure)
        if value is None:
            return f"{self.written}: the {self.measure} is not known."
        passed = value > self.limit if self.sign == ">" else value < self.limit
        return f"{self.written}: it is {value:.4g}." if passed else ""


def alerts(written: Iterable[str]) -> list[Alert]:
    """Thresholds as they are written. Raises `InvalidInputError` for what is none."""
    return [_alert(one) for one in ([written] if isinstance(written, str) else written)]


def _alert(written: str) -> Alert:
    found = _WRITTEN.fullmatch(written)
    measure = " ".join(found[1].lower().split()) if found else ""
    if found is None or measure not in (*_MEASURES, *_GOLD):
        raise InvalidInputError(
            f"{written!r} is no threshold.",
            f"Write a measure, < or >, and a number, such as “cost > 0.50”, “failed > 5%” or "
            f"“citation recall < 0.8”. There are: {', '.join((*_MEASURES, *_GOLD))}.",
        )
    return Alert(measure, found[2], float(found[4]) / (100 if found[5] else 1), written.strip())
