"""Vectors of single tokens, on each back end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb.embeddings.base import TokenEmbeddings
from ragnb.embeddings.sentence_transformers import SentenceTransformerEmbeddings
from ragnb.embeddings.tokens import ContentTokens, normalized, pack, unpack

TEXTS = [
    "Refunds are paid within five days.",
    "the of and",
    "",
    "A reservation for a bicycle costs 15 euros. " * 40,
    "Größe, naïve café: 東京タワー, 🚂!",
]


def test_equal_on_each_back_end(model, models):
    """The back ends agree on the token vectors, and the texts' vectors are those without them."""
    torch = models.setdefault("torch", SentenceTransformerEmbeddings(backend="torch"))
    assert isinstance(model, TokenEmbeddings)
    vectors, tokens = model.embed_document_tokens(TEXTS)
    np.testing.assert_allclose(vectors, model.embed_documents(TEXTS), atol=1e-5)
    for ours, theirs in zip(tokens, torch.embed_document_tokens(TEXTS)[1], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
        np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    asked = model.embed_query_tokens(TEXTS[0])
    np.testing.assert_allclose(asked, tokens[0], atol=1e-4)
    assert len(asked) == 6  # of refund, s, paid, within, five, days
    assert model.embed_document_tokens([])[1] == []


def test_content_tokens():
    """Function words, punctuation and the model's marks leave, in the spelling of any tokenizer."""
    vocabulary = {
        "[CLS]": 0,
        "The": 1,
        "▁the": 2,
        "Ġof": 3,
        "##ing": 4,
        "train": 5,
        ".": 6,
        "5": 7,
        "##s": 8,
        "…": 9,
    }
    content = ContentTokens(vocabulary)
    vectors = np.arange(1, 11, dtype=np.float32)[:, None]
    kept = content(np.arange(10), vectors * np.eye(1, 3, dtype=np.float32))
    assert len(kept) == 4
    nothing_else = content(np.array([1, 2, 6]), np.ones((3, 2), np.float32))
    assert nothing_else.shape == (3, 2)


@given(st.integers(1, 20), st.integers(1, 400), st.integers(0, 2**32 - 1))
def test_four_bits_a_number(rows, width, seed):
    """A packed vector takes half a byte a number, and comes back in nearly its direction."""
    vectors = normalized(np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32))
    packed = pack(vectors)
    assert len(packed) == 4 + rows * -(-width // 2)
    one, two = unpack([packed, packed])
    assert one.shape == vectors.shape and np.array_equal(one, two)
    np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, atol=1e-5)
    if width > 64:
        assert np.sum(one * vectors, axis=1).min() > 0.97


@pytest.mark.parametrize("shape", [(0, 0), (3, 0)])
def test_nothing_to_pack(shape):
    """A model without token vectors leaves no trace, and no error."""
    assert unpack([pack(np.empty(shape, np.float32))])[0].shape == (0, 0)
    assert unpack([]) == []
