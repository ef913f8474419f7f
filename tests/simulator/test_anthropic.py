"""Anthropic's messages, as the real SDK reads them."""

from __future__ import annotations

import anthropic
import httpx2

from ragnb.simulator import Simulator, tokenize

ANSWER = "Refunds take five days. Cats travel free."
ASK = {
    "model": "claude-opus-4-6",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "How do refunds work?"}],
}


def search_result(*texts: str, title: str = "Handbook") -> dict:
    return {
        "type": "search_result",
        "source": f"{title.lower()}.md",
        "title": title,
        "content": [{"type": "text", "text": text} for text in texts],
        "citations": {"enabled": True},
    }


def asking(*results: dict) -> dict:
    content = [*results, {"type": "text", "text": "Refunds?"}]
    return {**ASK, "messages": [{"role": "user", "content": content}]}


async def test_events_in_their_order(anthropic_client):
    """All events come in the service's order, with input usage first and output usage last."""
    with Simulator(["One", " two"]) as sim:
        stream = await anthropic_client(sim).messages.create(**ASK, stream=True)
        events = [event async for event in stream]
    assert [event.type for event in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[0].message.usage.input_tokens == 5
    assert events[0].message.stop_reason is None
    assert events[-2].usage.output_tokens == 2
    assert events[-2].delta.stop_reason == "end_turn"


def test_a_ping_is_sent():
    """A ping comes early in the stream; the SDK keeps it to itself."""
    with Simulator("Yes.") as sim, httpx2.Client(base_url=sim.anthropic_url) as client:
        text = client.post("/v1/messages", json={**ASK, "stream": True}).text
    assert 'event: ping\ndata: {"type":"ping"}\n\n' in text


def test_sync_helper_assembles_the_message():
    """The SDK's sync stream helper gives the whole message."""
    with (
        Simulator(ANSWER) as sim,
        anthropic.Anthropic(base_url=sim.anthropic_url, api_key="k", max_retries=0) as client,
        client.messages.stream(**ASK) as stream,
    ):
        assert "".join(stream.text_stream) == ANSWER
        message = stream.get_final_message()
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens == len(tokenize(ANSWER))


async def test_token_limit_ends_with_max_tokens(anthropic_client):
    """An answer longer than max_tokens is cut there and says so."""
    with Simulator(ANSWER) as sim:
        async with anthropic_client(sim).messages.stream(**{**ASK, "max_tokens": 3}) as stream:
            message = await stream.get_final_message()
    assert message.stop_reason == "max_tokens"
    assert message.content[0].text == "".join(tokenize(ANSWER)[:3])
    assert message.usage.output_tokens == 3


async def test_markers_become_citations(anthropic_client):
    """Each [n] becomes a citation of result n's best block, on a content block of its own."""
    request = asking(
        search_result("Cats travel free.", "Refunds take five days."),
        search_result("Dogs pay half."),
    )
    answer = "Well. Refunds take five days [1]. Dogs pay half.[2][1] That is all."
    with Simulator(answer) as sim:
        async with anthropic_client(sim).messages.stream(**request) as stream:
            message = await stream.get_final_message()
        whole = await anthropic_client(sim).messages.create(**request)
    assert [(block.text, len(block.citations or ())) for block in message.content] == [
        ("Well. ", 0),
        ("Refunds take five days", 1),
        (". ", 0),
        ("Dogs pay half.", 2),
        (" That is all.", 0),
    ]
    (citation,) = message.content[1].citations
    assert citation.model_dump() == {
        "type": "search_result_location",
        "cited_text": "Refunds take five days.",
        "source": "handbook.md",
        "title": "Handbook",
        "search_result_index": 0,
        "start_block_index": 1,
        "end_block_index": 2,
    }
    assert [c.search_result_index for c in message.content[3].citations] == [1, 0]
    assert [block.model_dump() for block in whole.content] == [
        block.model_dump(exclude={"parsed_output"}) for block in message.content
    ]


async def test_citations_come_after_the_text_of_their_block(anthropic_client):
    """Within a block, the text comes first, in the scripted deltas, and then what supports it."""
    with Simulator(["Ref", "unds [", "1", "]", "."]) as sim:
        request = asking(search_result("Refunds."))
        stream = await anthropic_client(sim).messages.create(**request, stream=True)
        events = [event async for event in stream]
    deltas = [event.delta for event in events if event.type == "content_block_delta"]
    assert [delta.type for delta in deltas] == [
        "text_delta",
        "text_delta",
        "citations_delta",
        "text_delta",
    ]
    assert [d.text for d in deltas if d.type == "text_delta"] == ["Ref", "unds", "."]


async def test_number_of_no_result_stays_text(anthropic_client):
    """A marker that names no search result is text like any other."""
    with Simulator("So they say [7].") as sim:
        message = await anthropic_client(sim).messages.create(**asking(search_result("No.")))
    assert [block.text for block in message.content] == ["So they say [7]."]


async def test_no_citations_unless_enabled(anthropic_client):
    """Search results that do not ask for citations get none."""
    plain = {**search_result("Refunds take five days."), "citations": {"enabled": False}}
    with Simulator("Refunds take five days [1].") as sim:
        message = await anthropic_client(sim).messages.create(**asking(plain))
    assert [block.text for block in message.content] == ["Refunds take five days [1]."]


async def test_default_answer_cites_the_results(anthropic_client):
    """Without an answer, the first sentence of each search result is said and cited."""
    results = [search_result("Refunds take five days.", "Not six."), search_result("Cats go free.")]
    with Simulator() as sim:
        message = await anthropic_client(sim).messages.create(**asking(*results))
    cited = [(b.text, b.citations[0].cited_text) for b in message.content if b.citations]
    assert cited == [
        ("Refunds take five days", "Refunds take five days."),
        ("Cats go free", "Cats go free."),
    ]


async def test_cut_block_has_no_citation(anthropic_client):
    """A block that the token limit cuts never gets to its citation."""
    with Simulator("Refunds take five days [1].") as sim:
        request = {**asking(search_result("Refunds take five days.")), "max_tokens": 2}
        message = await anthropic_client(sim).messages.create(**request)
    assert [(b.text, b.citations) for b in message.content] == [("Refunds take", None)]
    assert message.stop_reason == "max_tokens"
