"""Cross-encoders: a model reads question and passage together and says how well they fit."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ragnb.documents import Hit
from ragnb.embeddings import hub
from ragnb.errors import ConfigurationError
from ragnb.rerankers.base import Ranking
from ragnb.rerankers.fusion import checked, fused, left_out
from ragnb.rerankers.steps import Steps, Wait


class CrossEncoderReranker:
    """A cross-encoder of sentence-transformers, from a folder, the hub's cache or the hub.

    Parameters
    ----------
    model
        A folder, or the hub's name, such as ``"cross-encoder/ms-marco-MiniLM-L6-v2"``.
    share
        What its scores count beside the retriever's, from 0 to 1.
    budget
        Seconds for all passages, the load of the model apart. What is not scored in time keeps its place.
    batch_size
        Passages that are scored at once. A batch that is begun in time is ended, though nobody waits.
    device
        Such as ``cpu`` or ``cuda``; None takes the best there is.
    wait
        How the answer waits for the scores: for an event, up to so many seconds.

    Raises `ConfigurationError` for a folder or a name that holds no cross-encoder: at once where it is on
    this machine, else when it is loaded.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        share: float = 0.5,
        budget: float = 1.0,
        batch_size: int = 4,
        device: str | None = None,
        wait: Wait = threading.Event.wait,
    ) -> None:
        checked(share, budget)
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ConfigurationError(f"batch_size={batch_size!r} is no number.", "Use 1 or more.")
        self.model = str(model)
        self.share = share
        self.budget = budget
        self.batch_size = batch_size
        self.device = device
        self._scoring = Steps(wait)
        self._lock = threading.Lock()
        self._loaded: Any = None
        place = self._place()
        if place is not None:
            _check(place, self.model)

    def __repr__(self) -> str:
        return f"CrossEncoderReranker({self.model!r})"

    @property
    def name(self) -> str:
        return f"cross-encoder:{self.model}"

    def warm_up(self) -> None:
        """Load the model and run it once."""
        self._load().predict([("warm", "up")], show_progress_bar=False)

    def rerank(self, question: str, hits: Sequence[Hit]) -> Ranking:
        """The hits by both scores; see `Reranker.rerank`."""
        model = self._load()
        scores: dict[int, float] = {}
        over = threading.Event()

        def score(batch: Sequence[int]) -> None:
            if not over.is_set():
                pairs = [(question, hits[n].chunk.searched_text) for n in batch]
                found = model.predict(pairs, batch_size=len(pairs), show_progress_bar=False)
                scores.update(zip(batch, np.asarray(found, np.float64).tolist(), strict=True))

        numbers = range(len(hits))
        batches = [numbers[start : start + self.batch_size] for start in numbers[:: self.batch_size]]
        try:
            self._scoring.do([partial(score, batch) for batch in batches], self.budget)
        finally:
            over.set()
        in_time = dict(scores)
        return Ranking(fused(hits, in_time, self.share), left_out(len(in_time), hits, self.budget))

    def _place(self) -> Path | None:
        """The folder on this machine that holds the model."""
        if Path(self.model).is_dir():
            return Path(self.model)
        return hub.cached(self.model, "cross-encoder")

    def _load(self) -> Any:
        with self._lock:
            if self._loaded is None:
                with hub.quiet():
                    self._loaded = self._open()
            return self._loaded

    def _open(self) -> Any:
        from sentence_transformers import CrossEncoder

        place = self._place()
        if place is None:
            hub.ask(self.model, "cross-encoder", organisation="cross-encoder")
        else:
            _check(place, self.model)
        try:
            model = CrossEncoder(
                str(place or self.model), device=self.device, local_files_only=place is not None
            )
        except (OSError, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ConfigurationError(
                f"The cross-encoder {self.model} could not be loaded: {reason}",
                "Check the name or folder, the network and the room on the disk.",
            ) from error
        if model.num_labels != 1:
            raise ConfigurationError(
                f"The model {self.model} gives {model.num_labels} numbers for a passage, not one.",
                "Take a cross-encoder that was trained for ranking: “cross-encoder/ms-marco-MiniLM-L6-v2”.",
            )
        return model


def _check(folder: Path, name: str) -> None:
    """Raises `ConfigurationError` if a folder holds no cross-encoder: the library would make one of any
    model, with weights at random."""
    told = _read(folder / "config_sentence_transformers.json").get("model_type")
    config = _read(folder / "config.json")
    kinds = [str(kind) for kind in config.get("architectures") or ()]
    if told == "CrossEncoder" or any(kind.endswith("ForSequenceClassification") for kind in kinds):
        return
    is_a = f", but a {told or kinds[0]}" if told or kinds else ""
    raise ConfigurationError(
        f"{name} is no cross-encoder{is_a}.",
        "Pass the folder or the name of one: “cross-encoder/ms-marco-MiniLM-L6-v2” reads English.",
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
