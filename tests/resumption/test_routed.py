"""Escalated, held back or asked twice, and cut anywhere: the joined tokens are the undisturbed answer."""

from __future__ import annotations

import pytest

from ragnb.answer import Answer
from ragnb.engine import record
from ragnb.events import Finished, Routed, Token
from ragnb.generation import generate
from ragnb.llms.base import Request
from ragnb.resumption.resilience import Resilience
from ragnb.routing.hedging import Hedge, Hedging
from ragnb.routing.hold import Hold
from ragnb.simulator import CleanEnd, Cut, NeverAnswer, Simulator, tokenize
from tests.resumption.cases import PROTOCOLS, QUICKLY, Damage, damage
from tests.resumption.provider import PASSAGES

# It begins as a refusal does, and is none.
ANSWER = "Unfortunately, a bicycle costs 15 euros [2]. Refunds are paid within five days [1], 🙂 and then they are there."
REFUSAL = "I'm sorry, but I don't know."
CUTS = [(Cut, CleanEnd)[place % 2](place) for place in range(len(tokenize(ANSWER)) + 1)]
TWICE = Hedge(share=1.0, after=0.0)


async def asked(llms, hedge=None):
    """The log of an answer by the first of the models, whose beginning is held back."""
    answer = Answer()
    care = Resilience(QUICKLY, hedging=hedge and Hedging(hedge))
    holds = {llms[0].name: Hold(tokens=20, seconds=60.0)}
    await record(answer, generate(llms, Request("How?", PASSAGES), care, holds=holds))
    assert isinstance(answer.events[-1], Finished)
    return answer


async def closed(*llms):
    for llm in llms:
        await llm.aclose()


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_held_and_cut_anywhere(protocol):
    """A beginning that is held back, and cut there or later, is shown once and whole."""
    with Simulator(ANSWER) as sim:
        llm = PROTOCOLS[protocol](sim)
        undisturbed = await asked([llm])
        found = {}
        for fault in CUTS:
            sim.faults.append(fault)
            found[fault] = damage(await asked([llm]), undisturbed)
        await closed(llm)
    assert found == dict.fromkeys(CUTS, Damage())


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_escalated_and_cut_anywhere(protocol):
    """What the larger model says after a refusal is whole wherever it is cut, and of the refusal there is nothing."""
    with Simulator(REFUSAL) as little, Simulator(ANSWER) as sim:
        small, large = PROTOCOLS["chat, instructed"](little), PROTOCOLS[protocol](sim)
        small.provider = "little"
        undisturbed = await asked([small, large])
        assert not undisturbed.text.startswith("I'm")
        found = {}
        for fault in CUTS:
            sim.faults.append(fault)
            answer = await asked([small, large])
            found[fault] = damage(answer, undisturbed)
            routed = [event.model for event in answer.events if isinstance(event, Routed)]
            assert routed == [large.name]
        assert len(little.requests) == len(CUTS) + 1
        await closed(small, large)
    assert found == dict.fromkeys(CUTS, Damage())


@pytest.mark.parametrize("protocol", [name for name in PROTOCOLS if name != "Responses, cursor"])
async def test_asked_twice_and_cut_anywhere(protocol):
    """Where one of two requests never answers and the other is cut, the text is whole, and nothing stands twice.
    Cut before its first token it would leave the answer to the one that never does."""
    with Simulator(ANSWER) as sim:
        llm = PROTOCOLS[protocol](sim)
        undisturbed = await asked([llm])
        found = {}
        for fault in CUTS[1:]:
            sim.faults.extend([NeverAnswer(), fault])
            answer = await asked([llm], TWICE)
            found[fault] = damage(answer, undisturbed)
            assert all(event.text for event in answer.events if isinstance(event, Token))
            assert not sim.faults
        await closed(llm)
    assert found == dict.fromkeys(CUTS[1:], Damage())
