"""Which back end embeds the fastest on this machine: measured once, and remembered."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ragnb.embeddings import exports
from ragnb.embeddings.backends import PACKAGES, Backend
from ragnb.embeddings.exports import digest, export_folder, version_of

_MEASURED_TEXTS, _MEASURED_SECONDS = 8, 3.0


def measure(backends: Sequence[Backend], texts: list[str]) -> dict[str, float]:
    """Texts a second of each back end on a sample of some texts, in turns: other work slows all alike."""
    sample = texts[:: max(1, len(texts) // _MEASURED_TEXTS)][:_MEASURED_TEXTS]
    for backend in backends:
        backend.embed_documents(sample)
    best = dict.fromkeys((backend.name for backend in backends), 0.0)
    begin = time.perf_counter()
    for _ in range(3):
        for backend in backends:
            started = time.perf_counter()
            backend.embed_documents(sample)
            best[backend.name] = max(best[backend.name], len(sample) / (time.perf_counter() - started))
        if time.perf_counter() - begin > _MEASURED_SECONDS:
            break
    return {str(name): round(speed, 1) for name, speed in best.items()}


def remembered(place: Path, device: str | None, threads: int | None) -> dict[str, float]:
    """What `measure` found before for a model on this machine; empty if it has not."""
    try:
        speeds = json.loads(_speeds_file().read_text("utf-8"))[_machine(place, device, threads)]["texts/s"]
        return {str(name): float(speed) for name, speed in speeds.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}  # none yet, or a file that someone has changed


def remember(place: Path, device: str | None, threads: int | None, speeds: dict[str, float]) -> None:
    """Keep what `measure` found. A cache that cannot be written costs the next process the measuring."""
    file = _speeds_file()
    try:
        known = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        known = {}
    known = known if isinstance(known, dict) else {}
    known[_machine(place, device, threads)] = {"model": str(place), "texts/s": speeds}
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(known, indent=1), "utf-8")
        draft.replace(file)


def _speeds_file() -> Path:
    return exports.cache_folder() / "backends.json"


def _machine(place: Path, device: str | None, threads: int | None) -> str:
    """Names a model on this processor with these libraries."""
    versions = [version_of(package) for package in PACKAGES.values()]
    return digest(
        [str(export_folder(place)), device, threads, _processor(), os.cpu_count(), versions, _devices()]
    )


def _processor() -> str:
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as told:
        for line in told:
            if line.startswith("model name"):
                return line
    return platform.processor()


def _devices() -> list[str | None]:
    """What tells, without torch, that an accelerator may have come or gone."""
    nodes = ("/dev/nvidia0", "/dev/kfd", "/dev/dxg")
    return [*(node for node in nodes if os.path.exists(node)), os.environ.get("CUDA_VISIBLE_DEVICES")]
