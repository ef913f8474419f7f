"""Cut anywhere, in whatever way: the joined tokens are the undisturbed answer, and so are its citations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragnb.events import Resumed, Retrying, Token
from ragnb.simulator import CleanEnd, Cut, ErrorEvent, Simulator, Stall, tokenize
from tests.resumption.cases import (
    ANSWER,
    BEHAVIOURS,
    DISORDER,
    FAULTS,
    INEXACT,
    PROTOCOLS,
    TEXTS,
    Damage,
    ask,
    damage,
    may_lose,
    why_inexact,
)
from tests.resumption.texts import SONG

TOKENS = len(tokenize(ANSWER))
KINDS = list(FAULTS.values())


@pytest.fixture(scope="module")
def simulators() -> Iterator:
    """One simulator for each text and way to go on."""
    running: dict[tuple[str, str], Simulator] = {}

    def simulator(text: str, behaviour: str = "exact") -> Simulator:
        if (text, behaviour) not in running:
            running[text, behaviour] = Simulator(TEXTS[text], continuation=BEHAVIOURS[behaviour]).start()
        return running[text, behaviour]

    yield simulator
    for sim in running.values():
        sim.stop()


async def damages(sim, protocol, faults, stall_timeout=20.0):
    """What is wrong with each of the answers that meet these faults, one each."""
    llm = PROTOCOLS[protocol](sim)
    sim.faults.clear()
    undisturbed = await ask(llm)
    llm.stall_timeout = stall_timeout
    found = []
    for fault in faults:
        sim.faults.append(fault)
        found.append(damage(await ask(llm), undisturbed))
        assert not sim.faults
    await llm.aclose()
    return found


def test_the_answer_is_long_enough():
    """There are 200 tokens or more to cut at."""
    assert TOKENS >= 200


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_cut_at_every_token(protocol, simulators):
    """One fault at each position, each kind in turn: text and citations are those of an undisturbed answer."""
    faults = [KINDS[n % len(KINDS)](n) for n in range(TOKENS)]
    found = await damages(simulators("all"), protocol, faults)
    assert {n: wrong for n, wrong in enumerate(found) if wrong} == {}


@pytest.mark.parametrize(
    ("protocol", "inexact"),
    [("Anthropic, instructed", []), ("Anthropic, prefill", ["within five days", "costs 15 euros"])],
)
async def test_cut_between_two_cited_parts_of_a_sentence(protocol, inexact):
    """An instructed model says where the first part ends. To one that goes on with its own turn nobody says so,
    and the citations of the second count for both."""
    text = "Refunds are paid within five days [1]: a bicycle costs 15 euros [2], and a Flex ticket comes back [1]."
    shown = tokenize(
        "Refunds are paid within five days: a bicycle costs 15 euros, and a Flex ticket comes back."
    )
    with Simulator(text) as sim:
        found = await damages(sim, protocol, [Cut(n) for n in range(len(shown))])
    wrong = ["".join(shown[:n]) for n, one in enumerate(found) if one]
    assert [said.endswith(end) for said, end in zip(wrong, inexact, strict=True)] == [True] * len(inexact)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_what_cannot_be_exact_is_named(protocol, simulators):
    """Whatever the model says at the seam, and however events are disturbed, only what is named goes wrong;
    and what goes wrong stands twice, and is not lost."""
    harmed = set()
    for behaviour in BEHAVIOURS:
        faults = [KINDS[n % len(KINDS)](n) for n in range(9, TOKENS, 18)]
        found = await damages(simulators("all", behaviour), protocol, faults)
        if any(found):
            harmed.add((protocol, behaviour))
        if not may_lose(protocol, behaviour):
            assert sum(wrong.lost for wrong in found) == 0
    for name, fault in DISORDER.items():
        if any(await damages(simulators("all"), protocol, [fault(n) for n in (1, 2, 50, 51)])):
            harmed.add((protocol, name))
    named = {case for case in INEXACT if case[0] == protocol}
    assert harmed <= named
    assert named - harmed <= {(protocol, "no anchor")}


async def test_an_instructed_model_that_does_not_begin_with_the_last_words(simulators):
    """Where a text says its last words again right at the cut, they are taken for those that were asked for."""
    line = tokenize(SONG[: SONG.index(".") + 1])
    [harmed] = await damages(simulators("song", "no anchor"), "chat, instructed", [Cut(len(line))])
    assert harmed.lost == len("".join(line)) + 1


CUTS = st.tuples(
    st.sampled_from([Cut, lambda after_bytes: Cut(how="rst", after_bytes=after_bytes), CleanEnd]),
    st.integers(0, 40_000),
)
CASES = [
    (protocol, behaviour, text)
    for protocol in PROTOCOLS
    for behaviour in BEHAVIOURS
    for text in TEXTS
    if not may_lose(protocol, behaviour, text)
]


@given(st.sampled_from(CASES), st.lists(CUTS, min_size=1, max_size=3))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_cut_at_any_byte(simulators, case, cuts):
    """A cut inside a line, an event or a character leaves no trace, whatever the text and the way to go on; and
    where it cannot but leave one, nothing is lost."""
    protocol, behaviour, text = case
    faults = [kind(after_bytes=at) for kind, at in cuts]
    found = await damages(simulators(text, behaviour), protocol, faults)
    if why_inexact(protocol, behaviour, text) is None:
        assert found == [Damage()] * len(faults)
    assert sum(wrong.lost for wrong in found) == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_silent_at_any_token(protocol, simulators):
    """A stream that falls silent is given up and gone on with as one that was cut. Few positions: each takes
    as long as the model is waited for."""
    faults = [Stall(n) for n in (0, 75, TOKENS - 1)]
    assert not any(await damages(simulators("all"), protocol, faults, stall_timeout=0.3))


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_many_faults_in_one_answer(protocol, simulators):
    """Faults one after another, one of them before a continuation's first token, leave no trace."""
    sim = simulators("all")
    llm = PROTOCOLS[protocol](sim)
    sim.faults.clear()
    undisturbed = await ask(llm)
    sim.faults.extend([Cut(70), Cut(0, "rst"), CleanEnd(30), ErrorEvent(25), Cut(1)])
    answer = await ask(llm)
    await llm.aclose()
    assert not damage(answer, undisturbed)
    assert len([event for event in answer.events if isinstance(event, Retrying)]) >= 5
    assert len([event for event in answer.events if isinstance(event, Resumed)]) >= 3


def test_damage_is_found(simulators):
    """A harness that finds nothing wrong would prove nothing."""
    from ragnb.answer import Answer

    def said(*texts):
        answer = Answer()
        for text in texts:
            answer.append(Token(text=text))
        return answer

    assert damage(said("abc", "bcd"), said("abcd")) == Damage(duplicated=2)
    assert damage(said("abd"), said("abcd")) == Damage(lost=1)
