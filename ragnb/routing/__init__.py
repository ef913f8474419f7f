"""Routing: which model answers a question, what it costs, and what happens where it cannot."""

import importlib
from typing import Any

_HOME = {
    "Tier": "ragnb.routing.tiers",
    "Router": "ragnb.routing.router",
    "Labelled": "ragnb.routing.labels",
    "Price": "ragnb.llms.price",
    "Hold": "ragnb.routing.hold",
    "Budget": "ragnb.routing.budgets",
    "Hedge": "ragnb.routing.hedging",
    "simulate": "ragnb.whatif.simulate",
    "Simulation": "ragnb.whatif.simulation",
    "Traffic": "ragnb.whatif.traffic",
    "Speed": "ragnb.whatif.traffic",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
