"""A model exported from torch into one ONNX file, and run by ONNX Runtime or OpenVINO without torch."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ragnb.embeddings.backends import PACKAGES, Runtime, Torch, counting, first_line
from ragnb.embeddings.base import Vectors
from ragnb.embeddings.tokens import ContentTokens
from ragnb.errors import ConfigurationError

_TOLERANCE = 1e-4  # an export whose vectors differ more from torch's is not used
_SMALL_BATCH = 8  # texts; a CPU gains nothing by more, and pads more
_FORMAT = 2  # of an export; another number makes all exports anew
_ABANDONED = 3600.0  # seconds; no export takes as long

_OUTPUTS = ["vectors", "tokens"]  # one for each text, and one for each token of each text

# From the inputs to the vectors and, where those are asked for, the tokens.
_Session = Callable[[list[NDArray[np.int64]], bool], list[Vectors]]

# What every export is checked on: short and long, upper case, marks, other scripts, spaces, nothing.
_SAMPLES = [
    "How do refunds work?",
    "",
    " Two  Spaces\nand a line ",
    "Größe, naïve café: 東京タワー, Москва, 🚂!",
    "A Flex ticket is refunded in full until 24 hours before departure. " * 5,
    "word " * 600,
]


class Exported:
    """A model that `export` wrote into a folder. Starts in half a second: torch is not imported."""

    def __init__(self, folder: Path, runtime: Runtime, batch_size: int, threads: int | None) -> None:
        from tokenizers import Tokenizer

        self.name: Runtime = runtime
        self.folder = folder
        about = json.loads((folder / "export.json").read_text("utf-8"))
        self.dimensions: int = about["dimensions"]
        self.max_tokens: int = about["max_tokens"]
        self.batch_size = min(batch_size, _SMALL_BATCH)
        self._inputs: list[str] = about["inputs"]
        self._prompts: dict[str, str] = about["prompts"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.count_tokens = counting(self._tokenizer)
        self._open = partial(_SESSIONS[runtime], folder / "model.onnx", self._inputs)
        self._threads = threads or 0
        self._sessions: dict[int, _Session] = {}
        self._lock = threading.Lock()
        self._session(1)

    def embed_documents(self, texts: list[str]) -> Vectors:
        return self._embed_documents(texts, None)

    def embed_document_tokens(self, texts: list[str]) -> tuple[Vectors, list[Vectors]]:
        tokens = [np.empty((0, 0), np.float32)] * len(texts)
        return self._embed_documents(texts, tokens), tokens

    def embed_query(self, text: str) -> Vectors:
        # One thread: see `_one_thread`. A session of its own does not wait for documents either.
        vector: Vectors = self._run(self._session(1), [self._prompts["query"] + text], None)[0]
        return vector

    def embed_query_tokens(self, text: str) -> Vectors:
        tokens: list[Vectors] = []
        self._run(self._session(1), [self._prompts["query"] + text], tokens)
        return tokens[0]

    def _embed_documents(self, texts: list[str], tokens: list[Vectors] | None) -> Vectors:
        """The vectors of some texts. ``tokens`` is filled with those of their tokens if it is given."""
        session = self._session(self._threads if len(texts) > 1 else 1)  # one alone gains nothing by more
        lengths = self.count_tokens(texts)
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        order = np.argsort(lengths)[::-1]  # texts of one length share a batch, with little padding
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            found: list[Vectors] | None = None if tokens is None else []
            vectors[batch] = self._run(
                session, [self._prompts["document"] + texts[row] for row in batch], found
            )
            for row, one in zip(batch, found or (), strict=False):
                assert tokens is not None
                tokens[row] = one
        return vectors

    def _run(self, session: _Session, texts: list[str], tokens: list[Vectors] | None) -> Vectors:
        """The vectors of some texts; those of their tokens are appended to ``tokens`` if it is given."""
        read = self._tokenizer.encode_batch_fast(texts)
        columns = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
        arrays = [
            np.array([getattr(one, columns[name]) for one in read], np.int64) for name in self._inputs
        ]
        vectors, *found = session(arrays, tokens is not None)
        if tokens is not None:
            for one, single in zip(read, found[0], strict=True):
                present = np.array(one.attention_mask, np.bool_)
                tokens.append(self._content(np.array(one.ids, np.int64)[present], single[present]))
        return vectors

    @cached_property
    def _content(self) -> ContentTokens:
        return ContentTokens(self._tokenizer.get_vocab())

    def _session(self, threads: int) -> _Session:
        with self._lock:
            if threads not in self._sessions:
                self._sessions[threads] = self._open(threads)
            return self._sessions[threads]


def _openvino(file: Path, inputs: list[str], threads: int) -> _Session:
    core = _openvino_that_tells_nobody().Core()
    # On some processors OpenVINO takes bfloat16 unless told otherwise, and the vectors move.
    options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False}
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    model = core.compile_model(file, "CPU", options)

    def run(arrays: list[NDArray[np.int64]], with_tokens: bool) -> list[Vectors]:
        request = model.create_infer_request()  # one for each call: threads do not share them
        request.infer(dict(zip(inputs, arrays, strict=True)), share_inputs=True)
        return [request.get_output_tensor(n).data.copy() for n in range(1 + with_tokens)]

    return run


def _openvino_that_tells_nobody() -> Any:
    """OpenVINO 2026.4 reports its import to a web service, unless it does not find the package for that."""
    reporter = "openvino_telemetry"
    hidden = reporter not in sys.modules
    if hidden:
        sys.modules[reporter] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("openvino")
    finally:
        if hidden:
            del sys.modules[reporter]


def _onnx(file: Path, inputs: list[str], threads: int) -> _Session:
    # From 1.29 on it reports its use to a web service, unless it is told before it starts.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting leaves the core free
    session = runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda arrays, with_tokens: cast(
        list[Vectors], session.run(_OUTPUTS[: 1 + with_tokens], dict(zip(inputs, arrays, strict=True)))
    )


_SESSIONS: dict[Runtime, Callable[[Path, list[str], int], _Session]] = {
    "openvino": _openvino,
    "onnx": _onnx,
}


def export(torch: Torch, folder: Path) -> None:
    """Write a model, its tokenizer and its prompts into a folder, all of it or nothing.

    Raises `ConfigurationError` for a model that cannot be exported, `OSError` where there is no room.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as written:
        draft = Path(written) / "draft"
        draft.mkdir()
        try:
            _write_export(torch, draft)
        except OSError:
            raise
        except Exception as error:  # torch, transformers and onnx each have their own
            raise ConfigurationError(
                f"The embedding model cannot be exported from torch: {first_line(error)}",
                'Use backend="torch".'
                if importlib.util.find_spec("onnx")
                else 'Run pip install onnx, or use backend="torch".',
            ) from error
        try:
            draft.rename(folder)
        except OSError:
            if not is_export(folder):  # else another process was first
                raise
    for other in folder.parent.iterdir():
        if other != folder and _is_left_over(other):
            shutil.rmtree(other, ignore_errors=True)


