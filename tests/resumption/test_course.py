"""What is tried next, when, and by whom: attempts, waits, the budget, breakers and other models."""

from __future__ import annotations

import asyncio

import pytest

from ragnb.answer import Answer
from ragnb.engine import record
from ragnb.errors import InvalidInputError, ProviderError
from ragnb.events import Cited, Failed, Finished, Resumed, Retrying, Routed, Used
from ragnb.generation import generate
from ragnb.llms.anthropic import AnthropicLLM
from ragnb.llms.base import Partial, Request, Stop, Text, Usage
from ragnb.llms.extractive import ExtractiveLLM
from ragnb.llms.openai import OpenAILLM
from ragnb.resumption.breaker import Breaker, Breakers
from ragnb.resumption.policy import Retry, Trouble
from ragnb.resumption.resilience import Resilience
from ragnb.simulator import CleanEnd, Cut, Exact, Preamble, Simulator, Stall, Status
from tests.resumption.provider import PASSAGES, QUICKLY, Simple, cited, events, text

ANSWER = "Refunds are paid within five days [1]. A bicycle costs 15 euros, and it travels in the luggage van [2]. So."


def only(log, kind):
    return [event for event in log if isinstance(event, kind)]


@pytest.fixture
async def models():
    """Makes models on simulators of their own."""
    made = []

    def make(kind=OpenAILLM, model="m", *, options=None, **simulator):
        sim = Simulator(simulator.pop("answer", ANSWER), **simulator).start()
        url = sim.url if kind is OpenAILLM else sim.anthropic_url
        llm = kind(model, base_url=url, api_key="test", **(options or {}))
        made.append((llm, sim))
        return llm, sim

    yield make
    for llm, sim in made:
        await llm.aclose()
        sim.stop()


async def test_a_fault_on_every_attempt(models):
    """Attempts that bring nothing end with the provider's error; those that bring text count anew."""
    llm, sim = models(faults=[Cut(3), Status(503), Cut(9), Status(500), Status(503), Status(503), None])
    with pytest.raises(ProviderError) as caught:
        await events(llm)
    assert caught.value.fault == "overloaded"
    assert len(sim.requests) == 5  # cut, 503; text and cut, 500, 503


async def test_a_failure_keeps_the_text_and_advises(models):
    """Where no attempt helps, the log ends once, as failed: with what was said, and with what can be done."""
    llm, _ = models(faults=[Cut(9), *[Status(503)] * 3])
    answer = Answer()
    await record(answer, generate([llm], Request("How?", PASSAGES), Resilience(QUICKLY)))
    assert isinstance(answer.events[-1], Failed)
    assert ANSWER.startswith(answer.text) and answer.text
    assert answer.events[-1].advice
    assert [event.seq for event in answer.events] == list(range(len(answer.events)))


async def test_a_fault_on_every_attempt_ends_within_the_budget(models):
    """However many attempts are allowed: the waits that are planned never add up to more than the budget."""
    llm, sim = models(faults=[Cut(3), *[Status(503, retry_after=0.04)] * 500])
    retry = Retry(attempts=500, initial=0.0, maximum=0.0, budget=0.3, failures=1000)
    log = []
    with pytest.raises(ProviderError):
        async for event in generate([llm], Request("How?", PASSAGES), Resilience(retry)):
            log.append(event)
    assert sum(event.wait for event in only(log, Retrying)) <= retry.budget
    assert 2 <= len(sim.requests) <= 10


async def test_the_next_model_gets_the_citations_of_a_cut_block(models):
    """A sentence that one of Anthropic's models was cut in is cited as a whole when another finishes it."""
    answer = "Refunds are paid within five days [1]. So."
    first, _ = models(AnthropicLLM, "claude-haiku-4-5", answer=answer, faults=[Cut(3), Status(401)])
    second, _ = models(AnthropicLLM, "claude-opus-4-6", answer=answer)
    assert cited(await events([first, second])) == cited(await events(second))


