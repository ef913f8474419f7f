"""What the engine asks of a reranker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ragnb.documents import Hit


@runtime_checkable
class Reranker(Protocol):
    """Scores passages against the question. Blocks, and is called from a worker thread."""

    @property
    def name(self) -> str: ...

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """The same hits with new scores, best first."""
        ...
