"""Routing in a pipeline: chats, resumed answers, what is asked beside the answers, and how tiers are written."""

from __future__ import annotations

import pytest

from ragnb import parts
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.errors import ConfigurationError
from ragnb.events import Failed, Rewritten, Routed, Used
from ragnb.llms.openai import OpenAILLM
from ragnb.llms.price import Price
from ragnb.pipeline import RAGPipeline
from ragnb.resumption.deployments import Deployments
from ragnb.resumption.ladder import Ladder
from ragnb.resumption.policy import Retry
from ragnb.routing.budgets import Allowance, Budget
from ragnb.routing.tiers import Tier
from ragnb.routing.windows import Windows
from ragnb.simulator import Simulator, Status
from ragnb.vectorstores.memory import InMemoryVectorStore
from tests.conftest import TEXTS
from tests.routing.test_router import ask, routes, tiered

__all__ = ["tiered"]


def test_the_turns_are_a_signal(tiered):
    """A rule sees how many turns were before, and the small tier writes the follow-up as a question."""
    seen = []
    rag, small, large = tiered(
        lambda signals: seen.append(signals["turns"]) or "large", said="How is it paid?"
    )
    chat = rag.chat()
    for question in ("How are refunds paid?", "And when?", "And where?"):
        answer = ask(chat, question)
        assert (answer.text, answer.tier) == ("large", "large")
    assert seen == [0, 1, 2]
    assert routes(answer)[0].signals["turns"] == 2
    assert answer.last(Rewritten).model == "openai:little"
    assert (len(small.requests), len(large.requests)) == (2, 3)
    assert [one.model for one in answer.all(Used)] == ["openai:little", "openai:much"]


def test_rewriting_is_of_the_budget(tiered):
    """Where the budget has no room for it, a follow-up is rewritten by rule, and no model is asked."""
    run = Allowance(1.0)
    rag, small, large = tiered(lambda signals: "small", said="Five days.", budget=Budget(run=run))
    chat = rag.chat()
    assert ask(chat).text == "Five days."
    run.settle(reserved=0.0, spent=1.0)
    answer = ask(chat, "And when?")
    assert (answer.status, answer.last(Failed).fault) == ("failed", "budget")
    assert "may cost up to" in answer.last(Rewritten).note
    assert (len(small.requests), len(large.requests)) == (1, 0)


def test_judges_are_of_the_budget(minilm):
    """What a judge costs is paid from the pipeline's budget too."""
    run = Allowance(1.0)
    with Simulator("Right. It says so.") as sim:
        llm = OpenAILLM("m", base_url=sim.url, api_key="test", price=Price(10, 100), max_tokens=20)
        rag = RAGPipeline(llm, minilm, InMemoryVectorStore(), home=None, budget=Budget(run=run))
        rag.add(TEXTS)
        result = rag.evaluate(
            [{"id": "1", "question": "How are refunds paid?", "answer": "By card."}], judge=llm
        )
        rag.close()
    (outcome,) = result.outcomes
    assert outcome.verdict.cost > 0
    assert run.spent == pytest.approx(rag.answers()[-1].cost + outcome.verdict.cost)


def test_tiers_by_name(minilm):
    """Names and models are enough, and what the public list says of them is used."""
    made = parts.routing({"small": "openai:gpt-4.1-mini", "large": "openai:gpt-4o"}, None, minilm)
    assert made.tiers.names == ("small", "large")
    assert made.tiers.able({}, 500_000) == ["small"]  # gpt-4o reads 128,000
    assert made.tiers.able({}, 100) == ["small", "large"]
    own = parts.routing({"mine": "vllm:mine"}, None, minilm, prices={"vllm:mine": Price(1, 2)})
    assert own.tiers.names == ("mine",)
    with pytest.raises(ConfigurationError, match="has no price"):
        parts.routing({"mine": "vllm:mine"}, None, minilm)