@pytest.mark.parametrize(("cut", "requests"), [(3, 2), (6, 3), (8, 2)])
async def test_a_block_that_was_cut_at_its_end(models, cut, requests):
    """Mid-sentence the model goes on; where the block turns out to have been complete, or its sentence is, the
    model says it again and cites it."""
    answer = "Refunds are paid within five days [1] and more. It is so! [2] Yes."
    calm, _ = models(AnthropicLLM, "claude-haiku-4-5", answer=answer)
    llm, sim = models(AnthropicLLM, "claude-haiku-4-5", answer=answer, faults=[Cut(cut)])
    undisturbed, log = await events(calm), await events(llm)
    assert (text(log), cited(log)) == (text(undisturbed), cited(undisturbed))
    assert len(sim.requests) == requests


async def test_a_model_that_does_not_say_its_last_sentence_again(models):
    """One that says something else is gone on with from all that is out: only that citation is missing."""
    answer = "Bicycles are welcome on board. It is so! [2] Yes, it is."
    llm, sim = models(
        AnthropicLLM,
        "claude-haiku-4-5",
        answer=answer,
        faults=[Cut(11), None],
        continuation=[Preamble(), Exact()],
    )
    log = await events(llm)
    assert text(log) == answer.replace(" [2]", "")
    assert cited(log) == []
    assert len(sim.requests) == 3
    assert len([event for event in only(log, Used)]) == 3


async def test_retry_after_beyond_the_budget(models):
    """A provider that wants more time than there is, is not waited for."""
    llm, sim = models(faults=[Cut(3), Status(429, retry_after=120), None])
    with pytest.raises(ProviderError) as caught:
        await events(llm)
    assert caught.value.fault == "rate_limit"
    assert len(sim.requests) == 2


async def test_retry_after_in_the_middle(models):
    """A provider's own wish is honoured after the first token too."""
    llm, _ = models(faults=[Cut(3), Status(429, retry_after=0.05), None])
    log = await events(llm)
    assert [event.wait >= wish for event, wish in zip(only(log, Retrying), (0, 0.05), strict=True)] == [
        True,
        True,
    ]
    assert text(log) == ANSWER


async def test_the_next_model_goes_on(models):
    """A model that is given up hands over question, sources and text; the next goes on with the same text."""
    first, _ = models(faults=[Cut(9), Status(401)])
    second, sim = models(model="other")
    log = await events([first, second])
    assert text(log) == ANSWER
    assert [event.model for event in only(log, Routed)] == [second.name]
    assert only(log, Resumed)[0].model == second.name
    assert "luggage van" in str(sim.requests[0].json)
    assert [event.model for event in only(log, Used)] == [first.name, second.name]
    assert [event.estimated for event in only(log, Used)] == [True, False]
    assert isinstance(log[-1], Finished)


async def test_another_provider_goes_on_with_the_citations(models):
    """A model that reports citations beside the text goes on after one that would have written them into it."""
    first, _ = models(faults=[Cut(5), Status(401)])
    undisturbed = await events(models()[0])
    second, _ = models(AnthropicLLM, "claude-haiku-4-5", answer=ANSWER)
    log = await events([first, second])
    assert text(log) == ANSWER.replace(" [1]", "").replace(" [2]", "")
    assert [one.chunk_ids for one in only(log, Cited)] == [
        one.chunk_ids for one in only(undisturbed, Cited)
    ]


async def test_before_the_first_token_too(models):
    """A model whose key is wrong is replaced before anything is out, and nothing is resumed."""
    first, _ = models(faults=[Status(401)])
    second, _ = models(model="other")
    log = await events([first, second])
    assert text(log) == ANSWER
    assert not only(log, Resumed)


