"""Which answers of a journal are kept, and how safely."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ragnb.errors import InvalidInputError

_YOUNG = 60.0  # seconds; a file so young may be one that its writer has not locked yet


@dataclass(frozen=True, slots=True)
class Keep:
    """How long answers are kept in the journal, and how safely they are written.

    ``days`` since an answer was last written, and ``megabytes`` (of 10⁶ bytes) of all answers, bound what
    is kept; None is no bound. It is applied when a pipeline is made. The newest answer and those that run
    always stay.

    What was shown is in the system's memory and outlives the process. Against a power cut, ``sync`` forces
    it to the disk at most every so many seconds while events come, and at the end; 0 is each event, None
    never. Raises `InvalidInputError` for a negative bound.
    """

    days: float | None = None
    megabytes: float | None = 2_000
    sync: float | None = None

    def __post_init__(self) -> None:
        for bound in (self.days, self.megabytes, self.sync):
            if bound is not None and not bound >= 0:
                raise InvalidInputError(f"{self} cannot be followed.", "No bound is negative.")


@dataclass(frozen=True, slots=True)
class Held:
    """A file of the journal: the answer's id, when it was last written (seconds), its size in bytes."""

    id: str
    written: float
    size: int


def surplus(files: Iterable[Held], keep: Keep) -> Iterator[str]:
    """The ids of those that are beyond the bounds. The newest one is never among them."""
    oldest = -float("inf") if keep.days is None else time.time() - keep.days * 86_400
    room = float("inf") if keep.megabytes is None else keep.megabytes * 1e6
    for place, file in enumerate(sorted(files, key=lambda file: file.id, reverse=True)):
        room -= file.size
        if place and (room < 0 or file.written < oldest) and time.time() - file.written > _YOUNG:
            yield file.id
