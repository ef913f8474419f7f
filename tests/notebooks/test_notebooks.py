"""The notebooks: saved with their outputs, run from top to bottom, and give again what they show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
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


@pytest.mark.timeout(400)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_papermill(path, tmp_path):
    """papermill runs it, and each answer is one display of plain HTML, without widget state."""
    out = tmp_path / path.name
    run("-m", "papermill", "--no-progress-bar", path.name, out, cwd=path.parent)
    notebook = nbformat.read(out, 4)
    assert "widgets" not in notebook.metadata
    shown = [
        output
        for cell in notebook.cells
        if cell.cell_type == "code" and (".ask(" in cell.source or ".show()" in cell.source)
        for output in cell.outputs
        if output.output_type == "display_data"
    ]
    assert shown
    for output in shown:
        html = output.data["text/html"]
        assert "ragnb-answer" in html or "ragnb-question" in html


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
