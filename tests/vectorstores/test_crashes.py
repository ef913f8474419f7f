"""A process that dies at any moment leaves each document whole: as it was, or as it was to be."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

from ragnb.vectorstores import qdrant_index
from ragnb.vectorstores.qdrant import QdrantVectorStore
from ragnb.vectorstores.qdrant_edge import QdrantEdgeVectorStore
from ragnb.vectorstores.server_engine import ServerEngine
from tests.vectorstores.samples import INFO, digests, make, put

OLD, NEW, OTHER = (
    make("d", [f"old {n}" for n in range(3)]),
    make("d", [f"new {n}" for n in range(6)], 1),
    make("e", ["x"]),
)
VECTOR = OLD[1][0]


def replace(store):
    """The new revision in three parts."""
    writer = store.writer("d", "new")
    chunks, vectors = NEW
    for begin in range(0, 6, 2):
        writer.add(chunks[begin : begin + 2], vectors[begin : begin + 2])
    writer.commit()


def texts_of(store):
    """What is found of d, which has to be the same in each way of looking."""
    found = {hit.chunk.text for hit in store.search("old new", VECTOR, 99)} - {"x"}
    assert found == {chunk.text for chunk in store.chunks("d")}
    assert len(store) == len(found) + 1
    assert store.documents()["e"].chunks == 1
    return found


def texts_in(sample):
    return {chunk.text for chunk in sample[0]}


DIE = textwrap.dedent(
    """
    import os, signal, sys
    from ragnb.vectorstores.edge_engine import EdgeEngine
    from ragnb.vectorstores.qdrant_edge import QdrantEdgeVectorStore
    from tests.vectorstores.samples import INFO, put
    from tests.vectorstores.test_crashes import OLD, OTHER, replace
    path, deed, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
    store = QdrantEdgeVectorStore(path)
    store.open(INFO)
    put(store, "e", "1", *OTHER)
    put(store, "d", "old", *OLD)
    update, count = EdgeEngine._update, 0
    def counted(self, operation):
        global count
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1
        update(self, operation)
    EdgeEngine._update = counted
    replace(store) if deed == "replace" else store.remove("d")
    print(count)
    """
)


def dies(path, deed, last, root):
    """Whether a process that is killed before its write number ``last`` gets that far."""
    done = subprocess.run(
        [sys.executable, "-c", DIE, str(path), deed, str(last)], capture_output=True, text=True, cwd=root
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL here")
@pytest.mark.parametrize("deed", ["replace", "remove"])
def test_killed_at_every_write(tmp_path, request, deed):
    """Killed before any of its writes to the disk, a process leaves the old or the new, never a part, and
    the next `open` leaves nothing else in the index."""
    outcomes = []
    for last in range(20):
        path = tmp_path / f"{last}"
        if not dies(path, deed, last, request.config.rootpath):
            break
        store = QdrantEdgeVectorStore(path)
        store.open(INFO)
        outcomes.append(digests(store).get("d"))
        wanted = {"old": texts_in(OLD), "new": texts_in(NEW), None: set()}
        assert texts_of(store) == wanted[outcomes[-1]]
        # The chunks and a record for each document: nothing is left of the other revision.
        assert store._opened().engine.count(None) == len(store) + len(store.documents())
        put(store, "d", "again", *OLD)
        assert texts_of(store) == texts_in(OLD)
        store.close()
    after = "new" if deed == "replace" else None
    assert outcomes == sorted(outcomes, key=lambda digest: digest != "old")  # once new, always new
    assert (outcomes[0], outcomes[-1]) == ("old", after)
    assert len(outcomes) == {"replace": 7, "remove": 4}[deed]


class Death(BaseException):
    """Ends the work as a kill would: nobody catches it."""


WRITES = ("upsert", "delete", "delete_where", "unset")


def dying(monkeypatch, last):
    """The engine's write number ``last`` and all later ones do not happen."""
    count = 0

    def counted(write):
        def call(self, *args):
            nonlocal count
            if count >= last:
                raise Death
            count += 1
            return write(self, *args)

        return call

    for name in WRITES:
        monkeypatch.setattr(ServerEngine, name, counted(getattr(ServerEngine, name)))


@pytest.mark.parametrize("after_days", [0, 2])
@pytest.mark.parametrize("deed", ["replace", "remove"])
def test_a_client_that_dies(monkeypatch, deed, after_days):
    """A process that uses a server and dies leaves the old or the new; what was staged goes after a day."""
    from qdrant_client import QdrantClient

    outcomes = []
    for last in range(20):
        client = QdrantClient(":memory:")
        store = QdrantVectorStore(client=client)
        store.open(INFO)
        put(store, "e", "1", *OTHER)
        put(store, "d", "old", *OLD)
        with monkeypatch.context() as patch:
            dying(patch, last)
            try:
                replace(store) if deed == "replace" else store.remove("d")
                break
            except Death:
                pass
        monkeypatch.setattr(qdrant_index, "_ABANDONED", 86_400.0 - 2 * 86_400.0 * (after_days > 1))
        again = QdrantVectorStore(client=client)
        again.open(INFO)
        outcomes.append(digests(again).get("d"))
        wanted = {"old": texts_in(OLD), "new": texts_in(NEW), None: set()}
        assert texts_of(again) == wanted[outcomes[-1]]
        if after_days > 1:
            assert again._opened().engine.count(None) == len(again) + len(again.documents())
        put(again, "d", "again", *OLD)
        assert texts_of(again) == texts_in(OLD)
    after = "new" if deed == "replace" else None
    assert (outcomes[0], outcomes[-1]) == ("old", after)
    assert len(outcomes) == {"replace": 8, "remove": 4}[deed]
