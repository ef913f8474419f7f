"""What is asked, how often, and how fast models are, as one assumes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ragnb.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Traffic:
    """So many questions in a period. ``mix`` is the share of each kind of question, where it is not that of
    what was recorded."""

    questions: float
    per: str = "month"
    mix: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        is_number = isinstance(self.questions, (int, float)) and not isinstance(self.questions, bool)
        if not is_number or not 0 < self.questions < float("inf"):
            raise InvalidInputError(f"{self.questions!r} questions are no traffic.", "Use 1 or more.")
        shares = list((self.mix or {"all": 1.0}).values())
        if min(shares) < 0 or not sum(shares) > 0:
            raise InvalidInputError(
                f"mix={self.mix!r} has no shares.", 'Write {"table": 0.1, "fact": 0.9}.'
            )


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds from the request to the first token, and tokens a second from there on."""

    first: float
    tokens_per_second: float

    def __post_init__(self) -> None:
        if not self.first >= 0 or not self.tokens_per_second > 0:
            raise InvalidInputError(f"{self} is no speed.", "Write Speed(0.4, 80.0), for example.")
