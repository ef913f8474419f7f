"""A notebook in a page of JupyterLab or Notebook 7, as a test drives it."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any, Literal

import nbformat
from playwright.sync_api import Locator, Page

Host = Literal["lab", "notebook"]

PATIENCE = 40_000  # ms: JupyterLab on two busy cores
_PATHS: dict[Host, str] = {"lab": "lab/tree", "notebook": "notebooks"}
_PANEL = """
  const app = window.jupyterapp;
  const panel = app && [...app.shell.widgets("main")].find(widget => widget.sessionContext);
"""
_IS_OPEN = f"() => {{ {_PANEL} return panel?.content?.model && panel.context.isReady; }}"
_READY = f"""async () => {{
  {_PANEL}
  await app.restored;
  await panel.sessionContext.ready;
}}"""
_IS_IDLE = f"() => {{ {_PANEL} return panel.sessionContext.session?.kernel?.status === 'idle'; }}"
_RUN = f"""async index => {{
  {_PANEL}
  app.shell.activateById(panel.id);
  panel.content.activeCellIndex = index;
  await app.commands.execute("notebook:run-cell");
}}"""
_HAS_ENDED = f"""index => {{
  {_PANEL}
  const {{ model }} = panel.content.widgets[index];
  return model.executionState === "idle" && model.executionCount > 0;
}}"""
_EXECUTE = f"""async code => {{
  {_PANEL}
  const request = panel.sessionContext.session.kernel.requestExecute({{ code, silent: true }});
  let printed = "";
  request.onIOPub = ({{ content }}) => {{ printed += content.text ?? content.evalue ?? ""; }};
  await request.done;
  return printed;
}}"""


class Jupyter:
    """A server with JupyterLab and Notebook 7 on a folder of its own."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the server's own interface."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.loads(reply.read() or "null")

    def start_kernel(self) -> str:
        return str(self.call("POST", "kernels", {"name": "python3"})["id"])

    def stop_kernel(self, kernel: str) -> None:
        self.call("DELETE", f"kernels/{kernel}")


class Notebook:
    """An open notebook; cells count from 0."""

    def __init__(self, page: Page, jupyter: Jupyter, name: str, host: Host = "lab") -> None:
        self.page = page
        self.jupyter = jupyter
        self.path = jupyter.folder / name
        self.url = f"{jupyter.url}/{_PATHS[host]}/{name}"

    def write(self, *cells: str) -> None:
        """Write its file, with code cells that were never run."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        nbformat.write(notebook, self.path)

    def open(self, kernel: str | None = None) -> None:
        """Open it, on a running kernel if one is given, and wait until cells can be run."""
        if kernel is not None:
            body = {"path": self.path.name, "name": self.path.name, "type": "notebook"}
            self.jupyter.call("POST", "sessions", {**body, "kernel": {"id": kernel}})
        self.page.goto(f"{self.url}?reset")
        self.wait_until_ready()

    def reload(self) -> None:
        """Load the page again. The kernel may be busy."""
        self.page.reload()
        self.page.wait_for_function(_IS_OPEN, timeout=PATIENCE)

    def wait_until_ready(self) -> None:
        self.page.wait_for_function(_IS_OPEN, timeout=PATIENCE)
        self.page.evaluate(_READY)
        self.page.wait_for_function(_IS_IDLE, timeout=PATIENCE)

    def start(self, index: int) -> None:
        """Run a cell, and do not wait for it."""
        self.page.evaluate(f"index => {{ ({_RUN})(index); }}", index)

    def run(self, index: int) -> None:
        """Run a cell to its end."""
        self.page.evaluate(_RUN, index)

    def command(self, name: str) -> None:
        """Have the host do what its menu says, with the cell that was run last."""
        self.page.evaluate("name => window.jupyterapp.commands.execute(name)", name)

    def cell(self, index: int) -> Locator:
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def outputs(self, index: int) -> Locator:
        return self.cell(index).locator(".jp-OutputArea-child:visible")

    def wait_for_end(self, index: int) -> None:
        """Until a cell that was started has ended."""
        self.page.wait_for_function(_HAS_ENDED, arg=index, timeout=PATIENCE)

    def save(self) -> Any:
        """Save it, and read what was saved."""
        self.page.evaluate(f"() => {{ {_PANEL} return panel.context.save(); }}")
        return nbformat.read(self.path, 4)

    def execute(self, code: str) -> str:
        """Run code in the kernel, which is not busy, without a cell; returns what it printed."""
        return str(self.page.evaluate(_EXECUTE, code))

    def evaluate(self, expression: str) -> Any:
        """The value of a Python expression in the kernel."""
        return json.loads(self.execute(f"import json; print(json.dumps({expression}))"))
