"""The packages that ragnb needs, by the metadata it was installed with, and those that make it faster."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from ragnb.doctor.finding import Finding

_PART = "Packages"
_OPTIONAL = {  # the package, what it is for, and the extra that brings it
    "openvino": ("embeddings run up to twice as fast", "openvino"),
    "onnxruntime": ("embeddings run faster", "onnx"),
    "accelerate": ("local models that are too large for one device", "transformers"),
}

_TOLD = ("sentence-transformers", "qdrant-edge-py", "openai", "anthropic", "anywidget")


def examine() -> Iterator[Finding]:
    """Each needed package that is missing or too old, the versions that matter, and the device."""
    yield from _needed()
    yield _torch()
    for package, (purpose, extra) in _OPTIONAL.items():
        found = installed(package)
        if found:
            yield Finding(_PART, package, "ok", found)
        else:
            yield Finding(
                _PART, package, "absent", f"not installed ({purpose})", f'pip install "ragnb[{extra}]"'
            )


def installed(package: str) -> str:
    """The version of a package, empty if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _needed() -> Iterator[Finding]:
    try:
        given = requires("ragnb") or []
    except PackageNotFoundError:
        yield Finding(
            _PART, "ragnb", "wrong", "runs from a folder that is not installed", "Run: pip install -e ."
        )
        return
    needed = [requirement for requirement in given if "extra ==" not in requirement]
    faults = [fault for requirement in needed if (fault := _fault(requirement))]
    good = len(needed) - len(faults)
    yield Finding(_PART, "needed", "ok", f"{good} of {len(needed)} packages, in versions that fit")
    versions = ", ".join(f"{name} {found}" for name in _TOLD if (found := installed(name)))
    yield Finding(_PART, "among them", "ok", versions)
    yield from faults


def _fault(requirement: str) -> Finding | None:
    name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
    wanted = requirement.partition(";")[0].strip()
    advice = f'Run: pip install "{wanted}"'
    found = installed(name)
    if not found:
        return Finding(_PART, name, "wrong", "is missing", advice)
    if not _fits(wanted, found):
        return Finding(_PART, name, "wrong", f"is {found}, which does not fit {wanted}", advice)
    return None


def _fits(wanted: str, found: str) -> bool:
    try:
        from packaging.requirements import Requirement
    except ImportError:  # it comes with other packages, and not for certain
        return True
    return Requirement(wanted).specifier.contains(found, prereleases=True)


def _torch() -> Finding:
    try:
        import torch
    except Exception as error:  # a library of the system that it needs may be missing
        found = f"cannot be imported ({type(error).__name__})"
        return Finding(_PART, "torch", "wrong", found, "Run: pip install --force-reinstall torch")
    return Finding(_PART, "torch", "ok", f"{torch.__version__}, on {_device(torch)}")


def _device(torch: object) -> str:
    cuda, backends = getattr(torch, "cuda", None), getattr(torch, "backends", None)
    if cuda is not None and cuda.is_available():
        return f"the GPU {cuda.get_device_name(0)}"
    if backends is not None and backends.mps.is_available():
        return "Apple's GPU"
    return f"{os.cpu_count()} cores, no GPU"
