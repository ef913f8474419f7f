"""The memory of embeddings."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb.embeddings.base import Embeddings
from ragnb.embeddings.cache import CachedEmbeddings


class Counting:
    """A model that counts what it is asked (its vectors are the lengths of the texts)."""

    name = "counting"
    dimensions = 2
    max_tokens = 10

    def __init__(self):
        self.asked = []

    def count_tokens(self, texts):
        return [len(text) for text in texts]

    def embed_documents(self, texts):
        self.asked += texts
        return np.array([[len(text), 1] for text in texts], np.float32)

    def embed_query(self, text):
        return self.embed_documents([text])[0]

    def warm_up(self):
        pass


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_nothing_is_embedded_twice(tmp_path, place):
    """A text is embedded once, whatever the order and the number of its occurrences."""
    path = tmp_path / "cache.sqlite" if place == "disk" else None
    inner = Counting()
    cache = CachedEmbeddings(inner, path)
    assert isinstance(cache, Embeddings)
    first = cache.embed_documents(["aa", "b", "aa"])
    assert first.tolist() == [[2, 1], [1, 1], [2, 1]]
    assert cache.embed_documents(["b", "ccc"]).tolist() == [[1, 1], [3, 1]]
    assert sorted(inner.asked) == ["aa", "b", "ccc"]
    assert (cache.hits, cache.misses) == (1, 3)
    cache.embed_query("aa")  # a query is not a document: some models tell them apart
    cache.embed_query("aa")
    assert inner.asked.count("aa") == 2
    assert cache.embed_documents([]).shape == (0, 2)
    if path is not None:
        again = CachedEmbeddings(Counting(), path)
        assert again.embed_documents(["ccc", "aa"]).tolist() == [[3, 1], [2, 1]]
        assert again.inner.asked == []


def test_models_do_not_share(tmp_path):
    """Vectors of one model are never given for another."""
    one, two = Counting(), Counting()
    two.name = "other"
    for inner in (one, two):
        CachedEmbeddings(inner, tmp_path / "cache.sqlite").embed_documents(["a"])
    assert one.asked == two.asked == ["a"]


def test_what_was_done_survives_an_interrupt(tmp_path):
    """When the model fails in the middle, what it embedded before is kept."""
    inner = Counting()
    texts = [f"{n:04}" for n in range(300)]

    def failing(given):
        if len(inner.asked) >= 128:
            raise KeyboardInterrupt
        return Counting.embed_documents(inner, given)

    inner.embed_documents = failing
    with pytest.raises(KeyboardInterrupt):
        CachedEmbeddings(inner, tmp_path / "c.sqlite").embed_documents(texts)
    again = CachedEmbeddings(Counting(), tmp_path / "c.sqlite")
    again.embed_documents(texts)
    assert len(again.inner.asked) == 300 - 128


def test_a_damaged_cache_is_moved_aside(tmp_path):
    """A damaged cache costs its content, not the work."""
    path = tmp_path / "cache.sqlite"
    path.write_bytes(b"this is no database" * 100)
    cache = CachedEmbeddings(Counting(), path)
    with pytest.warns(UserWarning, match="was damaged"):
        assert cache.embed_documents(["a"]).tolist() == [[1, 1]]
    assert path.with_suffix(".damaged").exists()
    cache.embed_documents(["a"])
    assert cache.inner.asked == ["a"]


def test_damage_within_the_file(tmp_path):
    """Damage that shows only when the file is read is treated alike."""
    path = tmp_path / "cache.sqlite"
    texts = [f"text {n}" for n in range(3000)]
    cache = CachedEmbeddings(Counting(), path)
    cache.embed_documents(texts)
    cache._database.do(lambda database: database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    cache._database.close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    again = CachedEmbeddings(Counting(), path)
    with pytest.warns(UserWarning, match="was damaged"):
        assert again.embed_documents(texts).shape == (3000, 2)
    assert CachedEmbeddings(Counting(), path).embed_documents(texts).shape == (3000, 2)


def test_a_cache_that_cannot_be_written(tmp_path):
    """Without a file the vectors are kept in memory, and a warning says so, once."""
    (tmp_path / "file").write_text("")
    cache = CachedEmbeddings(Counting(), tmp_path / "file" / "cache.sqlite")
    with pytest.warns(UserWarning, match="cannot be used") as told:
        cache.embed_documents(["a"])
        cache.embed_documents(["a"])
    assert len(told) == 1
    assert cache.inner.asked == ["a"]


def test_vectors_of_another_length_are_not_taken(tmp_path):
    """A model that is asked for shorter vectors gets none of the longer ones it once gave."""
    long, short = Counting(), Counting()
    short.dimensions = 1
    short.embed_documents = lambda texts: Counting.embed_documents(short, texts)[:, :1]
    CachedEmbeddings(long, tmp_path / "c.sqlite").embed_documents(["aa"])
    cache = CachedEmbeddings(short, tmp_path / "c.sqlite")
    assert cache.embed_documents(["aa"]).tolist() == [[2]]
    assert cache.embed_query("aa").tolist() == [2]


def test_threads_and_files(tmp_path):
    """Several caches on one file, each used by several threads, all give the right vectors."""
    caches = [CachedEmbeddings(Counting(), tmp_path / "c.sqlite") for _ in range(3)]
    texts = ["x" * n for n in range(1, 60)]

    def work(number):
        part = texts[number % 20 :]
        return caches[number % 3].embed_documents(part)[:, 0].tolist() == [len(text) for text in part]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(60)))
    assert all(cache.hits + cache.misses > 0 for cache in caches)


@given(calls=st.lists(st.lists(st.text(max_size=3), max_size=6), max_size=5))
def test_a_cache_changes_nothing_but_the_work(calls):
    """Whatever is asked in whatever order, the vectors are the model's, and each text is embedded once."""
    inner = Counting()
    cache = CachedEmbeddings(inner, None)
    for texts in calls:
        expected = [[len(text), 1] for text in texts]
        assert cache.embed_documents(texts).tolist() == expected
    assert sorted(inner.asked) == sorted({text for texts in calls for text in texts})
