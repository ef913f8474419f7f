"""Answers as they are listed: what is known of each without reading its events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import overload

from msgspec import Struct

from ragnb.answer import Answer, Status
from ragnb.events import Started

_SHOWN = 50
_ID_TIME = "%Y%m%d-%H%M%S-%f"


class Entry(Struct, frozen=True):
    """One line of the list. Times are in UTC, ``cost`` in USD and None where unknown.

    ``interrupted`` is an answer without an end that nobody writes any more; ``size`` is that of its file
    in bytes; ``chat`` is the id of the chat that it is a turn of, if it is.
    """

    id: str
    key: str
    question: str
    status: Status
    started: datetime
    ended: datetime | None = None
    cost: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    size: int = 0
    chat: str = ""

    def __str__(self) -> str:
        question = " ".join(self.question.split())
        cost = "" if self.cost is None else f"${self.cost:.4f}"
        key = f"  [{self.key}]" if self.key else ""
        return f"{self.id}  {self.status:<11}  {cost:>9}  {question[:60]}{key}"


class AnswerList(Sequence[Answer]):
    """Answers, oldest first. An item is read from its file when it is asked for; ``entries`` need no
    reading."""

    def __init__(self, entries: Sequence[Entry], read: Callable[[str], Answer]) -> None:
        self.entries = entries
        self._read = read

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, place: int) -> Answer: ...
    @overload
    def __getitem__(self, place: slice) -> AnswerList: ...
    def __getitem__(self, place: int | slice) -> Answer | AnswerList:
        if isinstance(place, slice):
            return AnswerList(self.entries[place], self._read)
        return self._read(self.entries[place].id)

    def __iter__(self) -> Iterator[Answer]:
        return (self._read(entry.id) for entry in self.entries)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AnswerList):
            return [entry.id for entry in self.entries] == [entry.id for entry in other.entries]
        if isinstance(other, list):
            return len(self) == len(other) and list(self) == other
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        older = len(self) - _SHOWN
        more = [f"{older:,} older ones, and:"] if older > 0 else []
        return "\n".join([*more, *map(str, self.entries[-_SHOWN:]), *self._advice()]) or "no answers yet"

    def __str__(self) -> str:
        """All of them."""
        return "\n".join([*map(str, self.entries), *self._advice()]) or "no answers yet"

    def _advice(self) -> list[str]:
        interrupted = [entry.id for entry in self.entries if entry.status == "interrupted"]
        if not interrupted:
            return []
        were = "was" if len(interrupted) == 1 else "were"
        return [
            f"{len(interrupted)} {were} interrupted: rag.resume({interrupted[-1]!r}) goes on, as does "
            f"`ragnb resume {interrupted[-1]}`."
        ]


def entry(
    answer_id: str, answer: Answer, status: Status, size: int = 0, ended: datetime | None = None
) -> Entry:
    """The line of an answer, from its log; ``ended`` is when its file was last written, if it is a file."""
    started, usage = answer.first(Started), answer.usage
    begin = _time(answer_id) or ended or datetime.now(UTC)
    if status in ("running", "interrupted"):
        ended = None
    elif ended is None:
        ended = begin + timedelta(seconds=answer.timing.total)
    return Entry(
        id=answer_id,
        key=started.key if started else "",
        question=started.question if started else "",
        status=status,
        started=begin,
        ended=ended,
        cost=answer.cost,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        size=size,
        chat=answer.chat,
    )


def _time(answer_id: str) -> datetime | None:
    try:
        return datetime.strptime(answer_id.rpartition("-")[0], _ID_TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
