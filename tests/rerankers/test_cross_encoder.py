"""A real cross-encoder, tiny and trained here, loaded from a folder as any other is."""

from __future__ import annotations

import random
from statistics import mean
from threading import Event

import pytest

from ragnb.errors import ConfigurationError
from ragnb.pipeline import RAGPipeline
from ragnb.rerankers.base import Reranker
from ragnb.rerankers.cross_encoder import CrossEncoderReranker
from tests.conftest import TEXTS, hits
from tests.rerankers import tiny_cross_encoder

ALL = tiny_cross_encoder.pairs()
HELD_OUT = ALL[-40:]  # of other files than those learnt from


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A cross-encoder trained on 150 pairs and as many wrong ones."""
    made = tmp_path_factory.mktemp("cross-encoder")
    tiny_cross_encoder.train(ALL[:150], made)
    return made


def choices(sentence, passage, number):
    """A passage among seven that do not hold the sentence, in an order that says nothing."""
    chooser = random.Random(number)
    found = [*chooser.sample([other for _, other in ALL if sentence not in other], 7), passage]
    chooser.shuffle(found)
    return found


def test_it_improves_the_order(folder):
    """On pairs that it has not seen, the passage that holds the sentence moves to the top."""
    reranker = CrossEncoderReranker(folder, share=1, budget=60)
    assert isinstance(reranker, Reranker)
    before, after = [], []
    for number, (sentence, passage) in enumerate(HELD_OUT):
        given = choices(sentence, passage, number)
        ranking = reranker.rerank(sentence, hits(*given))
        assert ranking.note == ""
        before.append(1 / (1 + given.index(passage)))
        after.append(1 / (1 + [hit.chunk.text for hit in ranking.hits].index(passage)))
    assert mean(after) > 0.8 > 0.5 > mean(before)  # the mean reciprocal rank


def test_the_time_budget(folder):
    """What is not scored when the time is over keeps its place, the log says so, and it is scored no more."""
    fourth, go = Event(), Event()
    reranker = CrossEncoderReranker(folder, share=1, budget=4.5, wait=lambda *asked: fourth.wait(60))
    model = reranker._load()
    predict, batches = model.predict, []

    def predict_slowly(pairs, **options):
        batches.append(len(pairs))
        if len(batches) == 4:
            fourth.set()
            assert go.wait(60)
        return predict(pairs, **options)

    model.predict = predict_slowly
    given = hits(*choices(*HELD_OUT[0], 1), *choices(*HELD_OUT[1], 2), *choices(*HELD_OUT[2], 3))
    ranking = reranker.rerank(HELD_OUT[0][0], given)
    assert ranking.note == "12 of 24 passages were scored in 4.5 s; the others keep their places"
    assert ranking.hits[12:] == given[12:]
    assert {hit.chunk.id for hit in ranking.hits} == {hit.chunk.id for hit in given}
    go.set()
    reranker._scoring._thread.join(60)
    assert batches == [4, 4, 4, 4]


def test_in_the_pipeline(folder, wired):
    """By its short name it puts the passages into order, and the log names it."""
    rag, _ = wired()
    rag = RAGPipeline(rag.llm, rag.embeddings.inner, rag.vectorstore, f"cross-encoder:{folder}", home=None)
    answer = rag.start("A reservation for a bicycle costs 15 euros.", k=1)
    assert answer.wait(timeout=60)
    reranked = answer.events[2]
    assert (reranked.reranker, reranked.note) == (f"cross-encoder:{folder}", "")
    assert len(reranked.hits) == len(TEXTS)


def test_a_model_with_other_outputs(tmp_path):
    """A classifier of three classes, as those for entailment are, is refused."""
    tiny_cross_encoder.train([], tmp_path, labels=3)
    with pytest.raises(ConfigurationError, match="gives 3 numbers for a passage, not one"):
        CrossEncoderReranker(tmp_path).warm_up()


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"share": 2}, {"budget": 0}])
def test_numbers_that_are_none(folder, options):
    """What cannot be meant is told at once."""
    with pytest.raises(ConfigurationError):
        CrossEncoderReranker(folder, **options)
