"""Late interaction on the real embedding model."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest

from ragnb.embeddings.base import TokenEmbeddings
from ragnb.embeddings.cache import CachedEmbeddings
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.errors import ConfigurationError
from ragnb.pipeline import RAGPipeline
from ragnb.rerankers.base import Reranker
from ragnb.rerankers.late_interaction import LateInteractionReranker, max_sim
from tests.conftest import TEXTS, hits

PASSAGES = hits(
    "Dogs are welcome in sleeper cabins.",
    "The restaurant car opens at six.",
    "Refunds are paid within five working days.",
    "Bicycles travel in the luggage van.",
    "Trains stop in Kiruna and Narvik.",
)


class Counting:
    """The model, counting the passages whose tokens it is asked for; with ``stops_at``, at that one it waits for ``go``."""

    def __init__(self, model, stops_at=None):
        self.model, self.stops_at, self.asked = model, stops_at, []
        self.stopped, self.go = Event(), Event()

    def __getattr__(self, name):
        return getattr(self.model, name)

    def embed_document_tokens(self, texts):
        self.asked += texts
        if len(self.asked) == self.stops_at:
            self.stopped.set()
            assert self.go.wait(60)
        return self.model.embed_document_tokens(texts)

    def embed_query_tokens(self, text):
        return self.model.embed_query_tokens(text)


def test_the_passage_with_the_words_comes_first(minilm):
    """The passage whose tokens are nearest to the question's moves to the top; none is lost."""
    reranker = LateInteractionReranker(minilm, budget=60)
    assert isinstance(reranker, Reranker)
    ranking = reranker.rerank("How long do refunds take?", PASSAGES)
    assert ranking.hits[0].chunk.text.startswith("Refunds")
    assert {hit.chunk.id for hit in ranking.hits} == {hit.chunk.id for hit in PASSAGES}
    assert ranking.note == ""
    scores = [hit.score for hit in ranking.hits]
    assert scores == sorted(scores, reverse=True)


def test_max_sim_by_definition():
    """The scores are what loops over the tokens give, also where the product is computed in parts."""
    rng = np.random.default_rng(1)

    def unit(rows):
        vectors = rng.normal(size=(rows, 384)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    asked, passages = unit(9), [unit(rows) for rows in (1, 250, 40, 3)]
    expected = [np.mean([max(float(q @ d) for d in passage) for q in asked]) for passage in passages]
    np.testing.assert_allclose(max_sim(asked, passages), expected, atol=1e-6)


def test_token_vectors_are_made_once(minilm, tmp_path):
    """What was ingested has its token vectors from then on, in a later process and under another name too."""
    inner = Counting(minilm)
    assert isinstance(inner, TokenEmbeddings)
    cache = CachedEmbeddings(inner, tmp_path / "embeddings.sqlite")
    reranker = LateInteractionReranker(cache)
    cache.embed_documents([hit.chunk.searched_text for hit in PASSAGES])
    assert len(inner.asked) == len(PASSAGES)
    first = reranker.rerank("How long do refunds take?", PASSAGES)
    later = CachedEmbeddings(Counting(minilm), tmp_path / "embeddings.sqlite")
    assert LateInteractionReranker(later).rerank("How long do refunds take?", PASSAGES) == first
    assert (len(inner.asked), later.inner.asked) == (len(PASSAGES), [])


def test_an_index_without_token_vectors(minilm, tmp_path):
    """Documents that were embedded without token vectors get them when they are first needed."""
    inner = Counting(minilm)
    cache = CachedEmbeddings(inner, tmp_path / "embeddings.sqlite")
    cache.embed_documents([hit.chunk.searched_text for hit in PASSAGES])
    assert inner.asked == []
    reranker = LateInteractionReranker(cache, budget=60)
    assert reranker.rerank("How long do refunds take?", PASSAGES).note == ""
    assert len(inner.asked) == len(PASSAGES)
    reranker.rerank("Where do the trains stop?", PASSAGES)
    assert len(inner.asked) == len(PASSAGES)


STATIONS = hits(
    *(f"The train to station number {n} leaves at noon." for n in range(18)), "Refunds take days."
)


def test_the_time_budget(minilm):
    """When the time is over the answer goes on with what is scored; the rest is made meanwhile, for the next question."""
    inner = Counting(minilm, stops_at=6)

    def over(ended, seconds):
        assert 0 < seconds <= 0.5
        assert inner.stopped.wait(60)

    waits = iter([over, lambda ended, seconds: ended.wait(60)])
    reranker = LateInteractionReranker(inner, share=1, budget=0.5, wait=lambda *asked: next(waits)(*asked))
    ranking = reranker.rerank("How long do refunds take?", STATIONS)
    assert ranking.note == "5 of 19 passages were scored in 0.5 s; the others keep their places"
    assert ranking.hits[5:] == STATIONS[5:]
    inner.go.set()
    ranking = reranker.rerank("How long do refunds take?", STATIONS)
    assert (ranking.hits[0].chunk.text, ranking.note) == ("Refunds take days.", "")
    assert sorted(inner.asked) == sorted(hit.chunk.searched_text for hit in STATIONS)  # each once


def test_nothing_in_time(minilm):
    """Where not even one passage is ready in time, the order is that of retrieval, and the log says so."""
    inner = Counting(minilm, stops_at=1)
    reranker = LateInteractionReranker(inner, budget=0.5, wait=lambda *asked: inner.stopped.wait(60))
    ranking = reranker.rerank("How long do refunds take?", STATIONS)
    assert ranking.hits == STATIONS
    assert ranking.note == "0 of 19 passages were scored in 0.5 s; the others keep their places"
    reranker._making.stop()
    inner.go.set()


def test_texts_without_content(minilm):
    """Empty texts, and texts or questions of function words alone, do not stop it."""
    reranker = LateInteractionReranker(minilm, budget=60)
    passages = hits("", "The of and.", "…", "Refunds.")
    assert reranker.rerank("refunds", passages).hits[0].chunk.text == "Refunds."
    assert len(reranker.rerank("the?", passages).hits) == 4
    assert reranker.rerank("refunds", []).hits == ()


def test_a_model_without_token_vectors(tmp_path):
    """A model of a provider has none; one of static word vectors leaves the order as it is and says why."""
    with pytest.raises(ConfigurationError, match="no vectors of single tokens"):
        LateInteractionReranker(OpenAIEmbeddings(api_key="test"))
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    from ragnb.embeddings.sentence_transformers import SentenceTransformerEmbeddings

    tokenizer = Tokenizer(WordLevel({"night": 0, "train": 1, "[UNK]": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)]).save(str(tmp_path / "m"))
    reranker = LateInteractionReranker(SentenceTransformerEmbeddings(str(tmp_path / "m")))
    passages = hits("night", "train")
    ranking = reranker.rerank("train", passages)
    assert (ranking.hits, ranking.note) == (passages, "the embedding model has no token vectors")


def test_it_is_the_default(minilm):
    """A pipeline on a model with token vectors reranks, says so, and needs no call."""
    rag = RAGPipeline("extractive", minilm, home=None)
    rag.add(TEXTS)
    answer = rag.start("How are refunds paid?", k=1)
    assert answer.wait(timeout=60)
    assert [type(event).__name__ for event in answer.events[:4]] == [
        "Started",
        "Retrieved",
        "Reranked",
        "Routed",
    ]
    assert (
        answer.events[0].configured["reranker"]
        == answer.events[2].reranker
        == "late-interaction + newer-first"
    )
    assert answer.events[2].note == ""
    assert "five days" in answer.text
