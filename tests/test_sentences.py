"""Sentences: found where a reader would end them, and nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb.sentences import sentences


def cut(text):
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. No met e.g. Mr. Bond. He left.", ["Dr. No met e.g. Mr. Bond.", "He left."]),
        (
            "Version 3.11 is out. See docs.python.org now.",
            ["Version 3.11 is out.", "See docs.python.org now."],
        ),
        ("J. S. Bach wrote it. We play it.", ["J. S. Bach wrote it.", "We play it."]),
        ("He said “Go.” She went.", ["He said “Go.”", "She went."]),
        ("It wraps\nover lines. Next.", ["It wraps\nover lines.", "Next."]),
        ("Intro:\n- one thing\n- another\n\nEnd.", ["Intro:", "- one thing", "- another", "End."]),
        ("| a | b |\n|---|---|\n| 1 | 2 |", ["| a | b |", "|---|---|", "| 1 | 2 |"]),
        (
            "Code:\n```py\nx = 1. \n\ny = 2\n```\nAfter. It.",
            ["Code:", "```py\nx = 1. \n\ny = 2\n```", "After.", "It."],
        ),
        ("今日は晴れ。明日は雨！", ["今日は晴れ。", "明日は雨！"]),
        ("", []),
        ("   \n ", []),
    ],
)
def test_examples(text, expected):
    """Full stops, lists, tables, code and other scripts are cut as a reader would."""
    assert cut(text) == expected


@given(st.text(alphabet=st.sampled_from("aB1 .!?\n-|`#*。“”()[]\t"), max_size=80) | st.text(max_size=80))
def test_nothing_is_lost(text):
    """Spans are in order, do not overlap, are trimmed, and hold every character that is no space."""
    spans = sentences(text)
    position = 0
    for start, end in spans:
        assert position <= start < end <= len(text)
        assert text[position:start].strip() == ""
        assert text[start:end] == text[start:end].strip()
        position = end
    assert text[position:].strip() == ""
