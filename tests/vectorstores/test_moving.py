"""Moving an index from any store to any other."""

from __future__ import annotations

import numpy as np
import pytest

from ragnb.errors import EmbeddingMismatchError
from ragnb.vectorstores.base import IndexInfo
from ragnb.vectorstores.moving import move
from tests.vectorstores.conftest import KINDS, make_store
from tests.vectorstores.samples import INFO, digests, make, put, texts


@pytest.fixture
def pair(request, tmp_path):
    source, target = (
        make_store(kind, tmp_path / side) for side, kind in zip("ab", request.param, strict=True)
    )
    source.open(INFO)
    put(source, "big", "1", *make("big", texts(1100)))
    put(source, "small", "2", *make("small", texts(3, 2)))
    yield source, target
    source.close()
    target.close()


directions = pytest.mark.parametrize(
    "pair", [(a, b) for a in KINDS for b in KINDS], ids="-".join, indirect=True
)


@directions
def test_moved(pair):
    """All documents arrive, and searches find the same with the same scores."""
    source, target = pair
    assert move(source, target, INFO) == 2
    assert target.documents() == source.documents()
    assert target.chunks("big") == source.chunks("big")
    for n in range(5):
        vector = make("q", ["x"], n)[1][0]
        found, wanted = (store.search("train lamp refund", vector, 10) for store in (target, source))
        np.testing.assert_allclose([hit.score for hit in found], [hit.score for hit in wanted], atol=1e-4)
        assert {hit.chunk.id for hit in found[:5]} == {hit.chunk.id for hit in wanted[:5]}


@directions
def test_moved_again(pair):
    """A second move copies what changed, and takes nothing away from the target."""
    source, target = pair
    target.open(INFO)
    put(target, "own", "1", *make("own", texts(2)))
    put(target, "small", "old", *make("small", ["old"]))
    assert move(source, target, INFO) == 2
    assert move(source, target, INFO) == 0
    put(source, "small", "3", *make("small", ["new"]))
    assert move(source, target, INFO) == 1
    assert digests(target) == {"own": "1", "big": "1", "small": "3"}
    assert [chunk.text for chunk in target.chunks("small")] == ["new"]


def test_interrupted(tmp_path):
    """A move that fails leaves whole documents; repeated, it does the rest."""
    source, target = make_store("memory", tmp_path), make_store("edge", tmp_path)
    source.open(INFO)
    for name in "abc":
        put(source, name, "1", *make(name, texts(5)))
    export, given = source.export, []

    def failing(document):
        given.append(document)
        yield from export(document)
        if document == "b":
            raise KeyboardInterrupt

    source.export = failing
    with pytest.raises(KeyboardInterrupt):
        move(source, target, INFO)
    assert (digests(target), len(target)) == ({"a": "1"}, 5)
    source.export = export
    assert move(source, target, INFO) == 2
    assert (digests(target), len(target)) == ({"a": "1", "b": "1", "c": "1"}, 15)
    target.close()


def test_another_model(tmp_path):
    """Vectors of another model are not moved."""
    source, target = make_store("memory", tmp_path), make_store("memory", tmp_path)
    source.open(INFO)
    target.open(IndexInfo("other", 16))
    with pytest.raises(EmbeddingMismatchError):
        move(source, target, INFO)
