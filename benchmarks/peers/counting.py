"""What a reader saw, beside what the whole answer is."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, slots=True)
class Shown:
    """Characters of the answer that were never shown, and characters shown that are not of it or came twice."""

    lost: int
    extra: int


def compare(answer: str, shown: str) -> Shown:
    """The fewest characters that are missing or too many, in the order in which they were shown."""
    if answer == shown:
        return Shown(0, 0)
    if answer.startswith(shown):
        return Shown(len(answer) - len(shown), 0)
    blocks = SequenceMatcher(None, answer, shown, autojunk=False).get_matching_blocks()
    same = sum(block.size for block in blocks)
    return Shown(len(answer) - same, len(shown) - same)
