"""The Binder image: what repo2docker makes of `binder/` holds the notebooks, within a Binder's memory.

It is built here without docker: a fresh virtual environment stands in conda's place, and holds no more than
ragnb needs. So these are also the runs of the notebooks without the extras; `tests/notebooks` has the others.
"""

from __future__ import annotations

import json
import os
import re
import subprocess

import nbformat
import pytest

from tests.binder import memory
from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LIMIT = 2 * 1024**3  # a Binder's, in bytes


def test_what_repo2docker_makes_of_it(dockerfile, described, repository):
    """The Dockerfile has the Python that is tested, torch for the CPU as it is pinned, and runs postBuild."""
    packages, requirements = described
    assert packages["python"] == "3.11"
    assert f"torch=={packages['pytorch-cpu']}" in (repository / "constraints.txt").read_text().splitlines()
    assert requirements == ["-c ../constraints.txt", "..[offline]"]
    assert "RUN ./binder/postBuild" in dockerfile
    script = repository / "binder" / "postBuild"
    assert "set -euo pipefail" in script.read_text() and os.access(script, os.X_OK)


def test_the_badge_opens_the_quickstart():
    """The address behind the badge opens a notebook that is there, in JupyterLab."""
    (path,) = re.findall(
        r"https://mybinder\.org/v2/\S+?urlpath=lab/tree/([\w/.]+)", (ROOT / "README.md").read_text()
    )
    assert (ROOT / path).is_file() and path == "notebooks/01_quickstart.ipynb"


@pytest.mark.timeout(1500)  # the first one makes the environment
def test_the_image(image):
    """It has none of the extras, and after postBuild the doctor finds nothing wrong."""
    listed = subprocess.run(
        ["pip", "list", "--format=freeze"], env=image.env, capture_output=True, text=True, check=True
    ).stdout
    assert re.search("(?m)^torch==", listed)
    assert not re.findall("(?im)^(?:openvino|onnx|onnxruntime|pandas|jupyterlab|accelerate)==.*", listed)
    told = json.loads(
        subprocess.run(
            ["ragnb", "doctor", "--json"], env=image.env, capture_output=True, text=True, check=True
        ).stdout
    )
    model = next(one for one in told["findings"] if one["name"].endswith("all-MiniLM-L6-v2"))
    assert told["ok"] and model["state"] == "ok" and "Nothing is wrong." in image.said


@pytest.mark.timeout(1500)  # the first one makes the environment
@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_papermill(path, image, repository, tmp_path, record_property):
    """papermill runs the notebook there, all its processes together below 2 GB, and each answer is one
    display of plain HTML, without widget state."""
    out = tmp_path / path.name
    command = ["python", "-m", "papermill", "--no-progress-bar", path.name, str(out)]
    log = tmp_path / "log"
    status, peak = memory.run(command, cwd=repository / "notebooks", env=image.env, limit=LIMIT, log=log)
    record_property("peak", peak)
    assert peak <= LIMIT, f"{peak / 1e6:,.0f} MB"
    assert status == 0, log.read_text()[-4000:]
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
