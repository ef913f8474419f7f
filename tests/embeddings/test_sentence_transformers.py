"""Models of sentence-transformers: where they are found, and what they give."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from ragnb.embeddings import sentence_transformers
from ragnb.embeddings.base import Embeddings
from ragnb.embeddings.sentence_transformers import SentenceTransformerEmbeddings
from ragnb.errors import ConfigurationError


def test_default_model(minilm):
    """The default model gives unit vectors in which meaning is nearness."""
    vectors = minilm.embed_documents(["A dog barks.", "A hound is barking.", "Taxes are due."])
    assert vectors.shape == (3, minilm.dimensions) == (3, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.6 > 0.3 > vectors[0] @ vectors[2]
    assert minilm.embed_query("x").shape == (384,)
    assert minilm.embed_documents([]).shape == (0, 384)
    assert isinstance(minilm, Embeddings)
    assert minilm.name == "sentence-transformers/all-MiniLM-L6-v2"


def test_tokens_are_counted_without_marks(minilm):
    """Tokens are the model's word pieces."""
    assert minilm.count_tokens(["hello world", "", "unbelievably " * 500])[:2] == [2, 0]
    assert minilm.count_tokens([]) == []
    assert minilm.max_tokens == 256


# Stands for a machine without a network: every look-up of an address is told, and fails.
UNPLUGGED = """
import socket
def fail(host, *args, **options):
    print("asked for", host)
    raise socket.gaierror(-3, "no network")
socket.getaddrinfo = fail
from ragnb.errors import ConfigurationError
from ragnb.embeddings.sentence_transformers import *
"""


def unplugged(code, tmp_path, **environment):
    """What some code prints in a process without a network and with an empty hub cache."""
    env = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    env |= {"HF_HOME": str(tmp_path / "hub"), "XDG_CACHE_HOME": str(tmp_path / "cache"), **environment}
    done = subprocess.run(
        [sys.executable, "-c", UNPLUGGED + code], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("environment", [{"HF_HUB_OFFLINE": "1"}, {}])
def test_found_without_a_network(tmp_path, environment):
    """The default model loads quietly from the wheel, and the network is not even asked."""
    code = "print(SentenceTransformerEmbeddings().embed_query('x').shape)"
    assert unplugged(code, tmp_path, **environment) == "(384,)\n"


def test_another_model_without_a_network(tmp_path):
    """A model of the hub is told to be out of reach at once, without a minute of retries."""
    code = """
try:
    SentenceTransformerEmbeddings("BAAI/bge-small-en-v1.5").warm_up()
except ConfigurationError as error:
    print(error)
"""
    told = unplugged(code, tmp_path)
    assert "neither on this machine nor within reach" in told
    assert told.count("asked for") <= 2


def test_found_in_the_cache_of_the_hub(tmp_path):
    """A model that was downloaded before is loaded without a network."""
    snapshot = tmp_path / "hub" / "hub" / "models--someone--model" / "snapshots" / "abc"
    shutil.copytree(sentence_transformers._wheel(), snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    code = "model = SentenceTransformerEmbeddings('someone/model')\n"
    code += "print(model.embed_query('x').shape, model.name, model.dimensions, model.max_tokens)"
    assert unplugged(code, tmp_path) == "(384,) someone/model 384 256\n"


def test_what_is_known_before_loading(minilm):
    """Name and sizes of the default model are known before it is loaded, and are what it has."""
    model = SentenceTransformerEmbeddings("all-MiniLM-L6-v2")
    assert (model.name, model.dimensions, model.max_tokens) == (minilm.name, 384, 256)
    assert model.backend_used is None
    loaded = minilm._load()
    assert (loaded.dimensions, loaded.max_tokens) == (384, 256)


def test_a_model_of_another_kind(tmp_path):
    """A model in a folder, here one of static word vectors without a limit of length."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({"night": 0, "train": 1, "[UNK]": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)]).save(str(tmp_path / "m"))
    model = SentenceTransformerEmbeddings(str(tmp_path / "m"))
    assert model.name == str(tmp_path / "m")
    assert model.embed_documents(["night train", "train"]).shape == (2, model.dimensions) == (2, 8)
    assert model.count_tokens(["night train " * 1000, "train"]) == [2000, 1]
    assert model.max_tokens == 512


def test_other_weights_are_refused(monkeypatch):
    """Weights that are not the authors' are not used."""
    monkeypatch.setattr(sentence_transformers, "_DEFAULT_SHA256", "0" * 64)
    with pytest.raises(ConfigurationError, match="are not those of"):
        SentenceTransformerEmbeddings(backend="torch").warm_up()


def test_a_model_that_is_nowhere(monkeypatch, tmp_path):
    """A model that cannot be found is told with the next step."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigurationError, match="neither on this machine nor"):
        SentenceTransformerEmbeddings("nobody/nothing").warm_up()
    with pytest.raises(ConfigurationError, match="There is no folder /no/such/folder"):
        SentenceTransformerEmbeddings("/no/such/folder").warm_up()
    with pytest.raises(ConfigurationError, match="could not be loaded"):
        SentenceTransformerEmbeddings(str(tmp_path)).warm_up()
