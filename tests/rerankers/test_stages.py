"""Newer first, no repeats, diversity, joined neighbours, one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from ragnb.documents import Chunk, Hit, Locator
from ragnb.errors import ConfigurationError
from ragnb.rerankers.base import Ranking, Reranker
from ragnb.rerankers.chain import Chain
from ragnb.rerankers.neighbours import JoinedNeighbours
from ragnb.rerankers.similarity import Diversity, NewerFirst, WithoutRepeats

VECTORS = {"east": (1, 0), "east too": (0.99, 0.14), "north": (0, 1), "north-east": (0.71, 0.71)}


class Compass:
    """An embedding model of four words."""

    name, dimensions, max_tokens = "compass", 2, 10

    def count_tokens(self, texts):
        return [1] * len(texts)

    def embed_documents(self, texts):
        return np.array([VECTORS[text] for text in texts], np.float32).reshape(-1, 2)

    def embed_query(self, text):
        return self.embed_documents([text])[0]

    def warm_up(self):
        pass


def hit(text, score=0.0, *, document="a.md", position=0, heading=(), **metadata):
    chunk = Chunk(
        f"{document}#{position}", document, text, source=document, position=position,
        locator=Locator(heading, lines=(position * 10 + 1, position * 10 + 9)), metadata=metadata,
    )  # fmt: skip
    return Hit(chunk, score)


def texts(ranked):
    return [one.chunk.text for one in ranked]


def test_the_newer_takes_the_place():
    """Of two that speak of the same, the newer document's passage stands first, with the place's score."""
    found = [
        hit("east", 0.9, document="2024.md", date="2024-01-31"),
        hit("north", 0.8, document="other.md", date="2026-01-01"),
        hit("east too", 0.7, document="2026.md", date="2026-02-01"),
    ]
    ranked = NewerFirst(Compass()).rerank("?", found)
    assert texts(ranked) == ["east too", "north", "east"]
    assert [one.score for one in ranked] == [0.9, 0.8, 0.7]


@pytest.mark.parametrize(
    "second",
    [{}, {"date": "2023"}, {"date": "2026", "document": "a.md"}],
    ids=["undated", "older", "one document"],
)
def test_no_newer_one_to_prefer(second):
    """Without a date, where it is older, or in one document, the order stays."""
    found = [
        hit("east", 0.9, date="2024"),
        hit("east too", 0.7, **{"document": "b.md", "position": 1, **second}),
    ]
    assert NewerFirst(Compass()).rerank("?", found) == tuple(found)


def test_when_a_file_was_modified_counts_as_its_date():
    """A document without a date has the one of its last change, where that is known."""
    found = [hit("east", 0.9, modified="2024"), hit("east too", 0.7, document="b.md", modified="2025")]
    assert texts(NewerFirst(Compass()).rerank("?", found)) == ["east too", "east"]


def test_repeats_leave():
    """Of passages that say the same, the best one stays."""
    found = [hit("east", 0.9), hit("north", 0.8, position=1), hit("east too", 0.7, position=2)]
    assert texts(WithoutRepeats(Compass()).rerank("?", found)) == ["east", "north"]
    assert texts(WithoutRepeats(Compass(), same=1).rerank("?", found)) == ["east", "north", "east too"]


def test_diversity_by_definition():
    """The second passage is the one that differs, where difference counts enough."""
    found = [
        hit("east", 1.0),
        hit("east too", 0.95, position=1),
        hit("north", 0.5, position=2),
        hit("north-east", 0.0),
    ]
    assert texts(Diversity(Compass(), share=0).rerank("?", found)) == texts(found)
    ranked = Diversity(Compass(), share=0.5).rerank("?", found)
    assert texts(ranked) == ["east", "north", "east too", "north-east"]
    assert [one.score for one in ranked] == pytest.approx([0.5, 0.25, -0.02, -0.3975], abs=0.005)


def test_neighbours_become_one_passage():
    """Neighbours among the best are joined in the order of the document; the others stay."""
    found = [
        hit("second", 0.9, position=1, heading=("Rules", "Refunds")),
        hit("elsewhere", 0.8, document="b.md", position=2),
        hit("third", 0.7, position=2, heading=("Rules", "Fees")),
        hit("first", 0.6, position=0, heading=("Rules",)),
        hit("fifth", 0.5, position=4),
    ]
    joined, *rest = JoinedNeighbours().rerank("?", found)
    assert joined.chunk.text == "first\n\nsecond\n\nthird"
    assert (joined.score, joined.chunk.position) == (0.9, 0)
    assert joined.chunk.locator == Locator(("Rules",), lines=(1, 29))
    assert texts(rest) == ["elsewhere", "fifth"]
    assert JoinedNeighbours(depth=2).rerank("?", found) == tuple(found)
    assert JoinedNeighbours(longest=10).rerank("?", found) == tuple(found)


def test_neighbours_of_another_member_of_an_archive():
    """Chunks of one archive that come from different files in it are no neighbours."""
    one, two = hit("one", position=0), hit("two", position=1)
    two = replace(two, chunk=replace(two.chunk, source="archive.zip/two.md"))
    assert JoinedNeighbours().rerank("?", [one, two]) == (one, two)


@pytest.mark.parametrize("make", [NewerFirst, WithoutRepeats, Diversity, lambda _: JoinedNeighbours()])
def test_no_hits(make):
    """Nothing in, nothing out."""
    stage = make(Compass())
    assert isinstance(stage, Reranker)
    assert stage.rerank("?", []) == ()


def test_one_after_the_other():
    """Each gets the hits of the one before it; their names and notes are joined."""

    class Backwards:
        name = "backwards"

        def rerank(self, question, hits):
            return Ranking(tuple(reversed(hits)), "a note")

    chain = Chain([Backwards(), WithoutRepeats(Compass()), Backwards()])
    assert chain.name == "backwards + without-repeats + backwards"
    ranking = chain.rerank("?", [hit("east"), hit("north"), hit("east too")])
    assert (texts(ranking.hits), ranking.note) == (["north", "east too"], "a note; a note")


@pytest.mark.parametrize(
    "make",
    [
        lambda: NewerFirst(Compass(), alike=1.2), lambda: WithoutRepeats(Compass(), same=-1),
        lambda: Diversity(Compass(), share=2), lambda: JoinedNeighbours(depth=0), lambda: Chain([]),
    ],
)  # fmt: skip
def test_numbers_that_are_none(make):
    """What cannot be meant is told at once."""
    with pytest.raises(ConfigurationError):
        make()
