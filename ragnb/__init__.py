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
    from ragnb.pipeline import RAGPipeline
    from ragnb.resumption.policy import Retry
    from ragnb.resumption.retention import Keep

__version__ = "0.1.0"
__all__ = ["Answer", "Document", "Keep", "RAGPipeline", "RagnbError", "Retry", "loader"]

_HOME = {
    "Answer": "ragnb.answer",
    "Document": "ragnb.documents",
    "Keep": "ragnb.resumption.retention",
    "RAGPipeline": "ragnb.pipeline",
    "RagnbError": "ragnb.errors",
    "Retry": "ragnb.resumption.policy",
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
