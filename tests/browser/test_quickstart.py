"""The quickstart notebook in a JupyterLab, as a newcomer runs it."""

from __future__ import annotations

import shutil
from typing import Any

import nbformat
from playwright.sync_api import expect

from tests.browser.conftest import SHOTS
from tests.browser.notebook import Notebook
from tests.conftest import ROOT


def answers(notebook: Any) -> list[int]:
    """How many answers each cell shows."""
    outputs = [cell.get("outputs", []) for cell in notebook.cells]
    return [sum('class="ragnb-answer' in str(output) for output in each) for each in outputs]


def test_the_quickstart(page, jupyter, shot):
    """It runs from top to bottom without an error, and each answer is shown as often as in the notebook's file."""
    folder = jupyter.folder / "quickstart"
    (folder / "notebooks").mkdir(parents=True)
    shutil.copytree(ROOT / "data", folder / "data")
    notebook = nbformat.read(ROOT / "notebooks" / "01_quickstart.ipynb", 4)
    published = answers(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, folder / "notebooks" / "01_quickstart.ipynb")
    opened = Notebook(page, jupyter, "quickstart/notebooks/01_quickstart.ipynb")
    page.set_viewport_size({"width": 1200, "height": 5000})  # JupyterLab draws only cells in sight
    opened.open()
    opened.command("notebook:run-all-cells")
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            opened.wait_for_end(index)
    expect(page.locator(".ragnb-live")).to_have_count(0)
    expect(page.locator(".ragnb-answer")).to_have_count(sum(published))
    saved = opened.save()
    assert answers(saved) == published
    assert not any(
        output.output_type == "error" for cell in saved.cells for output in cell.get("outputs", [])
    )
    shot("quickstart")
    last = page.locator(".ragnb-answer").last
    last.locator(".ragnb-source summary").first.click()
    last.locator(".ragnb-facts summary").click()
    last.screenshot(path=SHOTS / "answer.png")
