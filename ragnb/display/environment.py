"""Where the code runs: a terminal, a notebook with somebody in front of it, or one without."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any


def in_notebook() -> bool:
    """True in a Jupyter kernel."""
    return getattr(_shell(), "kernel", None) is not None


def in_marimo() -> bool:
    """True in a marimo notebook; marimo is not imported to find out."""
    marimo = sys.modules.get("marimo")
    return marimo is not None and bool(marimo.running_in_notebook())


def headless() -> bool:
    """True in a notebook that nobody watches (papermill, nbval, nbconvert).

    Front ends name the cell in each request's metadata; headless runners leave that empty. The
    environment variable ``RAGNB_DISPLAY`` (``live`` or ``static``) decides otherwise.
    """
    wish = os.environ.get("RAGNB_DISPLAY")
    if wish in ("live", "static"):
        return wish == "static"
    kernel = getattr(_shell(), "kernel", None)
    if kernel is None or "google.colab" in sys.modules:  # Colab's requests name no cell
        return False
    parent: dict[str, Any] = kernel.get_parent() or {}
    return not parent.get("metadata")


def execution_count() -> int | None:
    """The number of the cell that runs, None outside IPython."""
    return getattr(_shell(), "execution_count", None)


def when_cell_ends(call: Callable[[object], None]) -> None:
    """Have ``call(result)`` called after each cell of this kernel, while outputs still go to that cell."""
    _shell().events.register("post_run_cell", call)


def _shell() -> Any:
    """IPython's shell if this process has one; IPython is not imported to find out."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
