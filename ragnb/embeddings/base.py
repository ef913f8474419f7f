"""What the pipeline asks of an embedding model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


@runtime_checkable
class Embeddings(Protocol):
    """An embedding model. All methods block, and are called from worker threads.

    ``name`` identifies the vectors: an index made under one name refuses another.
    ``max_tokens`` is the longest text it reads to its end.
    """

    @property
    def name(self) -> str:
        """Identifies the vectors."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """The longest text that is read to its end."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without the model's own marks."""
        ...

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape ``(len(texts), dimensions)``."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """A unit vector, shape ``(dimensions,)``."""
        ...

    def warm_up(self) -> None:
        """Load what the first call would wait for."""
        ...


@runtime_checkable
class TokenEmbeddings(Protocol):
    """An embedding model that also tells the vectors of a text's single tokens, for late interaction.

    They have the shape ``(tokens, width)`` and length one; function words and punctuation are left out. A
    model that has none gives an empty array.
    """

    def embed_document_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        """What `Embeddings.embed_documents` gives, and the token vectors of each text."""
        ...

    def embed_query_tokens(self, text: str) -> Vectors:
        """The vectors of a question's tokens, shape ``(tokens, width)``."""
        ...
