"""What two runs say differently."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal

from msgspec import Struct

from ragnb.reports.result import Result

Piece = tuple[Literal["same", "gone", "new"], str]

_WORD = re.compile(r"\s+|\w+|[^\w\s]")
_MARK = re.compile(r"\s?\[\d+\]|\*{1,3}|`{1,3}")  # citations, and what only Markdown means
_AROUND = 8  # words beside a difference


class Change(Struct, frozen=True):
    """A question that both runs asked. ``status`` is the status before, where it is another now; ``lost``
    and ``gained`` are sources, ``pieces`` the words of both answers, where they differ."""

    now: Result
    status: str = ""
    lost: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()
    pieces: tuple[Piece, ...] = ()


class Changes(Struct, frozen=True):
    """What changed since the run ``previous``: ``new`` questions, those ``gone``, those with another answer
    or other sources; ``same`` counts the others."""

    previous: str
    changed: tuple[Change, ...]
    new: tuple[Result, ...]
    gone: tuple[Result, ...]
    same: int

    @property
    def answers(self) -> int:
        """Questions whose answer has other words, or is of another kind."""
        return sum(bool(one.status or one.pieces) for one in self.changed)

    @property
    def sources(self) -> int:
        """Questions whose answer rests on other passages."""
        return sum(bool(one.lost or one.gained) for one in self.changed)


def compare(previous: str, before: Sequence[Result], now: Sequence[Result]) -> Changes:
    """Question by question, by id; one that asks something else under the same id is a new one."""
    known = {(one.id, one.question): one for one in before}
    both = [(known[one.id, one.question], one) for one in now if (one.id, one.question) in known]
    changed = [change for pair in both if (change := _change(*pair))]
    there = {(one.id, one.question) for one in now}
    return Changes(
        previous=previous,
        changed=tuple(changed),
        new=tuple(one for one in now if (one.id, one.question) not in known),
        gone=tuple(one for name, one in known.items() if name not in there),
        same=len(both) - len(changed),
    )


def _change(before: Result, now: Result) -> Change | None:
    if not (before.has_answer and now.has_answer):
        return Change(now, before.status) if before.status != now.status else None
    old, new = _names(before), _names(now)
    found = Change(
        now,
        before.status if before.status != now.status else "",
        tuple(name for name in old if name not in new),
        tuple(name for name in new if name not in old),
        tuple(difference(before.answer, now.answer)),
    )
    return found if found.status or found.lost or found.gained or found.pieces else None


def _names(result: Result) -> dict[str, None]:
    return dict.fromkeys(
        " — ".join(filter(None, (source.title, source.place))) for source in result.sources
    )


def difference(before: str, now: str) -> list[Piece]:
    """The words of two texts, without citations and emphasis, in pieces; what both have is shortened, and
    nothing is left where they are the same."""
    old, new = (_WORD.findall(" ".join(_MARK.sub("", text).split())) for text in (before, now))
    if old == new:
        return []
    pieces: list[Piece] = []
    for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            pieces.append(("same", "".join(old[a:b])))
        else:
            pieces += [("gone", "".join(old[a:b]))] if b > a else []
            pieces += [("new", "".join(new[c:d]))] if d > c else []
    return list(_shortened(_joined(pieces)))


def _joined(pieces: list[Piece]) -> list[Piece]:
    """A blank between two differences belongs to both: word for word would be hard to read."""
    joined: list[Piece] = []
    gone, new = "", ""
    for place, (kind, text) in enumerate(pieces):
        is_last = place == len(pieces) - 1
        if kind == "gone":
            gone += text
        elif kind == "new":
            new += text
        elif not text.strip() and (gone or new) and not is_last:
            gone, new = gone + text, new + text
        else:
            joined += _told(gone, new)
            gone, new = "", ""
            joined.append((kind, text))
    return joined + _told(gone, new)


def _told(gone: str, new: str) -> list[Piece]:
    """Both with blanks around them that belong to neither."""
    words: list[Piece] = [("gone", gone.strip())] if gone.strip() else []
    words += [("same", " ")] if words and new.strip() else []
    words += [("new", new.strip())] if new.strip() else []
    blanks = (gone or new)[:1].isspace(), (new or gone)[-1:].isspace()
    before: list[Piece] = [("same", " ")] if words and blanks[0] else []
    after: list[Piece] = [("same", " ")] if words and blanks[1] else []
    return [*before, *words, *after]


def _shortened(pieces: list[Piece]) -> Iterator[Piece]:
    for place, (kind, text) in enumerate(pieces):
        words = text.split(" ")
        head = _AROUND if place else 0
        tail = _AROUND if place < len(pieces) - 1 else 0
        if kind != "same" or len(words) <= head + tail + 2:
            yield kind, text
            continue
        kept = [" ".join(words[:head])] if head else []
        kept += ["…"]
        kept += [" ".join(words[-tail:])] if tail else []
        yield kind, " ".join(kept)
