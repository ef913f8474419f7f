"""History: the turns of a chat that fit into what the model is sent."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from ragnb.answer import Answer
from ragnb.consumption import CHARACTERS_PER_TOKEN
from ragnb.errors import InvalidInputError
from ragnb.events import Rewritten
from ragnb.llms.base import Turn
from ragnb.resumption.listing import AnswerList

MEMORY = 2_000  # tokens
_MOST = 30  # turns, each of which is read from its file


def history(turns: AnswerList, question: str, before: str, memory: int = MEMORY) -> tuple[Turn, ...]:
    """The latest turns of a chat before the answer with the id ``before``, oldest first.

    Questions and answers without their passages, about ``memory`` tokens together at most, of which the
    latest turn has as much of its answer as fits. Turns that still run or have no text are left out. Where
    one question was asked several times in a row, the last answer to it counts.
    """
    kept: list[Turn] = []
    left, asked = memory * CHARACTERS_PER_TOKEN, question
    for place in range(len(turns) - 1, -1, -1):
        entry = turns.entries[place]
        if entry.id >= before or entry.status == "running" or entry.question == asked:
            continue
        if len(kept) == _MOST or left <= len(entry.question):
            break
        with suppress(InvalidInputError):  # deleted in the meantime
            turn = _turn(turns[place])
            size = len(turn.question) + len(turn.answer)
            if size > left and kept:
                break
            if turn.answer:
                kept.append(Turn(turn.question, turn.answer[: left - len(turn.question)], turn.query))
                left -= size
                asked = entry.question
    else:
        kept[-1:] = [replace(turn, is_first=True) for turn in kept[-1:]]
    return tuple(reversed(kept))


def _turn(answer: Answer) -> Turn:
    """The turn without the numbers of its passages, which mean others later."""
    text = answer.text
    for start, end in sorted({cited.marker for cited in answer.citations if cited.marker}, reverse=True):
        text = text[:start].rstrip(" ") + text[end:]
    rewritten = answer.last(Rewritten)
    return Turn(answer.question, text.strip(), rewritten.question if rewritten else answer.question)
