"""A progress bar for the ingest, where somebody is watching."""

from __future__ import annotations

import sys
from typing import Any

from ragnb.display.environment import headless, in_notebook


class ProgressBar:
    """Files done, with the number of chunks and their rate; silent where nobody watches."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._chunks = 0

    def begin(self, files: int) -> None:
        from tqdm import tqdm

        # In a notebook too it is text: tqdm's widget would stay in the saved file as a view of nothing.
        hidden = headless() if in_notebook() else not sys.stderr.isatty()
        out = sys.stdout if in_notebook() else sys.stderr
        self._bar = tqdm(total=files, desc="Ingesting", unit="file", disable=hidden, leave=False, file=out)

    def advance(self, files: int, chunks: int) -> None:
        self._chunks += chunks
        self._bar.set_postfix(chunks=self._chunks, refresh=False)
        self._bar.update(files)

    def end(self) -> None:
        self._bar.close()