def test_windows():
    """A tier's own word comes before the list, and what is unknown may be large enough."""
    mini, own = OpenAILLM("gpt-4.1-mini"), OpenAILLM("nobody-knows-it")
    windows = Windows({"openai:gpt-4.1-mini": 10})
    assert (Windows().of(mini), windows.of(mini), windows.of(own)) == (1_000_000, 10, None)
    assert windows.is_larger(own, mini) and windows.is_larger(mini, own)
    assert Windows().is_larger(mini, OpenAILLM("gpt-4o"))
    assert not Windows().is_larger(mini, OpenAILLM("gpt-4.1"))


def test_a_tier_with_two_keys(tiered):
    """A tier may be a model behind several keys."""

    def two_keys(one, two):
        keys = [OpenAILLM("little", base_url=one.base_url, api_key=key, price=Price(1, 2)) for key in "ab"]
        return [Tier("small", Deployments(keys)), Tier("large", two, Price(10, 20))]

    rag, small, large = tiered(lambda signals: "small", tiers=two_keys, small=[Status(429, retry_after=60)])
    answer = ask(rag)
    assert (answer.text, answer.tier, len(small.requests), len(large.requests)) == ("small", "small", 2, 0)


def test_a_refusal_that_nobody_saw_is_no_answer(tmp_path):
    """A process that ends between a refusal and the larger tier's answer is resumed with that answer."""
    with Simulator("I don't know.") as small, Simulator("Five days.") as large, Simulator() as vectors:

        def made():
            tiers = [
                Tier("small", OpenAILLM("s", base_url=small.url, api_key="test"), Price(1, 2)),
                Tier("large", OpenAILLM("l", base_url=large.url, api_key="test"), Price(10, 20)),
            ]
            embeddings = OpenAIEmbeddings(base_url=vectors.url, api_key="test")
            return RAGPipeline(
                None,
                embeddings,
                InMemoryVectorStore(),
                home=tmp_path,
                tiers=tiers,
                router=lambda signals: "small",
                retry=Retry(attempts=1),
            )

        rag = made()
        rag.add(TEXTS)
        answer = ask(rag)
        assert answer.text == "Five days."
        rag.close()
        (file,) = (tmp_path / "answers").rglob("*.jsonl")
        lines = file.read_bytes().splitlines(keepends=True)
        refused = next(n for n, line in enumerate(lines) if b'"Used"' in line) + 1
        file.write_bytes(b"".join(lines[:refused]))
        rag = made()
        resumed = rag._resume(answer.id)
        assert resumed.wait(timeout=30)
        rag.close()
    assert (resumed.status, resumed.text) == ("finished", "Five days.")
    assert [event.model for event in resumed.all(Routed)] == ["openai:s", "openai:l"]


@pytest.mark.parametrize(("prices", "cost"), [({"openai:mine": Price(1, 2)}, True), (None, False)])
def test_prices_of_ones_own(minilm, prices, cost):
    """A model that no list knows has the price that was given by its name; else its cost is unknown, not 0."""
    with Simulator("Five days.") as sim:
        llm = OpenAILLM("mine", base_url=sim.url, api_key="test")
        rag = RAGPipeline(llm, minilm, InMemoryVectorStore(), home=None, prices=prices)
        rag.add(TEXTS)
        answer = ask(rag)
        rag.close()
    used = answer.usage
    assert answer.cost == (
        pytest.approx((used.input_tokens + 2 * used.output_tokens) / 1e6) if cost else None
    )


def test_the_ladder_is_the_pipelines(tiered):
    """A pipeline follows the ladder that it is given."""
    rag, small, large = tiered(
        lambda signals: "small", small=[Status(503)], ladder=Ladder(overloaded="another")
    )
    assert ask(rag).text == "large"
    assert (len(small.requests), len(large.requests)) == (1, 1)
    rag, small, large = tiered(
        lambda signals: "small", small=[Status(503)], ladder=Ladder(overloaded="stop")
    )
    assert ask(rag).last(Failed).fault == "overloaded"
    assert (len(small.requests), len(large.requests)) == (1, 0)
