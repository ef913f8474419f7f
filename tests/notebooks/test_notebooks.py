"""The notebooks: saved with their outputs, run from top to bottom, and give again what they show.

These runs have all extras; `tests/binder` runs them by papermill with none.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ids = [path.stem for path in NOTEBOOKS]


def run(*command: str | Path, cwd: Path) -> str:
    env = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.timeout(400)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_nbval(path):
    """Run again, every cell gives the output it was saved with, times apart (nbval, strict)."""
    run(
        *("-m", "pytest", "--nbval", path.name, "--nbval-sanitize-with", ROOT / "tests/notebooks/sanitize.cfg"),
        *("-p", "no:cacheprovider", "-q", "-c", os.devnull, "--rootdir", "."),
        cwd=path.parent,
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_saved_well(path):
    """As saved it is small, has no error, no placeholder, no widget state and no path of a machine."""
    text = path.read_text()
    notebook = json.loads(text)
    assert len(text) < 400_000
    assert "widgets" not in notebook["metadata"]
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code)
    assert "application/vnd.jupyter.widget-view" not in text
    assert not [o for cell in code for o in cell["outputs"] if o["output_type"] == "error"]
    assert "Searching …" not in text
    assert str(ROOT) not in text
