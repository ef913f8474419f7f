"""How a run is followed while it goes on: a line for each question, or a bar where somebody watches."""

from __future__ import annotations

import sys
from datetime import datetime

from ragnb.display import words
from ragnb.display.environment import headless, in_marimo, in_notebook
from ragnb.display.progress import ProgressBar
from ragnb.reports.result import Result


class Telling:
    """Tells of each question that is done with. What a notebook without a reader prints goes to papermill's
    log, and is gone from the notebook at the end."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._bar = ProgressBar("Asking", "question")
        is_watched = not headless() if in_notebook() else in_marimo() or sys.stderr.isatty()
        self._out = None if is_watched else sys.stdout if in_notebook() else sys.stderr
        self._bar.begin(total)

    def tell(self, result: Result, was_there: bool) -> None:
        """A question is done with; ``was_there`` where its answer was before this start."""
        self._done += 1
        self._bar.advance(1)
        before = ", before this start" if was_there else ""
        self.line(f"{self._done}/{self._total} {result.id}: {became(result)}{before}")

    def line(self, text: str) -> None:
        if self._out is not None:
            now = datetime.now().astimezone()
            said = words.readable(" ".join(text.split()))
            print(f"{now:%Y-%m-%d %H:%M:%S} {said}", file=self._out, flush=True)

    def end(self) -> None:
        self._bar.end()
        if self._out is not None and in_notebook():
            from IPython.display import clear_output

            clear_output()


def became(result: Result) -> str:
    """What became of a question, in a line."""
    if not result.has_answer:
        return f"{result.status}: {result.reason}"
    spent = result.spent
    said = [f"{result.status} in {words.seconds(spent.total)}"]
    if result.sources:
        said.append(words.number(len(result.sources), "source"))
    if spent.model != "extractive":
        said.append(words.money(spent.cost))
    return ", ".join(filter(None, [*said, spent.trouble]))
