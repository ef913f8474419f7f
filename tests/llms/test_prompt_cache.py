"""The provider's prompt cache: what stays the same is sent first, and marked where that pays."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.anthropic import AnthropicLLM
from ragnb.llms.openai import OpenAILLM
from ragnb.pipeline import RAGPipeline
from ragnb.simulator import Simulator
from ragnb.simulator.prompt import texts
from ragnb.vectorstores.memory import InMemoryVectorStore
from tests.conftest import TEXTS

LONG = "Refunds are paid within five days, and they are paid to the card that was used to buy the ticket. "


def chatted(anthropic, turns, *, words=LONG * 8, memory=9_000):
    """The requests for the answers of a chat."""
    with Simulator(words) as sim, Simulator() as vectors:
        if anthropic:
            llm = AnthropicLLM("claude-sonnet-4-6", base_url=sim.anthropic_url, api_key="test")
        else:
            llm = OpenAILLM("gpt-4.1-mini", base_url=sim.url, api_key="test")
        embeddings = OpenAIEmbeddings(base_url=vectors.url, api_key="test")
        rag = RAGPipeline(llm, embeddings, InMemoryVectorStore(), home=None)
        rag.add(TEXTS)
        chat = rag.chat(memory=memory)
        for number in range(turns):
            chat.query(f"What about the refund number {number}?")
        rag.close()
        requests = [request.json for request in sim.requests]
    return [one for one in requests if "passage" in str(one) and "<conversation>" not in str(one)]


def marked(request):
    """The beginning of a request up to its mark, as plain texts; none without one."""
    said = [(turn["role"], turn["content"]) for turn in request["messages"]]
    for place, (_, content) in enumerate(said):
        if isinstance(content, list) and any("cache_control" in block for block in content):
            return [request["system"], *(plain(one) for one in said[: place + 1])]
    return []


def plain(turn):
    role, content = turn
    return role, content if isinstance(content, str) else "".join(
        block.get("text", "") for block in content
    )


@pytest.fixture(scope="module")
def long_chat():
    return chatted(True, 12)


def test_what_is_marked_is_the_beginning_of_the_next(long_chat):
    """All but the first, short turns of a chat are marked, and each mark is read again by the next request."""
    marks = [marked(request) for request in long_chat]
    assert len(marks) == 12
    first = next(number for number, mark in enumerate(marks) if mark)
    assert 3 <= first <= 7  # from 1,024 tokens on
    assert all(marks[first:])
    for one, after in pairwise(marks[first:]):
        assert after[: len(one)] == one and len(after) == len(one) + 2


def test_what_it_saves(long_chat):
    """Over 12 turns the marks cost less than half of what the earlier turns would without them."""
    cached = plainly = 0.0
    seen = 0
    for request in long_chat:
        size = sum(map(len, texts({"messages": request["messages"][:-1]})))
        plainly += size
        cached += 0.1 * seen + 1.25 * (size - seen) if marked(request) else size
        seen = size if marked(request) else 0
    assert cached < 0.5 * plainly


@pytest.mark.parametrize(
    ("turns", "words", "memory"),
    [(1, LONG, 9_000), (6, "Yes.", 9_000), (9, LONG * 8, 1_300)],
    ids=["no chat", "a short chat", "a chat whose beginning is left out"],
)
def test_what_is_not_worth_it(turns, words, memory):
    """Where nothing is sent again, or too little, nothing is marked."""
    assert marked(chatted(True, turns, words=words, memory=memory)[-1]) == []


def test_what_stays_the_same_comes_first():
    """Without marks too, each request of a chat begins with all of the one before it but its passages."""
    requests = chatted(False, 4)
    for one, after in pairwise(requests):
        before = one["messages"][:-1]
        assert after["messages"][: len(before)] == before
    assert "<passage" not in str(requests[-1]["messages"][:-1])
