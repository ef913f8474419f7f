"""Budgets: a request that might pass one is not made, also with answers in parallel."""

from __future__ import annotations

import asyncio
import math
import threading

import pytest

from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.errors import BudgetError, InvalidInputError
from ragnb.events import Failed, Finished, Resumed, Used
from ragnb.llms.base import Request
from ragnb.llms.openai import OpenAILLM
from ragnb.llms.price import Price
from ragnb.pipeline import RAGPipeline
from ragnb.resumption.policy import Retry
from ragnb.routing.budgets import Accounts, Allowance, Budget, most_of
from ragnb.routing.prices import Prices
from ragnb.simulator import Cut, Simulator, Status
from ragnb.vectorstores.memory import InMemoryVectorStore
from tests.conftest import TEXTS, hits

DEAR = Price(10.0, 100.0)
ASKED = Request("Why?", hits("Because."))


@pytest.fixture
def priced():
    """Makes pipelines with a budget, and gives each with the server of its model."""
    open_ = []

    def make(budget, *, price=DEAR, model="m", fallback=(), max_tokens=20, **simulator):
        sim, vectors = Simulator(**{"answer": "Five days.", **simulator}).start(), Simulator().start()
        rag = RAGPipeline(
            OpenAILLM(model, base_url=sim.url, api_key="test", price=price, max_tokens=max_tokens),
            OpenAIEmbeddings(base_url=vectors.url, api_key="test"),
            InMemoryVectorStore(),
            home=None,
            retry=Retry(attempts=3, initial=0.0, maximum=0.0),
            fallback=fallback,
            budget=budget,
        )
        rag.add(TEXTS)
        open_.append((rag, sim, vectors))
        return rag, sim

    yield make
    for rag, *sims in open_:
        rag.close()
        for sim in sims:
            sim.stop()


def ask(rag):
    answer = rag.start("How are refunds paid?")
    assert answer.wait(timeout=30)
    return answer


def costs(rag):
    return sum(answer.cost or 0.0 for answer in rag.answers())


def test_within_a_budget_nothing_changes(priced):
    """An answer that costs less is as it was, and says nothing of it."""
    rag, _ = priced(Budget(answer=1.0, session=2.0, run=Allowance(3.0)))
    answer = ask(rag)
    assert (answer.text, answer.last(Finished).advice) == ("Five days.", "")


@pytest.mark.parametrize("budget", [Budget(answer=0), Budget(session=0), Budget(run=Allowance(0))])
def test_a_budget_of_nothing(priced, budget):
    """With a budget of 0 no request is made that costs something, and the failure says what to do."""
    rag, sim = priced(budget)
    failed = ask(rag).last(Failed)
    assert not sim.requests
    assert (failed.error, failed.fault) == ("BudgetError", "budget")
    assert "$0.000000 is left" in failed.message and "Raise the budget" in failed.advice
    with pytest.raises(BudgetError, match="may cost up to"):
        rag.query("How are refunds paid?")


def test_a_budget_of_nothing_is_enough_for_what_is_free(priced):
    """What costs nothing answers with a budget of 0, also as fallback."""
    rag, sim = priced(Budget(session=0), price=Price(0, 0))
    assert ask(rag).text == "Five days."
    rag, sim = priced(Budget(session=0), fallback="extractive")
    answer = ask(rag)
    assert (answer.status, answer.model) == ("finished", "extractive")
    assert not sim.requests


def test_an_unknown_price_keeps_no_budget(priced):
    """A model whose price is unknown is not asked where there is a budget."""
    rag, sim = priced(Budget(answer=5.0), price=None, model="nobody-knows-it")
    failed = ask(rag).last(Failed)
    assert (
        "What openai:nobody-knows-it costs is not known" in failed.message
        and "price=Price" in failed.advice
    )
    assert not sim.requests


def test_a_warning_then_a_stop(priced):
    """Near its end the answers warn, and the one that might pass it is not begun."""
    rag, sim = priced(Budget(session=0.06, warn=0.5))
    answers = [ask(rag)]
    while answers[-1].status == "finished":
        answers.append(ask(rag))
    advice = [answer.last(Finished).advice for answer in answers[:-1]]
    assert advice[0] == "" and "Of the budget of $0.06 for the session, $0.0" in advice[-1]
    assert len(sim.requests) == len(answers) - 1 > 2
    assert costs(rag) <= 0.06


