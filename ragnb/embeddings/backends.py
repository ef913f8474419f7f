"""What runs an embedding model: torch here, ONNX Runtime or OpenVINO on an export of it (`exports`)."""

from __future__ import annotations

import copy
import importlib.util
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Literal, Protocol, cast

import numpy as np

from ragnb.embeddings.base import Vectors
from ragnb.embeddings.tokens import ContentTokens, normalized
from ragnb.errors import ConfigurationError

BackendName = Literal["torch", "onnx", "openvino"]
Runtime = Literal["onnx", "openvino"]

PACKAGES: dict[Runtime, str] = {"openvino": "openvino", "onnx": "onnxruntime"}
_NO_LIMIT = 100_000  # tokens; tokenizers without a limit name a huge number


class Backend(Protocol):
    """A loaded model. Vectors have length one; several threads may call it at once."""

    @property
    def name(self) -> BackendName: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int: ...

    def count_tokens(self, texts: list[str]) -> list[int]: ...

    def embed_documents(self, texts: list[str]) -> Vectors: ...

    def embed_query(self, text: str) -> Vectors: ...

    def embed_document_tokens(self, texts: list[str]) -> tuple[Vectors, list[Vectors]]: ...

    def embed_query_tokens(self, text: str) -> Vectors: ...


class Torch:
    """A `sentence_transformers.SentenceTransformer`, on the device that it was loaded to."""

    name: BackendName = "torch"

    def __init__(self, model: Any, batch_size: int, threads: int | None) -> None:
        self.model = model
        self.batch_size = batch_size
        if threads is not None:
            import torch

            torch.set_num_threads(min(threads, torch.get_num_threads()))
        # A call that truncates otherwise than the one before it changes the tokenizer under the feet of
        # other threads. So counting, which does not truncate, has a tokenizer of its own, and a first text
        # leaves the model's as all later texts want it.
        self.count_tokens = counting(model.tokenizer)
        self.embed_documents(["first text"])

    @property
    def dimensions(self) -> int:
        return int(self.model.get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        longest = self.model.max_seq_length
        return int(longest) if longest and longest < _NO_LIMIT else 512  # some models have no limit

    @property
    def on_cpu(self) -> bool:
        return bool(self.model.device.type == "cpu")

    def embed_documents(self, texts: list[str]) -> Vectors:
        return self._encode(self.model.encode_document, texts)

    def embed_query(self, text: str) -> Vectors:
        with _one_thread():
            return self._encode(self.model.encode_query, text)

    def embed_document_tokens(self, texts: list[str]) -> tuple[Vectors, list[Vectors]]:
        return self._encode_tokens(self.model.encode_document, texts)

    def embed_query_tokens(self, text: str) -> Vectors:
        with _one_thread():
            return self._encode_tokens(self.model.encode_query, [text])[1][0]

    def _encode_tokens(self, encode: Any, texts: list[str]) -> tuple[Vectors, list[Vectors]]:
        read = encode(texts, batch_size=self.batch_size, output_value=None, show_progress_bar=False)
        vectors = normalized(np.stack([_array(one["sentence_embedding"]) for one in read]))
        if "token_embeddings" not in read[0]:  # a model that only looks words up
            return vectors, [np.empty((0, 0), np.float32)] * len(texts)
        tokens = []
        for one in read:
            present = _array(one["attention_mask"]).astype(np.bool_)
            numbers, found = _array(one["input_ids"]), _array(one["token_embeddings"])
            tokens.append(self._content(numbers[present].astype(np.int64), found[present]))
        return vectors, tokens

    @cached_property
    def _content(self) -> ContentTokens:
        return ContentTokens(self.model.tokenizer.get_vocab())

    def _encode(self, encode: Any, texts: list[str] | str) -> Vectors:
        vectors: Vectors = encode(
            texts,
            batch_size=self.batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return vectors.astype(np.float32, copy=False)


def _array(tensor: Any) -> Vectors:
    return cast(Vectors, tensor.float().cpu().numpy())


def installed() -> list[Runtime]:
    """The runtimes that can be imported here."""
    return [name for name, package in PACKAGES.items() if importlib.util.find_spec(package)]


def require(runtime: Runtime) -> None:
    """Raises `ConfigurationError` if a runtime is not installed."""
    if runtime not in installed():
        raise ConfigurationError(
            f"The embedding back end {runtime} needs the package {PACKAGES[runtime]}.",
            f'Run pip install "ragnb[{runtime}]", or leave out backend=.',
        )


def counting(tokenizer: Any) -> Callable[[list[str]], list[int]]:
    """Counts tokens without truncation and without the model's own marks, by a copy of a tokenizer."""
    own: Any = copy.deepcopy(getattr(tokenizer, "backend_tokenizer", tokenizer))
    if not hasattr(own, "encode_batch_fast"):  # a tokenizer in Python, which has no state to disturb
        return lambda texts: [len(own.encode(text, add_special_tokens=False)) for text in texts]
    own.no_truncation()
    own.no_padding()
    return lambda texts: [len(ids) for ids in own.encode_batch_fast(texts, add_special_tokens=False)]


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


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
