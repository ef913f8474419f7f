"""What is on this machine, what is missing, and what to do about it: ``ragnb doctor``.

It looks and changes nothing: no network, no model is run, no folder is made. It has to work where something
is broken, so every module here imports the standard library alone; what may be missing is imported by the
check that looks for it.
"""

from __future__ import annotations

from pathlib import Path

from ragnb.doctor import home, keys, models, notebooks, packages
from ragnb.doctor.finding import Examination, Finding, cautious

__all__ = ["Examination", "Finding", "examine"]


def examine(folder: str | Path = ".ragnb") -> Examination:
    """Look at the packages, the models, the keys, the front ends and a home folder."""
    folder = Path(folder)
    looked = cautious(home.PART, str(folder), f"Look at what is in {folder}, and at its rights.")
    return Examination(
        (
            *packages.examine(),
            *models.examine(),
            *keys.examine(),
            *notebooks.examine(),
            *looked(lambda: home.examine(folder))(),
        )
    )