@pytest.mark.parametrize("limit", [0.03, 0.08, 0.2])
def test_never_passed_in_parallel(priced, limit):
    """Thirty answers at once never cost more than there is, and what was possible was answered."""
    rag, sim = priced(Budget(session=limit))
    answers = [rag.start("How are refunds paid?") for _ in range(30)]
    for answer in answers:
        assert answer.wait(timeout=60)
    finished = [answer for answer in answers if answer.status == "finished"]
    assert 0 < len(finished) < 30 and len(sim.requests) == len(finished)
    assert {answer.last(Failed).error for answer in answers if answer.status == "failed"} == {"BudgetError"}
    assert costs(rag) <= limit


def test_one_allowance_for_several_pipelines(priced):
    """What a run may cost is shared by all that were given it."""
    run = Allowance(0.06)
    one, _ = priced(Budget(run=run))
    two, _ = priced(Budget(run=run))
    while ask(one).status == ask(two).status == "finished":
        pass
    assert costs(one) > 0 < costs(two)
    assert costs(one) + costs(two) == pytest.approx(run.spent)
    assert run.spent <= 0.06


def test_requests_that_failed_free_what_was_set_aside(priced):
    """A request that is refused costs nothing of the budget."""
    room = most_of(OpenAILLM("m", base_url="http://x/v1", price=DEAR, max_tokens=20), ASKED, Prices())
    rag, _ = priced(Budget(session=room * 6), faults=[Status(503), Status(503), None, *[Status(401)] * 20])
    assert ask(rag).text == "Five days."
    for _ in range(20):
        assert ask(rag).last(Failed).fault == "authentication"
    assert ask(rag).text == "Five days."


def test_an_answers_continuations_are_of_its_budget(priced):
    """An answer that is cut has the rest of its budget to go on with; what it cost before is counted."""
    words = "one two three four five six seven eight nine ten"
    rag, sim = priced(Budget(answer=10.0), answer=words, faults=[Cut(4)])
    whole = ask(rag)
    assert whole.text == words and whole.last(Resumed)
    first = next(whole.all(Used)).cost
    most = most_of(rag.llm, Request("How are refunds paid?", whole.sources), Prices())
    rag, sim = priced(Budget(answer=most + first / 2), answer=words, faults=[Cut(4)])
    short = ask(rag)
    assert (short.status, short.last(Failed).fault, len(sim.requests)) == ("failed", "budget", 1)
    assert words.startswith(short.text) and short.text
    assert "for the answer" in short.last(Failed).message


def test_an_answer_of_before_has_spent():
    """The purse of an answer that is gone on with has what it cost before taken out."""
    accounts = Accounts(budget=Budget(answer=1.0))
    free = OpenAILLM("m", base_url="http://x/v1", price=Price(0, 0.5 * 1e6), max_tokens=1)
    with accounts.purse(spent=0.4) as purse:
        purse.reserve(free, ASKED)
    with accounts.purse(spent=0.6) as purse, pytest.raises(BudgetError, match=r"\$0.400000 is left"):
        purse.reserve(free, ASKED)


def test_an_allowance_holds_under_threads():
    """However many threads take from it at once, no more is taken than there is."""
    allowance = Allowance(100.0)
    taken = []

    def take():
        for _ in range(200):
            if allowance.reserve(1.0):
                allowance.settle(1.0, 0.5)
                taken.append(0.5)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowance.spent == sum(taken) <= 100.0
    assert allowance.spent > 98.9


@pytest.mark.parametrize("model", ["gpt-4.1-mini", "gpt-4o-mini"])
async def test_no_request_costs_more_than_was_set_aside(model):
    """What is set aside is more than a request can cost, however many tokens its texts are."""
    with Simulator("word " * 50) as sim:
        llm = OpenAILLM(model, base_url=sim.url, api_key="test", max_tokens=20)
        for text in ("Because.", "a " * 3000, "🦊" * 500, "\n| 1 | 2 |" * 200):
            request = Request("Why? " * 3, hits(text, text))
            deltas = [delta async for delta in llm.stream(request)]
            cost = Prices().cost(llm, deltas[-2])
            assert cost is not None and 0 < cost < most_of(llm, request, Prices())
        await llm.aclose()
    await asyncio.sleep(0)


@pytest.mark.parametrize("wrong", [-1, math.inf, math.nan, "1", True])
def test_what_is_no_budget(wrong):
    """An amount that cannot be spent is refused where it is written."""
    with pytest.raises(InvalidInputError, match="no budget"):
        Budget(answer=wrong)
    with pytest.raises(InvalidInputError, match="no budget"):
        Allowance(wrong)
    with pytest.raises(InvalidInputError, match="no share"):
        Budget(warn=2)
