"""Which requests ask to continue a partial answer, and how much of it they show the model.

A continuation is recognised by the last turns of the request. What is left without them is the
original question, from which the answer is derived as if it had been asked for the first time; the
partial must be the beginning of that answer, and the model goes on where the partial ends. A client
that shows less than it has (without the white space at the end, say) is answered from there.

=============  ================================================================================
prefill        Anthropic: the last turn is the assistant's
exact          vLLM: the same, with ``continue_final_message`` and ``add_generation_prompt: false``
prefix         Mistral: the same, and that turn has ``prefix: true``; the partial is echoed
instruction    a turn of the user that speaks of continuing or an interruption, after a turn of the
               assistant that is a beginning of the answer
=============  ================================================================================

https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
https://docs.mistral.ai/capabilities/completion/prefix
https://docs.anthropic.com/en/docs/build-with-claude/prompt-engineering/prefill-claudes-response
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ragnb.simulator import prompt
from ragnb.simulator.wire import Json

Kind = Literal["prefill", "exact", "prefix", "instruction"]

_ASKS = re.compile(r"\b(continu\w*|interrupt\w*|left off|go on|carry on|resume\w*)\b", re.IGNORECASE)
_BEGIN = re.compile(r"\b(begin\w*|start\w*|repeat\w*)\b", re.IGNORECASE)
_BEFORE = "\"'`“”‘«»„<>[](){}|\n"


@dataclass(frozen=True, slots=True)
class Partial:
    """A partial answer that is to be continued."""

    kind: Kind
    question: Json
    text: str
    instruction: str = ""

    @property
    def anchor(self) -> str:
        """What the instruction asks to begin with: the longest end of the text that it names
        verbatim, between quotes, brackets or line ends, if it speaks of beginning, starting or
        repeating. Else nothing."""
        return _anchor(self.text, self.instruction) if _BEGIN.search(self.instruction) else ""


def find(request: Json, prefill: bool = False) -> Partial | None:
    """The partial answer that a request asks to continue, or None.

    ``prefill`` says that a last turn of the assistant is enough.
    """
    where = "messages" if "messages" in request else "input"
    turns = request.get(where)
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        return None
    roles = [turn.get("role") for turn in turns[-2:]]
    if roles[-1:] == ["assistant"]:
        kind = _kind(request, turns[-1], prefill)
        question = _without(request, where, turns[:-1])
        return Partial(kind, question, _text(turns[-1])) if kind else None
    if roles == ["assistant", "user"] and _ASKS.search(_text(turns[-1])):
        question = _without(request, where, turns[:-2])
        return Partial("instruction", question, _text(turns[-2]), _text(turns[-1]))
    return None


def _kind(request: Json, turn: Json, prefill: bool) -> Kind | None:
    if prefill:
        return "prefill"
    if request.get("continue_final_message"):
        return "exact"
    return "prefix" if turn.get("prefix") else None


def _without(request: Json, where: str, turns: Sequence[Any]) -> Json:
    extra = (where, "continue_final_message", "add_generation_prompt")
    return {name: value for name, value in request.items() if name not in extra} | {where: list(turns)}


def _text(turn: Json) -> str:
    return "".join(prompt.texts({"messages": [turn]}))


def _anchor(text: str, instruction: str) -> str:
    # The white space at the end may be missing in the instruction, and the words may be in JSON.
    for end in dict.fromkeys((len(text), len(text.rstrip()))):
        for start in range(max(0, end - len(instruction)), end):
            words = text[start:end]
            if any(_stands_apart(form, instruction) for form in (words, _escaped(words))):
                return text[start:]
    return ""


def _escaped(words: str) -> str:
    return json.dumps(words, ensure_ascii=False)[1:-1]


def _stands_apart(words: str, instruction: str) -> bool:
    """Whether the words stand in the instruction with a quote, bracket or line end at each side."""
    padded = f"\n{instruction}\n"
    at = padded.find(words, 1)
    while at != -1:
        after = at + len(words)
        if padded[at - 1] in _BEFORE and padded[after : after + 1] and padded[after] in _BEFORE:
            return True
        at = padded.find(words, at + 1)
    return False
