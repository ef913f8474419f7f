"""Where an answer can be shown: front ends, kernels, the cell's own bundle, what runs notebooks alone."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from ragnb.doctor.finding import REINSTALL, Finding, cautious
from ragnb.doctor.packages import installed

_PART = "Notebooks"
_FRONT_ENDS = {"jupyterlab": "JupyterLab", "notebook": "Jupyter Notebook", "marimo": "marimo"}
_OPTIONAL = {  # the package, and what it is for
    "ipywidgets": "the question box of rag.ui()",
    "papermill": "reports that run by themselves",
    "nbconvert": "a notebook as a page",
    "pandas": "what evaluate found, as a DataFrame",
    "nest-asyncio2": "asyncio.run in a cell",
}
_BUNDLE = ("static/answer.js", "static/answer.css", "form.js", "form.css")
_OWN = ("python", "python3", f"python3.{sys.version_info.minor}")  # jupyter starts its own Python for these
_LEAST = 1_000  # bytes; no part of the bundle is as small


def examine() -> Iterator[Finding]:
    """Front ends and kernels of this Python, and the packages around them."""
    yield from _front_ends()
    yield from _kernels()
    yield _bundle()
    for package, purpose in _OPTIONAL.items():
        if found := installed(package):
            yield Finding(_PART, package, "ok", found)
        else:
            yield Finding(_PART, package, "absent", f"not installed ({purpose})", f"pip install {package}")


def _front_ends() -> Iterator[Finding]:
    for package, name in _FRONT_ENDS.items():
        if found := installed(package):
            yield Finding(_PART, name, "ok", found)
    if shutil.which("code") or os.environ.get("TERM_PROGRAM") == "vscode":
        yield Finding(_PART, "VS Code", "ok", "is here; its Jupyter extension shows answers live")
    if os.environ.get("COLAB_RELEASE_TAG"):
        yield Finding(_PART, "Colab", "ok", "this is a Colab machine")
    if not any(installed(package) for package in _FRONT_ENDS):
        advice = 'For JupyterLab: pip install "ragnb[notebook]"; scripts and the terminal need none.'
        yield Finding(_PART, "front ends", "absent", "none of this Python", advice)
    extensions = Path(sys.prefix, "share/jupyter/labextensions")
    if installed("jupyterlab") and not (extensions / "@jupyter-widgets/jupyterlab-manager").is_dir():
        yield Finding(
            _PART,
            "JupyterLab's widgets",
            "absent",
            f"no extension for widgets in {extensions}: answers appear when they have ended",
            "pip install jupyterlab_widgets, and reload the page.",
        )


@cautious(_PART, "kernels")
def _kernels() -> Iterator[Finding]:
    if not installed("ipykernel"):
        advice = "For notebooks: pip install ipykernel"
        yield Finding(_PART, "kernels", "absent", "this Python has no ipykernel", advice)
    if find_spec("jupyter_client") is None:
        return
    from jupyter_client.kernelspec import KernelSpecManager

    manager, version = KernelSpecManager(), installed("ipykernel")
    for name in sorted(manager.find_kernel_specs()):
        label, program = f"kernel {name}", manager.get_kernel_spec(name).argv[0]
        if program in _OWN or Path(program) == Path(sys.executable):
            yield Finding(_PART, label, "ok", f"this Python, by ipykernel {version}")
        elif shutil.which(program):
            yield Finding(_PART, label, "ok", f"{program}, which has packages of its own")
        else:
            advice = f"Run: jupyter kernelspec remove {name}"
            yield Finding(_PART, label, "absent", f"its program {program} is gone", advice)


def _bundle() -> Finding:
    folder = Path(__file__).parents[1] / "widget"
    bad = [name for name in _BUNDLE if not _is_whole(folder / name)]
    if bad:
        found = f"{', '.join(bad)} missing or empty in {folder}"
        return Finding(_PART, "the answer cell", "wrong", found, f"Run: {REINSTALL}")
    size = sum((folder / name).stat().st_size for name in _BUNDLE)
    return Finding(_PART, "the answer cell", "ok", f"its bundle is whole ({size / 1024:.0f} KiB)")


def _is_whole(file: Path) -> bool:
    return file.is_file() and file.stat().st_size >= _LEAST
