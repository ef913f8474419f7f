"""AnthropicLLM: the real SDK on the wire, and the citations that the provider reports itself."""

from __future__ import annotations

import pytest

from ragnb.errors import ConfigurationError, ProviderError
from ragnb.llms.anthropic import AnthropicLLM
from ragnb.llms.base import Request
from ragnb.pipeline import RAGPipeline
from ragnb.resumption.policy import Retry
from ragnb.simulator import CleanEnd, Cut, ErrorEvent, Html, Simulator, Status
from tests.conftest import TEXTS, hits


def pipeline(sim, minilm, **options):
    rag = RAGPipeline(
        AnthropicLLM("claude-haiku-4-5", base_url=sim.anthropic_url, api_key="test", **options),
        minilm,
        home=None,
        retry=Retry(attempts=2, initial=0.001),
    )
    rag.add(TEXTS)
    return rag


def test_native_citations(minilm):
    """Each citation delta becomes a Cited event with the sentence of the passage, at its offsets."""
    with Simulator("Bicycles cost 15 euros each [1]. Nothing else is known.") as sim:
        rag = pipeline(sim, minilm)
        events = list(rag.events("What does a bicycle cost?"))
    answer = rag.answers()[-1]
    assert answer.status == "finished"
    (cited,) = answer.citations
    (quote,) = cited.quotes
    assert answer.text[cited.start : cited.end] == "Bicycles cost 15 euros each"
    assert quote.text == "A reservation for a bicycle costs 15 euros."
    hit = answer.sources[quote.number - 1]
    assert hit.chunk.text[quote.start : quote.end] == quote.text
    assert cited.marker is None
    assert "[1]" not in answer.text
    assert [e.seq for e in events] == list(range(len(events)))
    sent = sim.requests[0].json["messages"][0]["content"]
    assert [block["type"] for block in sent] == ["search_result"] * 3 + ["text"]
    assert all(block["citations"] == {"enabled": True} for block in sent[:3])


def test_usage_and_length(minilm):
    """Usage is the provider's last word, and a stop at max_tokens is told."""
    with Simulator("one two three four five") as sim:
        rag = pipeline(sim, minilm, max_tokens=3)
        list(rag.events("How?"))
    answer = rag.answers()[-1]
    assert answer.events[-1].reason == "length"
    assert answer.usage.output_tokens == 3
    assert not answer.usage.estimated
    assert answer.cost > 0


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Status(401), "authentication"),
        (Status(404), "not_found"),
        (Status(529), "overloaded"),
        (Cut(2), "cut"),
        (Cut(2, "rst"), "cut"),
        (CleanEnd(2), "cut"),
        (ErrorEvent(2), "overloaded"),
        (Html(), "garbage"),
    ],
)
async def test_faults(fault, kind):
    """Every way to fail has its class and its advice."""
    with Simulator(faults=[fault]) as sim:
        llm = AnthropicLLM("claude-haiku-4-5", base_url=sim.anthropic_url, api_key="test")
        with pytest.raises(ProviderError) as caught:
            async for _ in llm.stream(Request("How are refunds paid?", hits(*TEXTS))):
                pass
        await llm.aclose()
    assert caught.value.fault == kind
    assert caught.value.advice


def test_no_key():
    """A missing key is told with the variable to set."""
    rag = RAGPipeline("anthropic:claude-haiku-4-5", home=None, vectorstore="memory")
    rag.add("A text.")
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY"):
        rag.query("How?")
