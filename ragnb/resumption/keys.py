"""Keys: what an asker calls an answer, so that asking again gives the same one."""

from __future__ import annotations

from ragnb.answer import Answer
from ragnb.errors import InvalidInputError
from ragnb.events import Started

_LONGEST = 1_000  # characters


def checked(key: str | None) -> str:
    """The key, empty for None. Raises `InvalidInputError` for what is no text, is empty or too long."""
    if key is None:
        return ""
    if not isinstance(key, str) or not key or len(key) > _LONGEST:
        raise InvalidInputError(
            f"key={_short(key)} is no key.", f"Use a text of 1 to {_LONGEST:,} characters."
        )
    try:
        key.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(f"key={_short(key)} holds half a character.", "Use whole ones.") from None
    return key


def check_same(found: Answer, asked: Started) -> None:
    """Raise `InvalidInputError` where a key means two things: one would get the other's answer."""
    there = found.first(Started)
    for name in ("question", "k", "where", "chat"):
        old, new = getattr(there, name, None), getattr(asked, name)
        if old != new:
            raise InvalidInputError(
                f"The key {_short(asked.key)} belongs to an answer with {name}={_short(old)}.",
                "Use another key for another question.",
            )


def _short(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 80 else f"{said[:79]}…"
