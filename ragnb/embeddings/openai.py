"""OpenAI's embedding models, and every server that speaks the same protocol."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import finalize

import numpy as np

from ragnb.embeddings.base import Vectors
from ragnb.providers.clients import api_key, load, ssl_context
from ragnb.providers.faults import Provider, from_exception

if TYPE_CHECKING:
    from openai import OpenAI

_DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
_CHARACTERS_PER_TOKEN = 4  # OpenAI's own rule of thumb for English


class OpenAIEmbeddings:
    """An embedding model behind OpenAI's API.

    Parameters
    ----------
    model
        Such as ``text-embedding-3-small``.
    dimensions
        Fewer than the model's own, where it allows that.
    base_url
        Another server that speaks the protocol.
    api_key
        Else ``OPENAI_API_KEY`` from the environment when the first request is made; a server of one's
        own may need none.
    batch_size
        Texts in one request.
    max_tokens
        How long a chunk may be. The models read 8,191 tokens, but a passage of that length is of
        everything and nothing, and cannot be cited.
    """

    def __init__(
        self,
        model: str = "text-embedding-3-small",
        *,
        dimensions: int | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        batch_size: int = 256,
        max_tokens: int = 400,
    ) -> None:
        self.model = model
        self.base_url = base_url
        self.batch_size = batch_size
        self.max_tokens = max_tokens
        self._wanted = dimensions
        self._dimensions = dimensions
        if base_url is None and dimensions is None and not os.environ.get("OPENAI_BASE_URL"):
            self._dimensions = _DIMENSIONS.get(model)
        self._api_key = api_key
        self._lock = threading.Lock()
        self._client: OpenAI | None = None

    def __repr__(self) -> str:
        return f"OpenAIEmbeddings({self.model!r})"

    @property
    def name(self) -> str:
        return f"openai:{self.model}"

    @property
    def dimensions(self) -> int:
        """Known for OpenAI's own models, else seen once from an embedding."""
        if self._dimensions is None:
            self._dimensions = self._embed(["dimensions"]).shape[1]
        return self._dimensions

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Estimated at four characters a token."""
        return [-(-len(text) // _CHARACTERS_PER_TOKEN) for text in texts]

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape ``(len(texts), dimensions)``.

        Raises `ProviderError`, and `ConfigurationError` where no key is to be found.
        """
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        batches = [
            self._embed(texts[start : start + self.batch_size])
            for start in range(0, len(texts), self.batch_size)
        ]
        return np.concatenate(batches)

    def embed_query(self, text: str) -> Vectors:
        """A unit vector, shape ``(dimensions,)``."""
        vector: Vectors = self._embed([text])[0]
        return vector

    def warm_up(self) -> None:
        load("openai.resources.embeddings")

    def _embed(self, texts: Sequence[str]) -> Vectors:
        client = self._connect()
        provider = Provider("openai", self.model, str(client.base_url), "OPENAI_API_KEY")
        given = [text if text.strip() else "(empty)" for text in texts]  # refused by the API
        try:
            if self._wanted is None:
                response = client.embeddings.create(model=self.model, input=given)
            else:
                response = client.embeddings.create(model=self.model, input=given, dimensions=self._wanted)
            items = sorted(response.data, key=lambda item: getattr(item, "index", None) or 0)
            vectors: Vectors = np.array([item.embedding for item in items], np.float32)
        except (AttributeError, TypeError, ValueError) as error:
            raise provider.error("garbage") from error
        except Exception as error:
            raise from_exception(error, provider) from error
        if vectors.ndim != 2 or len(vectors) != len(given) or not np.isfinite(vectors).all():
            raise provider.error("garbage")
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.where(norms == 0, 1, norms)).astype(np.float32)

    def _connect(self) -> OpenAI:
        self.warm_up()
        from openai import DefaultHttpxClient, OpenAI

        with self._lock:
            if self._client is None:
                key = api_key(self._api_key, "OPENAI_API_KEY", self.base_url, "OpenAI's embeddings")
                self._client = OpenAI(
                    api_key=key,
                    base_url=self.base_url,
                    max_retries=2,
                    timeout=60.0,
                    http_client=DefaultHttpxClient(verify=ssl_context()),
                )
                finalize(self, self._client.close)
            return self._client
