"""Chunks: with true places, cut to size, nothing lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb.documents import Block, Document
from ragnb.ingest.chunking import chunk
from ragnb.ingest.files import find
from ragnb.ingest.loaders import load
from ragnb.ingest.plan import given_name


def count(texts):
    return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def chunks_of(path, budget=120):
    return [
        piece for document in load(path) for piece in chunk(document, name="x", budget=budget, count=count)
    ]


def texts_of(handbook):
    """Those documents of the handbook that have lines."""
    return [p for p in find([handbook]).files if p.suffix in (".md", ".html", ".txt")]


def words(text):
    return re.findall(r"\w+", text)


@pytest.mark.parametrize("budget", [60, 120, 400])
def test_places_are_true(handbook, budget):
    """Opening the source at a chunk's lines finds the chunk's words there."""
    for path in texts_of(handbook):
        lines = path.read_text().split("\n")
        for piece in chunks_of(path, budget):
            first, last = piece.locator.lines
            there = set(words(re.sub(r"<[^>]+>", " ", "\n".join(lines[first - 1 : last]))))
            header = piece.text.split("\n")[0] if piece.text.startswith(("|", "```")) else ""
            missing = set(words(piece.text)) - set(words(header)) - there
            assert not missing, (path, piece.locator, missing)


@pytest.mark.parametrize("budget", [60, 120, 400])
def test_chunks_fit_and_nothing_is_lost(handbook, budget):
    """No chunk is over the budget, and every word of every block is in some chunk or its headings."""
    for path in texts_of(handbook):
        pieces = chunks_of(path, budget)
        assert all(count([piece.searched_text])[0] <= budget for piece in pieces)
        kept = {word for piece in pieces for word in words(piece.searched_text)}
        for document in load(path):
            for block in document.blocks:
                assert set(words(block.text)) <= kept, block


def test_headings_are_the_path(handbook):
    """A chunk carries the headings above it."""
    found = {piece.locator.heading for piece in chunks_of(handbook / "refunds.md")}
    assert ("Refunds and changes", "What you get back") in found


def test_tables_keep_their_header(tmp_path):
    """A table that is too long for a chunk has its header again in each part."""
    path = tmp_path / "t.md"
    rows = "\n".join(f"| {n} | value number {n} |" for n in range(100))
    path.write_text(f"# T\n\n| key | value |\n| --- | --- |\n{rows}\n")
    pieces = chunks_of(path, 80)
    assert len(pieces) > 5
    assert all(piece.text.startswith("| key | value |\n| --- | --- |\n") for piece in pieces)
    first, _ = pieces[3].locator.lines
    assert pieces[3].text.split("\n")[2] == path.read_text().split("\n")[first - 1]


def test_code_keeps_its_fence(tmp_path):
    """Code that is too long for a chunk is fenced in each part."""
    path = tmp_path / "c.md"
    path.write_text("```py\n" + "\n".join(f"x{n} = {n}" for n in range(100)) + "\n```\n")
    assert all(p.text.startswith("```py\n") and p.text.endswith("\n```") for p in chunks_of(path, 60))


BLOCKS = st.lists(
    st.builds(
        Block,
        st.text("ab c.\n|-", max_size=120),
        st.sampled_from(["paragraph", "list", "table", "code", "heading"]),
        st.integers(1, 3),
    ),
    max_size=8,
)


@given(BLOCKS, st.integers(40, 90))
def test_any_blocks(blocks, budget):
    """Whatever the blocks, chunks have ids of their own, fit, and keep every word."""
    document = Document(source="x", blocks=blocks)
    pieces = list(chunk(document, name="x", budget=budget, count=count))
    assert len({piece.id for piece in pieces}) == len(pieces)
    kept = " ".join(piece.searched_text for piece in pieces)
    for block in blocks:
        assert set("".join(words(block.text))) <= set(kept)


def test_an_empty_heading_hides_none():
    """A heading with only an empty one under it is a chunk, as one with nothing under it is."""
    blocks = [Block("Alone", "heading", 1), Block("", "heading", 2)]
    (piece,) = chunk(Document(source="x", blocks=blocks), name="x", budget=40, count=count)
    assert piece.text == "Alone"


def test_an_added_text_is_one_chunk_as_it_is():
    """A short text without structure is a chunk exactly as given, identified by its content."""
    document = Document("Just so.")
    (piece,) = chunk(document, name="x", budget=256, count=count)
    assert (piece.text, piece.title, piece.source) == ("Just so.", "", "")
    assert given_name(document) == given_name(Document("Just so.")) != given_name(Document("Just so!"))
