"""Rerankers by name, and what happens when one fails."""

from __future__ import annotations

import json
import shutil

import pytest

from ragnb.embeddings import sentence_transformers
from ragnb.errors import ConfigurationError
from ragnb.pipeline import RAGPipeline
from ragnb.rerankers.chain import Chain
from ragnb.rerankers.cross_encoder import CrossEncoderReranker
from ragnb.rerankers.late_interaction import LateInteractionReranker
from ragnb.rerankers.neighbours import JoinedNeighbours
from tests.conftest import TEXTS


def made(reranker, model):
    return RAGPipeline("extractive", model, reranker=reranker, home=None).reranker


def test_by_name(minilm):
    """Short names make rerankers; a list applies several."""
    assert made(None, minilm).name == "late-interaction + newer-first"
    assert isinstance(made("late-interaction", minilm), LateInteractionReranker)
    assert made("none", minilm) is None
    chain = made(["late-interaction", JoinedNeighbours()], minilm)
    assert isinstance(chain, Chain) and chain.name == "late-interaction + joined-neighbours"


def test_token_vectors_are_kept_only_where_they_are_used(minilm):
    """Without late interaction a document takes no room for its token vectors."""
    for reranker, kept in ((None, True), ("none", False)):
        rag = RAGPipeline("extractive", minilm, reranker=reranker, home=None)
        rag.add(TEXTS)
        assert bool(rag.embeddings.token_vectors(TEXTS)) is kept


def test_the_embeddings_of_another_pipeline(minilm, tmp_path):
    """They rerank here as there; without a home their memory is shared, with one it is in that home."""
    first = RAGPipeline("extractive", minilm, home=None)
    shared = RAGPipeline("extractive", first.embeddings, first.vectorstore, home=None)
    assert shared.embeddings is first.embeddings
    kept = RAGPipeline("extractive", first.embeddings, home=tmp_path / "home")
    assert kept.embeddings.inner is minilm
    assert shared.reranker.name == kept.reranker.name == first.reranker.name
    kept.close()


@pytest.mark.parametrize("bad", ["late", "cross-encoder", "cross-encoder:", 3, ["none"], []])
def test_a_name_that_means_nothing(minilm, bad):
    """What is no reranker is told at once, with what to write."""
    with pytest.raises(ConfigurationError):
        made(bad, minilm)


def test_a_folder_that_holds_no_cross_encoder(tmp_path):
    """An embedding model is refused: the library would give it a head of random weights."""
    with pytest.raises(ConfigurationError, match="is no cross-encoder, but a BertModel"):
        CrossEncoderReranker(sentence_transformers._wheel())
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match=r"empty is no cross-encoder\."):
        CrossEncoderReranker(tmp_path / "empty")


def test_a_model_that_does_not_exist(tmp_path, monkeypatch):
    """A folder that is not there, and a name that is not within reach, are told with what to do."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigurationError, match="no model can have that name"):
        CrossEncoderReranker(tmp_path / "nowhere").warm_up()
    from huggingface_hub import HfApi
    from huggingface_hub.errors import OfflineModeIsEnabled

    def unplugged(*_, **__):
        raise OfflineModeIsEnabled("offline")

    monkeypatch.setattr(HfApi, "model_info", unplugged)
    with pytest.raises(ConfigurationError, match="neither on this machine nor within reach"):
        CrossEncoderReranker("cross-encoder/ms-marco-MiniLM-L6-v2").warm_up()


def test_a_damaged_model(tmp_path):
    """A cross-encoder's folder without its weights is told in a sentence."""
    folder = tmp_path / "model"
    shutil.copytree(sentence_transformers._wheel(), folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "modules.json").unlink()
    (folder / "config_sentence_transformers.json").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps({**config, "architectures": ["BertForSequenceClassification"]})
    )
    with pytest.raises(ConfigurationError, match="could not be loaded"):
        CrossEncoderReranker(folder).warm_up()


class Failing:
    name = "failing"

    def __init__(self, error):
        self.error = error

    def rerank(self, question, hits):
        if self.error is None:
            return []
        raise self.error


@pytest.mark.parametrize(
    "error, told",
    [
        (RuntimeError("out of memory\nat line 3"), "(RuntimeError: out of memory)"),
        (None, "left no passage"),
    ],
)
def test_a_reranker_that_fails(wired, error, told):
    """The answer goes on in the order of retrieval, and the log says why."""
    rag, _ = wired()
    rag = RAGPipeline(rag.llm, rag.embeddings.inner, rag.vectorstore, Failing(error), home=None)
    answer = rag.start("How are refunds paid?")
    assert answer.wait(timeout=10)
    retrieved, reranked = answer.events[1:3]
    assert reranked.hits == retrieved.hits
    assert told in reranked.note and reranked.note.endswith("the order is that of retrieval")
    assert answer.status == "finished"


class Backwards:
    name = "backwards"

    def rerank(self, question, hits):
        return hits[::-1]


def test_more_passages_than_candidates(minilm):
    """The best candidates are reranked; those beyond follow in the order of retrieval."""
    rag = RAGPipeline("extractive", minilm, reranker=Backwards(), home=None, candidates=2)
    rag.add([f"Train number {n} stops in Kiruna." for n in range(4)])
    answer = rag.start("Where does the train stop?", k=4)
    assert answer.wait(timeout=30)
    retrieved, reranked = answer.events[1:3]
    first, second, *rest = retrieved.hits
    assert reranked.hits == (second, first, *rest)
    assert answer.sources == reranked.hits


def test_a_mistake_of_the_user_ends_the_answer(wired):
    """What the user is to mend is told as a failure, with the advice."""
    rag, _ = wired()
    failing = Failing(ConfigurationError("It is no cross-encoder.", "Pass another."))
    answer = RAGPipeline(rag.llm, rag.embeddings.inner, rag.vectorstore, failing, home=None).start("How?")
    assert answer.wait(timeout=10)
    assert answer.events[-1].message == "It is no cross-encoder."
    assert answer.events[-1].advice == "Pass another."
