"""The ladder of failure: each fault leads to its next step, and to the one that is configured in its place."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from ragnb.errors import ConfigurationError, Fault, ProviderError
from ragnb.events import Retrying, Routed, Used
from ragnb.generation import generate
from ragnb.llms.base import Request
from ragnb.llms.openai import OpenAILLM
from ragnb.llms.price import Price
from ragnb.resumption.ladder import Ladder, Step
from ragnb.resumption.policy import Retry
from ragnb.resumption.resilience import Resilience
from ragnb.routing.budgets import Allowance, Purse, most_of
from ragnb.routing.prices import Prices
from ragnb.routing.windows import Windows
from ragnb.simulator import Garbage, Simulator, Status
from tests.conftest import hits
from tests.resumption.provider import text

ASKED = Request("Why?", hits("Because."))
QUICKLY = Retry(attempts=2, initial=0.0, maximum=0.0)
# In their order: the first one fails; the next; one that reads more; one that costs less.
PRICES = {"first": 2.0, "next": 3.0, "wide": 4.0, "cheap": 1.0}
WINDOWS = Windows(
    {"openai:first": 8_000, "openai:next": 8_000, "openai:wide": 100_000, "openai:cheap": 4_000}
)


def refused(code):
    return Status(400, body={"error": {"message": "No.", "type": "invalid_request_error", "code": code}})


def filtered_end(place=0):
    """The end of a stream whose provider let no more of it through."""
    choice = {"index": 0, "delta": {}, "finish_reason": "content_filter"}
    return Garbage(place, b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\ndata: [DONE]\n\n")


FAULTS = {
    "rate_limit": Status(429),
    "overloaded": Status(503),
    "window": refused("context_length_exceeded"),
    "content_filter": refused("content_filter"),
}
ASKED_NEXT = {
    "at once": "first",
    "later": "first",
    "another": "next",
    "larger": "wide",
    "cheaper": "cheap",
    "stop": None,
}
USUAL = [
    ("rate_limit", "later"),
    ("overloaded", "later"),
    ("window", "larger"),
    ("content_filter", "another"),
]


async def asked(faults, ladder, purse=None):
    """The log of one answer by the first of four models that does, and the names of those that were asked."""
    with Simulator(lambda request: request["model"], faults=faults) as sim:
        llms = [
            OpenAILLM(name, base_url=sim.url, api_key="test", price=Price(price, price))
            for name, price in PRICES.items()
        ]
        care = Resilience(QUICKLY, ladder, windows=WINDOWS)
        log, error = [], None
        try:
            async for event in generate(llms, ASKED, care, purse=purse):
                log.append(event)
        except ProviderError as raised:
            error = raised
        for llm in llms:
            await llm.aclose()
        return log, [request.json["model"] for request in sim.requests], error


@pytest.mark.parametrize(
    ("fault", "ladder", "step"),
    [
        *((fault, Ladder(), step) for fault, step in USUAL),
        *((fault, Ladder(**{fault: step}), step) for fault in FAULTS for step in get_args(Step)),
    ],
)
async def test_each_fault_has_its_next_step(fault, ladder, step):
    """The model that is asked next is the one that the step says, and the log says why."""
    log, models, error = await asked([FAULTS[fault]], ladder)
    then = ASKED_NEXT[step]
    assert models == ["first"] + [then] * (then is not None)
    assert text(log) == (then or "")
    if then is None:
        assert error.fault == fault and error.advice and not log
        return
    assert [event.fault for event in log if isinstance(event, Retrying)] == [fault]
    routes = [event.model for event in log if isinstance(event, Routed)]
    assert routes == ([] if then == "first" else [f"openai:{then}"])


@pytest.mark.parametrize(
    ("ladder", "tried"),
    [
        (Ladder(), ["openai:cheap"]),
        (Ladder(budget="another"), ["openai:next", "openai:wide", "openai:cheap"]),
        (Ladder(budget="stop"), []),
    ],
)
async def test_a_budget_leads_to_a_cheaper_model(ladder, tried):
    """Where the budget has no room for a model, the next cheaper one answers, and no other is asked."""
    cheap = OpenAILLM("cheap", base_url="http://x/v1", price=Price(1.0, 1.0))
    room = Allowance(1.5 * most_of(cheap, ASKED, Prices()))
    log, models, error = await asked([], ladder, Purse(allowances=[room]))
    assert [event.model for event in log if isinstance(event, Routed)] == tried
    assert models == (["cheap"] if tried else [])
    assert text(log) == ("cheap" if tried else "")
    assert error is None or (error.fault == "budget" and "openai:first may cost" in error.message)


async def test_a_budget_for_none_of_them():
    """Where no model fits, the answer has failed, and nothing was asked."""
    log, models, error = await asked([], Ladder(), Purse(allowances=[Allowance(0.0)]))
    assert (log, models) != ([], ["first"]) and models == []
    assert error.fault == "budget"
    assert "openai:first" in error.message and "openai:cheap" in error.message


async def test_where_no_model_reads_more():
    """A request that is too long for the largest one fails, with what can be done."""
    too_long = FAULTS["window"]
    _, models, error = await asked([too_long, too_long], Ladder())
    assert models == ["first", "wide"]
    assert error.fault == "window" and "smaller k" in error.advice
    assert "openai:first" in error.message and "openai:wide" in error.message


async def test_a_filter_that_lets_nothing_through():
    """A stream whose filter ends it before the first word goes to another model, and is paid for."""
    log, models, _ = await asked([filtered_end()], Ladder())
    assert models == ["first", "next"] and text(log) == "next"
    assert [event.model for event in log if isinstance(event, Routed)] == ["openai:next"]
    assert [event.fault for event in log if isinstance(event, Retrying)] == ["content_filter"]


async def test_a_filter_in_the_middle_ends_the_answer():
    """What a filter cuts off behind the first words ends there: it is not asked for elsewhere."""
    with Simulator("one two three", faults=[filtered_end(2)]) as sim:
        llm = OpenAILLM("m", base_url=sim.url, api_key="test")
        log = [event async for event in generate([llm, llm], ASKED, Resilience(QUICKLY))]
        await llm.aclose()
    assert text(log) == "one two" and len(sim.requests) == 1
    assert log[-1].reason == "content_filter" and "another model" in log[-1].advice
    assert len([event for event in log if isinstance(event, Used)]) == 1


def test_every_fault_has_a_step():
    """There is no fault without a next step, and no step for what is no fault."""
    assert {field for field in Ladder.__dataclass_fields__} == set(get_args(Fault))
    assert Ladder().after("garbage", began=True) == Ladder().after("cut", began=False)


@pytest.mark.parametrize("wrong", ["sideways", None, 3])
def test_what_is_no_step(wrong):
    """A step that means nothing is refused where it is written."""
    with pytest.raises(ConfigurationError, match="is no step"):
        Ladder(budget=wrong)
