"""Events: frozen, and the same after a journey through JSON."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb.events import (
    Cancelled,
    Cited,
    Failed,
    Finished,
    Kept,
    Quote,
    Reranked,
    Resumed,
    Retrieved,
    Retrying,
    Rewritten,
    Routed,
    Started,
    Token,
    Unknown,
    Used,
    from_json,
    to_json,
)
from tests.conftest import hits

EVERY = [
    Started(answer_id="a", question="q?", k=5, configured={"llm": "x"}),
    Started(answer_id="a", question="q?", k=5, chat="c"),
    Rewritten(question="q?", others=("r?",), model="m", note="why"),
    Retrieved(hits=hits("one", "two"), embed_seconds=0.1, search_seconds=0.2),
    Reranked(hits=hits("two"), reranker="r"),
    Routed(model="m", reason="why", tier="small", signals={"margin": 0.2}),
    Kept(id="resp_1", model="m"),
    Token(text="é 🦊"),
    Token(text="", position=0, ids=(0, 7)),
    Cited(start=0, end=2, quotes=(Quote(1, "c", 0, 3, "one"),), marker=(2, 5)),
    Retrying(fault="overloaded", message="m", attempt=1, wait=0.5),
    Resumed(strategy="cursor", model="m", offset=3, trimmed=1),
    Used(model="m", input_tokens=3, output_tokens=4, cached_tokens=1, cost=0.1, estimated=True),
    Finished(reason="length", advice="more"),
    Cancelled(),
    Failed(error="E", message="m", advice="a", fault="cut"),
]


@pytest.mark.parametrize("event", EVERY, ids=lambda event: type(event).__name__)
def test_round_trip(event):
    """Every event comes back from JSON as it was."""
    placed = msgspec.structs.replace(event, seq=7, at=1.5)
    assert from_json(to_json(placed)) == placed


def test_what_a_token_does_not_have_is_not_written():
    """A token has always its place and text in JSON, and position and ids only where there are some."""
    assert to_json(Token(text="")) == b'{"type":"Token","seq":-1,"at":0.0,"text":""}'
    assert b'"position":0,"ids":[5]' in to_json(Token(text="", position=0, ids=(5,)))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives(text):
    """A token's text is the same after JSON, whatever characters it has, and stays on one line."""
    line = to_json(Token(text=text))
    assert b"\n" not in line
    assert from_json(line).text == text


@pytest.mark.parametrize("event", EVERY, ids=lambda event: type(event).__name__)
def test_frozen(event):
    """An event cannot be changed."""
    with pytest.raises(AttributeError):
        event.seq = 1


def test_newer_fields_are_skipped_and_missing_ones_default():
    """A log of another version is read: unknown fields are skipped, missing ones take their defaults."""
    event = from_json(b'{"type":"Finished","seq":3,"at":1,"reason":"stop","mood":"good"}')
    assert event == Finished(seq=3, at=1.0, reason="stop", advice="")


def test_unknown_types_are_kept():
    """An event of an unknown type is kept as it was, and written as it was."""
    line = b'{"type":"Dreamt","seq":4,"at":2.5,"of":["sheep"]}'
    event = from_json(line)
    assert isinstance(event, Unknown)
    assert (event.seq, event.at) == (4, 2.5)
    assert msgspec.json.decode(to_json(event)) == msgspec.json.decode(line)


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"{}", b'{"type":"Token"}', b"nonsense"])
def test_what_is_no_event_is_refused(line):
    """What is no event raises; it is not taken for one."""
    with pytest.raises(msgspec.DecodeError):
        from_json(line)