async def test_max_tokens_is_what_is_left(models):
    """A continuation may have as many tokens as the answer lacks."""
    llm, sim = models(faults=[Cut(10), None], options={"max_tokens": 50, "continuation": "exact"})
    await events(llm)
    first, second = (request.json for request in sim.requests)
    assert (first["max_tokens"], second["max_tokens"]) == (50, 40)
    assert second["continue_final_message"] is True
    assert second["add_generation_prompt"] is False
    assert second["messages"][-1]["content"] == ANSWER[: len(second["messages"][-1]["content"])]


async def test_a_refused_prefill(models):
    """Where a server refuses to continue the model's own turn, the model is told to go on instead."""
    llm, sim = models(faults=[Cut(10), Status(400), None], options={"continuation": "prefill"})
    log = await events(llm)
    assert text(log) == ANSWER
    assert only(log, Resumed)[0].strategy == "instruction"
    assert sim.requests[1].json["messages"][-1]["prefix"] is True


@pytest.mark.parametrize("cut", range(1, 25))
async def test_a_server_that_echoes_the_prefix(models, cut):
    """A server that is known to repeat what it was sent does so from the first character on."""
    llm, _ = models(answer=ANSWER, faults=[Cut(cut), None], options={"continuation": "prefill"})
    assert text(await events(llm)) == ANSWER


@pytest.mark.parametrize(
    ("model", "options", "strategies"),
    [
        ("claude-3-5-haiku-20241022", {}, ("prefill", "instruction")),
        ("claude-sonnet-4-20250514", {}, ("prefill", "instruction")),
        ("claude-haiku-4-5", {}, ("prefill", "instruction")),
        ("claude-haiku-4-5", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, ("instruction",)),
        ("claude-opus-4-6", {}, ("instruction",)),
        ("claude-opus-5", {}, ("instruction",)),
        ("claude-next", {}, ("instruction",)),
    ],
)
def test_anthropic_versions(model, options, strategies):
    """Which of Anthropic's models continue their own turn."""
    assert AnthropicLLM(model, api_key="test", options=options).strategies(Partial("x")) == strategies


async def test_a_stall_in_the_middle(models):
    """A stream that falls silent is left after stall_timeout and gone on with."""
    llm, sim = models(faults=[Stall(8), None], options={"stall_timeout": 0.2})
    log = await events(llm)
    assert text(log) == ANSWER
    assert only(log, Retrying)[0].fault == "stalled"
    await asyncio.to_thread(sim.wait_for_disconnect)


async def test_the_extractive_answer_comes_again():
    """A deterministic model says all of it again, and what is out is left out, citations included."""

    class Breaking(ExtractiveLLM):
        cuts = 0

        async def stream(self, request):
            n = 0
            async for delta in super().stream(request):
                if n == self.cuts:
                    self.cuts = -1
                    raise ProviderError("cut", "Cut.")
                n += 1
                yield delta

    request = Request("What does a bicycle cost?", PASSAGES)
    whole = [delta async for delta in ExtractiveLLM(least=0.0).stream(request)]
    undisturbed = [
        event async for event in generate([ExtractiveLLM(least=0.0)], request, Resilience(QUICKLY))
    ]
    assert cited(undisturbed)
    for cuts in range(len(whole)):
        llm = Breaking(least=0.0)
        llm.cuts = cuts
        log = [event async for event in generate([llm], request, Resilience(QUICKLY))]
        assert text(log) == text(undisturbed)
        assert cited(log) == cited(undisturbed)


async def test_a_model_that_does_not_repeat_itself():
    """A replay that differs is not mixed with what is out: the answer fails, and says why."""

    class Fickle:
        name = "fickle"
        citing = True
        asked = 0

        def strategies(self, partial):
            return ("replay",)

        def warm_up(self):
            pass

        async def stream(self, request):
            self.asked += 1
            yield Text(f"Answer {self.asked}")
            if self.asked == 1:
                raise ProviderError("cut", "Cut.")
            yield Usage(1, 1)
            yield Stop("stop")

    with pytest.raises(ProviderError, match="did not say the same again"):
        await events(Fickle())


