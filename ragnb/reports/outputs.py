"""Where a report goes: files, and the outputs of a cell."""

from __future__ import annotations

from pathlib import Path

from ragnb.display.environment import in_notebook
from ragnb.errors import InvalidInputError
from ragnb.reports import plots
from ragnb.reports.files import writable, write
from ragnb.reports.markdown import answer as as_markdown
from ragnb.reports.markdown import markdown
from ragnb.reports.page import page
from ragnb.reports.report import LINES, MARKDOWN, PAGE, Report
from ragnb.reports.result import to_lines
from ragnb.reports.sections import section


def save(report: Report, folder: Path) -> list[Path]:
    """Write all files, each at once. Raises `InvalidInputError` where that is not possible."""
    writable(folder)
    parts = {
        PAGE: (part.encode("utf-8", "replace") for part in page(report)),
        MARKDOWN: (part.encode("utf-8", "replace") for part in markdown(report)),
        LINES: to_lines(report),
    }
    for name, content in parts.items():
        try:
            write(folder / name, content)
        except OSError as error:
            raise InvalidInputError(
                f"{folder / name} cannot be written: {error.strerror}.",
                "Make room, or use another output folder; the same run id then pays nothing twice.",
            ) from error
    return [folder / name for name in parts]


def show(report: Report) -> None:
    """Each answer as an output of its own in a notebook, else as text."""
    for number, (one, answer) in enumerate(report.answers(), start=1):
        text = as_markdown(number, one, answer)
        if in_notebook():
            from IPython.display import display

            html = section(number, one, answer)
            display({"text/html": html, "text/markdown": text, "text/plain": text}, raw=True)
        else:
            print(f"{text}\n")


class Plots:
    """Time and cost as pictures; as text, the percentiles."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def __repr__(self) -> str:
        return plots.plain(self._report)

    def _repr_html_(self) -> str:
        return plots.plots(self._report)
