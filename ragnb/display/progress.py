"""A progress bar, where somebody is watching."""

from __future__ import annotations

import sys
import time
from typing import Any

from ragnb.display.environment import headless, in_notebook


class ProgressBar:
    """What is done of a number of things, files by default, with the chunks that were embedded and their
    rate where there are any; silent where nobody watches."""

    def __init__(self, title: str = "Ingesting", unit: str = "file") -> None:
        self._title = title
        self._unit = unit
        self._bar: Any = None
        self._chunks = 0
        self._begin = 0.0

    def begin(self, total: int) -> None:
        from tqdm import tqdm

        # In a notebook too it is text: tqdm's widget would stay in the saved file as a view of nothing.
        hidden = headless() if in_notebook() else not sys.stderr.isatty()
        out = sys.stdout if in_notebook() else sys.stderr
        self._begin = time.perf_counter()
        self._bar = tqdm(
            total=total, desc=self._title, unit=self._unit, disable=hidden, leave=False, file=out
        )

    def advance(self, done: int, chunks: int = 0) -> None:
        self._chunks += chunks
        if self._chunks:
            rate = self._chunks / (time.perf_counter() - self._begin)
            self._bar.set_postfix_str(f"{self._chunks:,} chunks, {rate:,.0f}/s", refresh=False)
        self._bar.update(done)
        if chunks:
            self._bar.refresh()  # a large file takes minutes before it is done

    def end(self) -> None:
        self._bar.close()
