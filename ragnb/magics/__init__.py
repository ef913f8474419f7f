"""``%load_ext ragnb``: asking as a magic, and ``asyncio.run`` in a cell."""

from __future__ import annotations

from typing import Any

from ragnb.magics.asking import magic
from ragnb.magics.completion import complete
from ragnb.magics.nesting import nest
from ragnb.magics.syntax import QuestionLine, without_body


def load(shell: Any) -> None:
    """Add ``%ask`` and ``%%ask`` to an IPython shell. To load twice is harmless.

    IPython reads a whole cell before it runs any of it, so questions come in the cells after this.
    """
    unload(shell)
    shell.register_magic_function(magic(shell), "line_cell", "ask")
    shell.input_transformers_cleanup.append(without_body)
    shell.input_transformer_manager.token_transformers.append(QuestionLine)
    if complete is not None:
        shell.Completer.custom_matchers.append(complete)
    if getattr(shell, "kernel", None) is not None:
        nest()


def unload(shell: Any) -> None:
    """Take the magics away. What was done to asyncio stays: cells may be using it."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("ask", None)
    for added, ours in (
        (shell.input_transformers_cleanup, without_body),
        (shell.input_transformer_manager.token_transformers, QuestionLine),
        (getattr(shell.Completer, "custom_matchers", []), complete),
    ):
        if ours in added:
            added.remove(ours)