async def test_a_model_that_cannot_go_on(models):
    """A model that knows no continuation is not asked for one: another goes on, or the answer fails."""

    cut = ProviderError("cut", "Cut.")
    with pytest.raises(ProviderError, match="Cut"):
        await events(Simple([Text(ANSWER[:30]), cut]))
    assert text(await events([Simple([Text(ANSWER[:30]), cut]), models()[0]])) == ANSWER


async def test_a_breaker_opens_and_closes(models):
    """A provider that keeps failing is left alone for a while, then tried once, then trusted again."""
    now = 0.0
    breakers = Breakers(lambda: now)
    retry = Retry(attempts=2, initial=0, failures=2, cooldown=30.0)
    first, sim = models(faults=[Status(503)] * 3)
    second, _ = models(model="other")

    async def ask():
        request = Request("How?", PASSAGES)
        return [
            event
            async for event in generate([first, second], request, Resilience(retry, breakers=breakers))
        ]

    assert text(await ask()) == ANSWER
    assert len(sim.requests) == 2
    assert text(await ask()) == ANSWER
    assert len(sim.requests) == 2  # left alone
    now = 31.0
    assert text(await ask()) == ANSWER
    assert len(sim.requests) == 3  # tried once, and failed
    now = 62.0
    assert only(await ask(), Routed) == []
    assert only(await ask(), Routed) == []
    assert len(sim.requests) == 5  # trusted again


def test_a_breaker_lets_one_through():
    """While it is open, one call passes each time that the cooldown is over."""
    now = 0.0
    breaker = Breaker(1, 10.0, lambda: now)
    assert breaker.allows()
    breaker.failed()
    assert (breaker.is_open, breaker.allows()) == (True, False)
    now = 10.0
    assert (breaker.allows(), breaker.allows()) == (True, False)
    breaker.succeeded()
    assert breaker.allows()


def test_trouble():
    """The budget counts from a fault to the next text; attempts count anew then."""
    trouble = Trouble(Retry(budget=10.0))
    trouble.begin(5.0)
    trouble.begin(7.0)
    assert (trouble.attempts, trouble.left(8.0), trouble.is_over) == (2, 7.0, False)
    trouble.end(9.0)
    assert (trouble.attempts, trouble.left(100.0), trouble.is_over) == (0, 6.0, True)


def test_waits():
    """The first try after a cut comes at once, the others after a random wait below a rising ceiling."""
    retry = Retry(initial=1.0, maximum=4.0)
    assert retry.wait(1, None, "at once") == 0.0
    assert retry.wait(1, 3.0, "at once") == 3.0
    for attempt, ceiling in ((1, 1.0), (2, 2.0), (3, 4.0), (9, 4.0), (5000, 4.0)):
        assert all(0.0 <= retry.wait(attempt, None) <= ceiling for _ in range(50))
    with pytest.raises(InvalidInputError):
        Retry(failures=0)


@pytest.mark.parametrize("moment", ["backoff", "stall", "seam"])
async def test_cancelling_stops_at_once(models, moment):
    """Cancelling while it waits, while a stream is silent, or while a seam is open ends it, and the connection."""
    faults = {
        "backoff": [CleanEnd(3)] + [Status(503)] * 9,
        "stall": [CleanEnd(3), Stall(0)],
        "seam": [CleanEnd(3), Stall(1)],
    }
    llm, sim = models(faults=faults[moment])
    retry = Retry(initial=1e6, maximum=1e6, budget=1e9)
    log = []

    async def consume():
        async for event in generate([llm], Request("How?", PASSAGES), Resilience(retry)):
            log.append(event)

    task = asyncio.create_task(consume())
    await asyncio.to_thread(sim.wait_for_request, 2)
    while moment == "backoff" and len(only(log, Retrying)) < 2:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    if moment != "backoff":
        await asyncio.to_thread(sim.wait_for_disconnect)
    assert ANSWER.startswith(text(log))
