"""Turns before the question: how each protocol is sent them, and answers that break off behind them."""

from __future__ import annotations

import pytest

from ragnb.events import Resumed
from ragnb.generation import generate
from ragnb.llms import prompt
from ragnb.llms.base import Request, Turn
from ragnb.llms.transformers import _inputs
from ragnb.resumption.resilience import Resilience
from ragnb.simulator import CleanEnd, Cut, Simulator, tokenize
from ragnb.simulator.prompt import texts
from tests.resumption.cases import PROTOCOLS
from tests.resumption.provider import PASSAGES, QUICKLY, cited, text

ANSWER = "A bicycle costs 15 euros [2]. Refunds are paid within five days [1], 🙂 and then they are there."
HISTORY = (Turn("How?", "By train, and never otherwise."), Turn("Why?", "It is so."))
REQUEST = Request("And a bicycle?", PASSAGES, history=HISTORY)


async def log(llm, request=REQUEST):
    return [event async for event in generate([llm], request, Resilience(QUICKLY))]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_what_is_sent(protocol):
    """The turns come before the question, as turns of the two sides, and without passages."""
    with Simulator(ANSWER) as sim:
        llm = PROTOCOLS[protocol](sim)
        await log(llm)
        await llm.aclose()
        request = sim.requests[0].json
    turns = [turn for turn in request.get("messages") or request["input"] if turn["role"] != "system"]
    said = [(turn["role"], texts({"messages": [turn]})) for turn in turns]
    assert said[:-1] == [
        ("user", ["How?"]),
        ("assistant", ["By train, and never otherwise."]),
        ("user", ["Why?"]),
        ("assistant", ["It is so."]),
    ]
    assert said[-1][0] == "user" and said[-1][1][-1].endswith("And a bicycle?")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_cut_behind_turns(protocol):
    """Cut anywhere, the answer goes on behind the same turns: text and citations are the undisturbed ones."""
    with Simulator(ANSWER) as sim:
        llm = PROTOCOLS[protocol](sim)
        whole = await log(llm)
        length = len(tokenize(ANSWER))
        for position in (1, length // 3, length // 2, length - 1):
            for fault in (Cut(position), CleanEnd(position)):
                sim.faults.append(fault)
                again = await log(llm)
                assert text(again) == text(whole)
                assert cited(again) == cited(whole)
                assert any(isinstance(event, Resumed) for event in again)
                request = sim.requests[-1].json
                if request is not None:  # what a provider keeps is read again without a body
                    assert "never otherwise" in str(request)
        await llm.aclose()


class Tokenizer:
    """Takes a text as it is, by a chat template or without."""

    def __init__(self, template):
        self.chat_template = template
        self.given = None

    def apply_chat_template(self, messages, **_):
        return "|".join(f"{m['role']}: {m['content']}" for m in messages)

    def __call__(self, given, **_):
        self.given = given
        return {"input_ids": None}


@pytest.mark.parametrize("template", ["a template", None])
def test_a_local_model(template):
    """By a chat template the turns are turns; without one they stand before the passages."""
    tokenizer = Tokenizer(template)
    _inputs(tokenizer, REQUEST, ())
    given = tokenizer.given
    assert given.index("numbered passages") < given.index("How?") < given.index("never otherwise")
    assert given.index("never otherwise") < given.index("It is so.") < given.index("<passage number")
    assert ("assistant: It is so.|user: " in given) == (template is not None)


def test_no_history_changes_nothing():
    """A request without turns is what it was."""
    assert prompt.turns(Request("Why?", PASSAGES)) == []
    assert prompt.user(Request("Why?", PASSAGES)) == prompt.user(REQUEST).replace("And a bicycle?", "Why?")
