"""Cut anywhere, in whatever way: the joined tokens are the undisturbed answer, and so are its citations."""

from __future__ import annotations

import pytest

from ragnb.events import Final, Finished, Resumed, Used
from ragnb.llms.anthropic import AnthropicLLM
from ragnb.llms.openai import OpenAILLM
from ragnb.simulator import CleanEnd, Cut, ErrorEvent, Simulator, tokenize
from tests.resumption.provider import cited, events, going_on, text
from tests.resumption.texts import CJK, CODE, EMOJI, LAUGH, PROSE, SONG, WORDS

ANSWER = (
    f"{EMOJI}\n\nRefunds are paid within five days [1]. A bicycle costs 15 euros [2][1]!\n\n{CODE}\n退款将在五天内支付 [1]。"
    f"\n\n{WORDS} [2]. {SONG}\n\n{CJK}\n\n{LAUGH}\n\n{PROSE}"
)
TOKENS = len(tokenize(ANSWER))
FAULTS = [Cut, lambda n: Cut(n, "rst"), CleanEnd, ErrorEvent]


def chat(sim, **options):
    return OpenAILLM("m", base_url=sim.url, **options)


PROTOCOLS = {
    "chat, instructed": chat,
    "chat, exact": lambda sim: chat(sim, continuation="exact"),
    "chat, prefill": lambda sim: chat(sim, continuation="prefill"),
    "Responses, instructed": lambda sim: chat(sim, api="responses"),
    "Anthropic, prefill": lambda sim: AnthropicLLM(
        "claude-haiku-4-5", base_url=sim.anthropic_url, api_key="test"
    ),
    "Anthropic, instructed": lambda sim: AnthropicLLM(
        "claude-opus-4-6", base_url=sim.anthropic_url, api_key="test"
    ),
}


def test_the_answer_is_long_enough():
    """There are 200 tokens or more to cut at."""
    assert TOKENS >= 200


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_cut_at_every_token(protocol):
    """One fault at each position, each kind in turn: text and citations are those of an undisturbed answer."""
    answer = going_on(ANSWER)
    with Simulator(answer) as calm:
        undisturbed = await events(llm := PROTOCOLS[protocol](calm))
        await llm.aclose()
    # Anthropic's markers become citations, and are no tokens.
    tokens = sum(1 for event in undisturbed if type(event).__name__ == "Token")
    faults = [fault for n in range(tokens) for fault in (FAULTS[n % len(FAULTS)](n), None)]
    with Simulator(answer, faults=faults) as sim:
        llm = PROTOCOLS[protocol](sim)
        for n in range(tokens):
            log = await events(llm)
            assert text(log) == text(undisturbed), n
            assert cited(log) == cited(undisturbed), n
            assert [type(event) for event in log if isinstance(event, Final)] == [Finished]
            assert sum(isinstance(event, Used) for event in log) == (2 if n else 1)
        await llm.aclose()
        assert len(sim.requests) == 2 * tokens


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_three_faults_in_one_answer(protocol):
    """Faults one after another, one of them at a continuation's first token, leave no trace in the text."""
    faults = [Cut(90), Cut(0, "rst"), CleanEnd(40), ErrorEvent(25), Cut(1)]
    with Simulator(going_on(ANSWER)) as calm:
        undisturbed = await events(llm := PROTOCOLS[protocol](calm))
        await llm.aclose()
    with Simulator(going_on(ANSWER), faults=faults) as sim:
        log = await events(llm := PROTOCOLS[protocol](sim))
        await llm.aclose()
    assert text(log) == text(undisturbed)
    offsets = [event.offset for event in log if isinstance(event, Resumed)]
    assert offsets == sorted(offsets)
    assert len(offsets) >= 3


@pytest.mark.parametrize(
    "said",
    [
        lambda words, rest: f"Sure, continuing:\n\n{words}{rest}",
        lambda words, rest: f"“{words}{rest}",
        lambda words, rest: f"… {words}{rest}",
        lambda words, rest: " ".join(words.split()) + rest,
    ],
    ids=["preamble", "quotation mark", "dots", "other white space"],
)
async def test_an_instructed_model_has_its_own_ways(said):
    """What an instructed model says around the last words is not in the answer, wherever it was cut."""
    positions = range(1, TOKENS, 5)
    faults = [fault for n in positions for fault in (Cut(n), None)]
    with Simulator(going_on(ANSWER, said), faults=faults) as sim:
        llm = chat(sim)
        for n in positions:
            assert text(await events(llm)) == ANSWER, n
        await llm.aclose()
