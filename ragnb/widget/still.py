"""An answer as one output that does not change."""

from __future__ import annotations

from ragnb.answer import Answer
from ragnb.display.static import mimebundle


def display_static(answer: Answer) -> None:
    """Show the answer as it is now."""
    from IPython.display import display

    display(mimebundle(answer), raw=True)
