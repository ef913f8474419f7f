"""Executes the notebooks of a folder, and saves them with their outputs: ``python save.py notebooks``."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def main(folder: Path) -> None:
    for path in sorted(folder.glob("*.ipynb")):
        notebook = nbformat.read(path, 4)
        # One output for all that a cell prints, as a front end shows it.
        NotebookClient(notebook, coalesce_streams=True, resources={"metadata": {"path": folder}}).execute()
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
        nbformat.write(notebook, path)
        print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
