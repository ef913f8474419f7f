"""Documents on their way in: nothing is seen before commit, the old is whole until then."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from msgspec.structs import replace

from ragnb.errors import InvalidInputError, RagnbError
from ragnb.vectorstores.base import Stored
from tests.vectorstores.samples import INFO, digests, make, put, texts

QUERY = np.full(INFO.dimensions, 0.25, np.float32)


def seen(store):
    """Everything a store tells of document d, one way after the other."""
    found = {hit.chunk.text for hit in store.search("train ticket old new", QUERY, 5000)}
    read = {chunk.text for chunk in store.chunks("d")}
    handed = {chunk.text for chunks, _ in store.export("d") for chunk in chunks}
    assert found == read == handed
    assert len(store) == len(found)
    return found


def test_nothing_is_seen_before_commit(store):
    """A document is not there before its commit, and whole after it."""
    chunks, vectors = make("d", [f"new {n}" for n in range(40)])
    writer = store.writer("d", "1")
    for begin in range(0, 40, 10):
        writer.add(chunks[begin : begin + 10], vectors[begin : begin + 10])
        assert (seen(store), store.documents()) == (set(), {})
    writer.commit()
    assert seen(store) == {chunk.text for chunk in chunks}
    assert store.documents() == {"d": Stored("1", 40)}


def test_the_old_is_whole_until_commit(store):
    """What a document had is found until the new is committed, and nothing of it after."""
    put(store, "d", "1", *make("d", ["old 1", "old 2", "old 3"]))
    chunks, vectors = make("d", ["new 1", "new 2"], 1)
    writer = store.writer("d", "2")
    writer.add(chunks[:1], vectors[:1])
    assert (seen(store), digests(store)) == ({"old 1", "old 2", "old 3"}, {"d": "1"})
    writer.add(chunks[1:], vectors[1:])
    assert (seen(store), digests(store)) == ({"old 1", "old 2", "old 3"}, {"d": "1"})
    writer.commit()
    assert (seen(store), digests(store)) == ({"new 1", "new 2"}, {"d": "2"})


def test_abort(store):
    """An aborted document leaves nothing; abort after commit, and again, does nothing."""
    put(store, "d", "1", *make("d", ["old 1", "old 2"]))
    writer = store.writer("d", "2")
    writer.add(*make("d", texts(5), 1))
    writer.abort()
    writer.abort()
    assert (seen(store), digests(store)) == ({"old 1", "old 2"}, {"d": "1"})
    writer = store.writer("d", "3")
    writer.add(*make("d", ["new"], 1))
    writer.commit()
    writer.abort()
    assert (seen(store), digests(store)) == ({"new"}, {"d": "3"})
    store.writer("d", "4").abort()
    assert seen(store) == {"new"}


def test_an_ended_writer(store):
    """After its end a writer takes nothing more."""
    writer = store.writer("d", "1")
    writer.abort()
    with pytest.raises(InvalidInputError, match="has ended"):
        writer.add(*make("d", ["one"]))
    with pytest.raises(InvalidInputError, match="has ended"):
        writer.commit()


def test_a_document_without_chunks_is_not_kept(store):
    """A commit of nothing takes out what the document had."""
    store.writer("d", "1").commit()
    assert store.documents() == {}
    put(store, "d", "1", *make("d", ["old"]))
    store.writer("d", "2").commit()
    assert (store.documents(), seen(store)) == ({}, set())


def test_positions_are_counted_on(store):
    """Chunks come in the order of their positions, from 0, over all calls."""
    chunks, vectors = make("d", ["one", "two", "three"])
    writer = store.writer("d", "1")
    with pytest.raises(InvalidInputError, match="has the position 1, where 0 comes next"):
        writer.add(chunks[1:], vectors[1:])
    writer.add(chunks[:1], vectors[:1])
    with pytest.raises(InvalidInputError, match="has the position 0, where 1 comes next"):
        writer.add(chunks[:1], vectors[:1])
    writer.add(chunks[1:], vectors[1:])
    writer.commit()
    assert store.chunks("d") == chunks


def test_the_same_chunks_again(store):
    """A revision with the ids of the one before does not disturb it, committed or aborted."""
    chunks, vectors = make("d", ["one", "two", "three"])
    put(store, "d", "1", chunks, vectors)
    writer = store.writer("d", "2")
    writer.add([replace(chunk, title="New") for chunk in chunks], vectors)
    assert store.chunks("d") == chunks
    writer.abort()
    assert store.chunks("d") == chunks
    put(store, "d", "3", [replace(chunk, title="New") for chunk in chunks], vectors)
    assert {hit.chunk.title for hit in store.search("one", QUERY, 9)} == {"New"}
    assert len(store) == 3


def test_two_writers_of_one_document(store):
    """Who commits last is found, whole; neither disturbs the other."""
    one, two = store.writer("d", "1"), store.writer("d", "2")
    one.add(*make("d", ["old 1", "old 2"]))
    two.add(*make("d", ["new 1", "new 2"], 1))
    one.commit()
    assert seen(store) == {"old 1", "old 2"}
    two.commit()
    assert seen(store) == {"new 1", "new 2"}
    assert digests(store) == {"d": "2"}


def test_removed_while_it_is_replaced(store):
    """A document that is removed while a new one is on its way comes with the commit."""
    put(store, "d", "1", *make("d", ["old"]))
    writer = store.writer("d", "2")
    writer.add(*make("d", ["new"], 1))
    store.remove("d")
    assert seen(store) == set()
    writer.commit()
    assert seen(store) == {"new"}


def test_a_search_never_sees_a_mix(store):
    """While a document is replaced again and again, each search finds all of one revision and nothing else."""
    size, rounds, wrong, done = 8, 40, [], threading.Event()

    def revision(n):
        chunks, vectors = make("d", [f"train {n} {m}" for m in range(size)], n)
        return [replace(chunk, metadata={"n": n}) for chunk in chunks], vectors

    def check(found, what):
        if len(found) != size or len({chunk.metadata["n"] for chunk in found}) != 1:
            wrong.append((what, [(chunk.metadata["n"], chunk.position) for chunk in found]))

    def search():
        while not done.is_set():
            check([hit.chunk for hit in store.search("train", QUERY, 100)], "search")
            check(store.chunks("d"), "chunks")
            if len(store) != size:
                wrong.append(("len", len(store)))

    put(store, "d", "0", *revision(0))
    readers = [threading.Thread(target=search) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for n in range(1, rounds):
            chunks, vectors = revision(n)
            writer = store.writer("d", str(n))
            writer.add(chunks[:5], vectors[:5])
            writer.add(chunks[5:], vectors[5:])
            if n % 5:
                writer.commit()
            else:
                writer.abort()
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert wrong == []


def test_replaced_while_it_is_exported(store):
    """Who reads a document that is replaced meanwhile gets the old one whole, or is told."""
    put(store, "d", "1", *make("d", [f"old {n}" for n in range(2500)]))
    batches = store.export("d")
    read = list(next(batches)[0])
    put(store, "d", "2", *make("d", ["new"]))
    try:
        read += [chunk for chunks, _ in batches for chunk in chunks]
    except RagnbError as error:
        assert "was replaced while it was read" in str(error)
    else:
        assert [chunk.text for chunk in read] == [f"old {n}" for n in range(2500)]
