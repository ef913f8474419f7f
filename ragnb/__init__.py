"""ragnb: streaming retrieval-augmented generation for notebooks.

The names below are loaded when they are first used, so that ``import ragnb`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragnb.answer import Answer
    from ragnb.documents import Document
    from ragnb.errors import RagnbError
    from ragnb.ingest.loaders import loader
    from ragnb.llms.price import Price
    from ragnb.pipeline import RAGPipeline
    from ragnb.resumption.deployments import Deployments
    from ragnb.resumption.ladder import Ladder
    from ragnb.resumption.policy import Retry
    from ragnb.resumption.retention import Keep
    from ragnb.routing.budgets import Allowance, Budget
    from ragnb.routing.hedging import Hedge
    from ragnb.routing.hold import Hold
    from ragnb.routing.router import Router
    from ragnb.routing.tiers import Tier

__version__ = "0.1.0"
__all__ = [
    "Allowance",
    "Answer",
    "Budget",
    "Deployments",
    "Document",
    "Hedge",
    "Hold",
    "Keep",
    "Ladder",
    "Price",
    "RAGPipeline",
    "RagnbError",
    "Retry",
    "Router",
    "Tier",
    "loader",
]

_HOME = {
    "Allowance": "ragnb.routing.budgets",
    "Answer": "ragnb.answer",
    "Budget": "ragnb.routing.budgets",
    "Deployments": "ragnb.resumption.deployments",
    "Document": "ragnb.documents",
    "Hedge": "ragnb.routing.hedging",
    "Hold": "ragnb.routing.hold",
    "Keep": "ragnb.resumption.retention",
    "Ladder": "ragnb.resumption.ladder",
    "Price": "ragnb.llms.price",
    "RAGPipeline": "ragnb.pipeline",
    "RagnbError": "ragnb.errors",
    "Retry": "ragnb.resumption.policy",
    "Router": "ragnb.routing.router",
    "Tier": "ragnb.routing.tiers",
    "loader": "ragnb.ingest.loaders",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'ragnb' has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext ragnb``: adds ``%ask`` and ``%%ask``, and lets ``asyncio.run`` work in a cell."""
    importlib.import_module("ragnb.magics").load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext ragnb``: takes the magics away."""
    importlib.import_module("ragnb.magics").unload(shell)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
