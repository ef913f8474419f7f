"""Citations: markers are recognised as they stream, and tied to the words that support them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb.citations import MarkerReader, quote
from tests.conftest import hits

PASSAGES = hits(
    "The office is in Gothenburg. Refunds are paid within five working days. Ask there.",
    "Bicycles travel in the van. A bicycle costs 15 euros.",
    "Dogs are welcome.",
)


def read(*pieces, passages=PASSAGES):
    reader = MarkerReader(passages)
    found = [cited for piece in pieces for cited in reader.feed(piece)]
    return found + reader.close()


def claims(text, **more):
    return [(text[c.start : c.end], [q.number for q in c.quotes]) for c in read(text, **more)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Refunds take five days [1].", [("Refunds take five days", [1])]),
        (
            "Refunds take five days. [1] Dogs may come. [3]",
            [("Refunds take five days.", [1]), ("Dogs may come.", [3])],
        ),
        (
            "Yes. A bicycle costs 15 euros [2], dogs are welcome [3].",
            [("A bicycle costs 15 euros", [2]), ("dogs are welcome", [3])],
        ),
        ("Both are true [1][3].", [("Both are true", [1]), ("Both are true", [3])]),
        ("Both are true [1, 3].", [("Both are true", [1, 3])]),
        (
            "- Refunds are quick [1]\n- Dogs are welcome [3]",
            [("Refunds are quick", [1]), ("Dogs are welcome", [3])],
        ),
        ("Quick【1†L3-L5】.", [("Quick", [1])]),
        ("Never [7] or [0].", []),
        ("Half true [1, 9].", [("Half true", [1])]),
        ("See [1](https://example.org).", []),
        ("Use `argv[1]` here.", []),
        ("```\nargv[1]\n```\nDogs are welcome [3].", [("Dogs are welcome", [3])]),
        ("[1]: https://example.org", []),
        ("A [note] and [12a].", []),
    ],
)
def test_markers(text, expected):
    """A marker cites what it closes; code, links and unknown numbers are no citations."""
    assert claims(text) == expected


TEXT = (
    "Refunds take **five** days [1]. A bicycle costs 15 euros [2, 3].\n\n- Dogs 🐕 are welcome [3]\n"
    "- see [1](https://x.org) and `a[2]`\n\n```py\nx[1]\n```\n\nIn short [1][2], e\u0301 is fine 【3】. [9] End [1]"
)


@pytest.mark.parametrize("cut", range(1, len(TEXT)))
def test_cut_anywhere(cut):
    """The citations are the same wherever the stream is cut in two."""
    assert read(TEXT[:cut], TEXT[cut:]) == read(TEXT)


@given(st.lists(st.integers(1, 7)))
def test_cut_everywhere(sizes):
    """The citations are the same however the stream is cut into pieces."""
    pieces, position = [], 0
    for size in sizes:
        pieces.append(TEXT[position : position + size])
        position += size
    assert read(*pieces, TEXT[position:]) == read(TEXT)


def test_told_as_soon_as_certain():
    """A citation is told with the first character after its marker, not at the end of the answer."""
    reader = MarkerReader(PASSAGES)
    assert reader.feed("Dogs are welcome [3]") == []
    assert len(reader.feed(" ")) == 1


def test_marker_positions():
    """The marker's own span is where the marker stands."""
    text = "x\n\nDogs are welcome [3], yes [1]."
    assert [text[slice(*c.marker)] for c in read(text)] == ["[3]", "[1]"]


def test_quote_is_the_supporting_sentence():
    """The quote is the sentence of the passage that says it, at its offsets."""
    cited = read("Money is back in five working days [1].")[0]
    (found,) = cited.quotes
    text = PASSAGES[0].chunk.text
    assert found.text == "Refunds are paid within five working days."
    assert text[found.start : found.end] == found.text
    assert cited.chunk_ids == (PASSAGES[0].chunk.id,)


def test_quote_without_a_common_word_is_the_passage():
    """A claim that shares no word with its passage is supported by the passage as a whole."""
    found = quote(3, PASSAGES[2], "犬は大歓迎")
    assert found.text == "Dogs are welcome."


@given(st.text())
def test_any_text_is_read(text):
    """No text breaks the reader, and no citation lies outside it."""
    for cited in read(*text):
        assert 0 <= cited.start <= cited.end <= len(text)