def _is_left_over(folder: Path) -> bool:
    """An export of files or libraries that were here before, or a draft whose process was killed."""
    with suppress(OSError):
        return is_export(folder) or time.time() - folder.stat().st_mtime > _ABANDONED
    return False


def is_export(folder: Path) -> bool:
    return (folder / "export.json").is_file()


def _write_export(torch: Torch, folder: Path) -> None:
    from torch import Tensor, no_grad
    from torch.nn import Module
    from torch.nn.functional import normalize
    from torch.onnx import export as export_onnx

    model = torch.model
    features = model.preprocess(["A short text.", "Another text, which is a little longer."])
    inputs = [name for name, value in features.items() if isinstance(value, Tensor)]
    if not set(inputs) <= {"input_ids", "attention_mask", "token_type_ids"}:
        raise TypeError(f"it reads {', '.join(inputs)}")

    class Whole(Module):  # type: ignore[misc, unused-ignore]
        """All modules of the model as one, from token numbers to unit vectors of texts and tokens."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *arrays: Tensor) -> tuple[Tensor, Tensor]:
            values: dict[str, Any] = dict(zip(inputs, arrays, strict=True))
            for module in self.model:
                values = module(values)
            vectors = normalize(values["sentence_embedding"][:, : torch.dimensions], dim=1)
            return vectors, normalize(values["token_embeddings"], dim=2)

    axes = {name: {0: "texts", 1: "tokens"} for name in inputs}
    with warnings.catch_warnings(), no_grad():
        warnings.simplefilter("ignore")  # of a trace: what it may miss is found by `open_export`
        export_onnx(
            Whole().eval(),
            tuple(features[name] for name in inputs),
            str(folder / "model.onnx"),
            input_names=inputs,
            output_names=_OUTPUTS,
            dynamic_axes={**axes, "vectors": {0: "texts"}, "tokens": {0: "texts", 1: "tokens"}},
            opset_version=17,
            dynamo=False,  # torch 2.13's newer exporter takes four times as long; the file is no faster
        )
    # As the texts before left it: it truncates and pads as the model wants.
    model.tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    document = next((name for name in ("document", "passage", "corpus") if name in model.prompts), "")
    about = {
        "inputs": inputs,
        "dimensions": torch.dimensions,
        "max_tokens": torch.max_tokens,
        "prompts": {
            "document": model.prompts.get(document, ""),
            "query": model.prompts.get("query", ""),
        },
    }
    documents, queries = torch.embed_documents(_SAMPLES), [torch.embed_query(text) for text in _SAMPLES]
    np.save(folder / "samples.npy", np.array([documents, queries], np.float32))
    np.save(folder / "tokens.npy", torch.embed_query_tokens(_SAMPLES[0]))
    (folder / "export.json").write_text(json.dumps(about), "utf-8")


def open_export(folder: Path, runtime: Runtime, batch_size: int, threads: int | None) -> Exported:
    """A model out of its export, tried once with each version of a runtime.

    Raises `ConfigurationError` if it does not open, or gives other vectors than the model did in torch.
    """
    mark = folder / f"{runtime}-{version(PACKAGES[runtime])}.checked"
    try:
        exported = Exported(folder, runtime, batch_size, threads)
        if mark.exists():
            return exported
        ours = exported.embed_documents(_SAMPLES), [exported.embed_query(text) for text in _SAMPLES]
        tokens = exported.embed_query_tokens(_SAMPLES[0])
        difference = max(
            float(np.max(np.abs(np.subtract(ours, np.load(folder / "samples.npy"))))),
            float(np.max(np.abs(tokens - np.load(folder / "tokens.npy")), initial=0.0)),
        )
    except Exception as error:  # each runtime has its own
        raise ConfigurationError(
            f"The embedding model does not run with {runtime}: {first_line(error)}", 'Use backend="torch".'
        ) from error
    if not difference <= _TOLERANCE:
        raise ConfigurationError(
            f"With {runtime} the embedding model gives other vectors, {difference:.1g} apart.",
            'Use backend="torch".',
        )
    with suppress(OSError):
        mark.touch()
    return exported


def export_folder(place: Path) -> Path:
    """Where the export of the model in a folder is kept, for as long as its files and the libraries that
    made it stay as they are."""
    files = sorted(path for path in place.rglob("*") if path.is_file())
    seen = [
        (path.relative_to(place).as_posix(), path.stat().st_size, path.stat().st_mtime_ns) for path in files
    ]
    made_by = [
        version_of(name) for name in ("torch", "transformers", "sentence-transformers", "tokenizers")
    ]
    model = hashlib.blake2b(str(place.resolve()).encode(), digest_size=8).hexdigest()
    return cache_folder() / "models" / model / digest([_FORMAT, seen, made_by])


def cache_folder() -> Path:
    """ragnb's folder in the user's cache."""
    if importlib.util.find_spec("platformdirs"):
        from platformdirs import user_cache_path

        return user_cache_path("ragnb", appauthor=False)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ragnb"


def version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def digest(parts: list[Any]) -> str:
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()
