"""What a reader of an index may see while documents change under it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct


class View(Struct, frozen=True):
    """What one search sees: revisions that it must not find, and ones that it must although they are still
    marked as staged."""

    hidden: frozenset[int]
    landed: frozenset[int]


class Visibility:
    """Lets readers see each document whole, before or after a change.

    A revision on its way in is hidden; a `switch` shows it and hides the one before, at once. That one may
    be deleted when those who began to read before the switch are done (`drain`).
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._hidden: set[int] = set()
        self._landed: set[int] = set()
        self._generation = 0
        self._readers: Counter[int] = Counter()  # by the generation in which they began

    @contextmanager
    def reading(self) -> Iterator[View]:
        with self._changed:
            generation = self._generation
            self._readers[generation] += 1
            view = View(frozenset(self._hidden), frozenset(self._landed))
        try:
            yield view
        finally:
            with self._changed:
                self._readers[generation] -= 1
                if not self._readers[generation]:
                    del self._readers[generation]
                    self._changed.notify_all()

    def hide(self, revision: int) -> None:
        """Let nobody see a revision of which nothing is there yet. It may be written after a `drain`."""
        with self._changed:
            self._hidden.add(revision)
            self._generation += 1

    def switch(self, shown: int | None, change: Callable[[], int | None]) -> int | None:
        """Run ``change``, which writes down the new state and returns the revision that goes, if any; show
        the one and hide the other. No reader begins in between. Returns what ``change`` returned."""
        with self._changed:
            gone = change()
            if shown is not None:
                self._hidden.discard(shown)
                self._landed.add(shown)
            if gone is not None:
                self._hidden.add(gone)
            self._generation += 1
            return gone

    def drain(self) -> None:
        """Wait for those who began to read before the last `hide` or `switch`."""
        with self._changed:
            now = self._generation
            self._changed.wait_for(lambda: all(began >= now for began in self._readers))

    def settle(self, *revisions: int) -> None:
        """Nothing more is to be known of these: deleted, or in for good."""
        with self._changed:
            self._hidden.difference_update(revisions)
            self._landed.difference_update(revisions)
