"""Gold quotes in the index: found by their words, joined into units, or named as missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb import Document, RAGPipeline
from ragnb.documents import Chunk, Hit
from ragnb.evaluation.gold import Located, Locator, Span, find
from ragnb.evaluation.questions import Gold, Question, read_questions
from tests.conftest import ROOT


def chunks(*texts, document="a.md"):
    return [Chunk(id=f"{document}-{n}", document=document, text=text) for n, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("quote", "text", "found"),
    [
        (
            "paid within five days",
            "Refunds are paid\n within **five** days.",
            "paid\n within **five** days",
        ),
        ("| 120 | 50 % |", "| a | b |\n| 120 | 50 % |", "120 | 50"),
        ("“Tack” – sagte er", '"tack" - sagte er', 'tack" - sagte er'),
        ("FIVE days", "five days", "five days"),
    ],
)
def test_found_by_its_words(quote, text, found):
    """Line breaks, emphasis, table rules, quotation marks and case do not hide a quote."""
    (span,) = find(quote, chunks(text))
    assert text[span.start : span.end] == found


@pytest.mark.parametrize("quote", ["six days", "days five", "fiv days", "…", ""])
def test_not_found(quote):
    """Other words, another order, parts of words and no words are not there."""
    assert find(quote, chunks("Paid within five days.")) == ()


def test_every_place():
    """A quote that stands in two chunks is found in both."""
    assert [span.chunk_id for span in find("five days", chunks("five days", "x", "in five days"))] == [
        "a.md-0",
        "a.md-2",
    ]


def test_across_chunks():
    """A quote that runs from one chunk into the next is found in both parts."""
    first, second = find("paid within five days", chunks("Refunds are paid within", "five days at most."))
    assert (first.chunk_id, first.start, first.end) == ("a.md-0", 12, 23)
    assert (second.chunk_id, second.start, second.end) == ("a.md-1", 0, 9)


@given(st.lists(st.from_regex(r"\w{1,5}", fullmatch=True), min_size=1, max_size=20), st.data())
def test_any_stretch_of_words_is_found(words, data):
    """Whatever stands between words and wherever chunks are cut, a stretch of words is found where it is."""
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    cuts = data.draw(st.sets(st.integers(1, len(words))))
    texts, part = [], []
    for number, word in enumerate(words, 1):
        part.append(word)
        if number in cuts or number == len(words):
            texts.append(data.draw(st.sampled_from([" ", "\n", " | "])).join(part))
            part = []
    there = {chunk.id: chunk for chunk in chunks(*texts)}
    spans = find(" ".join(words[first : last + 1]), list(there.values()))
    assert spans
    quoted = [there[span.chunk_id].text[span.start : span.end] for span in spans]
    assert set(" ".join(quoted).replace("|", " ").casefold().split()) == {
        word.casefold() for word in words[first : last + 1]
    }


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (Span("a", 0, 100), Span("a", 20, 30), True),
        (Span("a", 0, 10), Span("a", 5, 50), True),
        (Span("a", 0, 10), Span("a", 6, 50), False),
        (Span("a", 0, 10), Span("b", 0, 10), False),
        (Span("a", 0, 10), Span("a", 10, 20), False),
    ],
)
def test_spans_that_support(one, other, together):
    """Half of the shorter one in common is enough, either way round."""
    assert one.supports(other) is together and other.supports(one) is together


@pytest.fixture
def rag(minilm):
    rag = RAGPipeline("extractive", minilm, "memory", home=None)
    yield rag
    rag.close()


def locator(rag, *documents):
    rag.add([Document(text, source=source) for source, text in documents])
    return Locator(rag.vectorstore)


def question(*gold):
    return Question("q", "?", gold=tuple(gold), answerable=True)


def test_documents_by_the_end_of_their_path(rag):
    """A document is known by the end of its path, either one's; what is ambiguous or not there is named."""
    find_in = locator(rag, ("data/a/x.md", "one two"), ("data/b/x.md", "one two"), ("y.md", "one two"))
    assert find_in.locate(question(Gold("a/x.md", "two"))).is_whole
    assert find_in.locate(question(Gold("handbook/y.md", "two"))).is_whole
    assert find_in.locate(question(Gold("./data/b/x.md", "two"))).is_whole
    assert find_in.locate(question(Gold("x.md", "two"))).missing == (
        "x.md may be data/a/x.md or data/b/x.md",
    )
    assert find_in.locate(question(Gold("c/x.md", "two"))).missing == ("c/x.md is not in the index",)
    assert find_in.locate(question(Gold("y.md", "three"))).missing == ("y.md has not the words “three”",)
    same = locator(rag, ("z.md", "one"), ("data/z.md", "two"))
    assert same.locate(question(Gold("z.md", "one"))).is_whole
    assert same.locate(question(Gold("data/z.md", "two"))).is_whole
    half = find_in.locate(question(Gold("y.md", "one"), Gold("y.md", "three")))
    assert half.missing and not half.is_whole


def test_units(rag):
    """Two quotes in one chunk are one thing to find; two in two chunks are two."""
    find_in = locator(rag, ("a.md", "one two three"), ("b.md", "four five"))
    together = find_in.locate(question(Gold("a.md", "one"), Gold("a.md", "three")))
    assert len(together.quotes) == 2 and len(together.grades) == 1
    apart = find_in.locate(question(Gold("a.md", "one"), Gold("b.md", "four")))
    assert len(apart.grades) == 2


def hit(name, document="a"):
    return Hit(Chunk(id=name, document=document, text=""), 1.0)


def test_ranking_of_passages():
    """The first chunk of a unit is the gold, a second one of the same is as good as any other."""
    located = Located(((),), {"c1": "gold 1", "c2": "gold 1", "c3": "gold 3"}, {})
    ranked = located.ranking([hit("x"), hit("c2"), hit("c1"), hit("c3")])
    assert ranked == ["x", "gold 1", "c1", "gold 3"]


def test_ranking_of_documents(rag):
    """Where gold is a whole document, its passages count once, at the first."""
    located = locator(rag, ("a.md", "one"), ("b.md", "two")).locate(question(Gold("b.md", grade=2)))
    hits = [hit("1", "a.md"), hit("2", "a.md"), hit("3", "b.md"), hit("4", "b.md")]
    assert located.ranking(hits) == ["a.md", *located.grades] and [*located.grades.values()] == [2]


def test_all_gold_of_the_sample_questions_is_in_the_index(sampled):
    """Every gold quote of data/questions.jsonl is found in what the ingest makes of data/handbook."""
    located = Locator(sampled.vectorstore)
    questions = read_questions(ROOT / "data" / "questions.jsonl")
    assert {one.id: missing for one in questions if (missing := located.locate(one).missing)} == {}
