"""Qdrant Edge on disk: closed and opened, shared, held, killed, damaged, deleted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap

import msgspec
import pytest

from ragnb.errors import ConfigurationError, EmbeddingMismatchError, HomeInUseError, RagnbError
from ragnb.vectorstores.base import IndexInfo
from ragnb.vectorstores.qdrant_edge import QdrantEdgeVectorStore
from tests.vectorstores.samples import INFO, digests, make, put, texts


def test_reopened(tmp_path):
    """An index is what it was after it was closed and opened again."""
    path = tmp_path / "index"
    chunks, vectors = make("d", texts(50))
    store = QdrantEdgeVectorStore(path)
    store.open(INFO)
    put(store, "d", "x", chunks, vectors)
    before = store.search("train", vectors[3], 10)
    store.close()
    again = QdrantEdgeVectorStore(path)
    again.open(INFO)
    assert again.search("train", vectors[3], 10) == before
    assert digests(again) == {"d": "x"}


def test_twice_in_one_process(tmp_path):
    """Two stores of one process share a folder: a cell can be run again. Closing one leaves the other."""
    path = tmp_path / "index"
    one, two = QdrantEdgeVectorStore(path), QdrantEdgeVectorStore(path)
    one.open(INFO)
    two.open(INFO)
    put(one, "d", "x", *make("d", texts(3)))
    one.close()
    assert len(two) == 3


HOLD = textwrap.dedent(
    """
    import sys, os, signal
    from ragnb.vectorstores.qdrant_edge import QdrantEdgeVectorStore
    from tests.vectorstores.samples import INFO, make, put, texts
    store = QdrantEdgeVectorStore(sys.argv[1])
    store.open(INFO)
    put(store, "d", "x", *make("d", texts(200)))
    print("ready", flush=True)
    sys.stdin.read()
    """
)


@pytest.fixture
def holder(tmp_path, request):
    """Another process that has an index open."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "index")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=request.config.rootpath,
    )
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def test_held_by_another_process(holder, tmp_path):
    """A second process is told who holds the index, and what to do."""
    store = QdrantEdgeVectorStore(tmp_path / "index")
    with pytest.raises(HomeInUseError, match=str(holder.pid)) as caught:
        store.open(INFO)
    assert "another home" in caught.value.advice


def test_killed(holder, tmp_path):
    """What was written is there after the process was killed."""
    holder.kill()
    holder.wait()
    store = QdrantEdgeVectorStore(tmp_path / "index")
    store.open(INFO)
    assert len(store) == 200


def test_damaged(tmp_path):
    """A damaged index is told in a sentence, wherever the damage is; a folder of others is left alone."""
    path = tmp_path / "index"
    path.mkdir()
    (path / "index.json").write_bytes(b"{")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        QdrantEdgeVectorStore(path).open(INFO)
    assert (path / "index.json").read_bytes() == b"{"
    (path / "index.json").unlink()
    (path / "shard").mkdir()
    (path / "shard" / "edge_config.json").write_bytes(b"{")
    with pytest.raises(ConfigurationError, match="without its description"):
        QdrantEdgeVectorStore(path).open(INFO)
    (path / "index.json").write_text('{"embedding": "model", "dimensions": 16, "format": 2}')
    with pytest.raises(ConfigurationError, match=r"cannot be read.*Delete the folder"):
        QdrantEdgeVectorStore(path).open(INFO)
    (path / "index.json").write_text('{"embedding": "model", "dimensions": 16, "format": 99}')
    with pytest.raises(ConfigurationError, match="another version of ragnb"):
        QdrantEdgeVectorStore(path).open(INFO)


def test_the_engine_panics(tmp_path):
    """A panic of the engine is told in a sentence too."""
    store = QdrantEdgeVectorStore(tmp_path / "index")
    store.open(INFO)
    put(store, "d", "x", *make("d", texts(20)))
    store.close()
    for file in (tmp_path / "index").glob("shard/segments/*/vector_storage-dense/vectors/status.dat"):
        file.write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"cannot be read.*Delete the folder"):
        store.open(INFO)


def test_begun_and_not_finished(tmp_path):
    """A process that died while it made the index leaves nothing in the way."""
    path = tmp_path / "index"
    path.mkdir()
    (path / "index.json").write_bytes(msgspec.json.encode(IndexInfo("other", 3)))
    (path / "shard.1.new").mkdir()
    store = QdrantEdgeVectorStore(path)
    store.open(INFO)
    put(store, "d", "x", *make("d", texts(3)))
    assert len(store) == 3


def test_no_folder_there(tmp_path):
    """A path that cannot be a folder is told in a sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be opened: Not a directory"):
        QdrantEdgeVectorStore(tmp_path / "file").open(INFO)


def test_deleted_under_an_open_store(tmp_path):
    """Who deletes the folder to start again gets a new index, in the old objects as well."""
    path = tmp_path / "index"
    old, new = QdrantEdgeVectorStore(path), QdrantEdgeVectorStore(path)
    old.open(INFO)
    put(old, "d", "x", *make("d", texts(3)))
    shutil.rmtree(path)
    new.open(IndexInfo("other", 16))
    assert len(new) == 0
    put(new, "e", "y", *make("e", texts(2)))
    with pytest.raises(EmbeddingMismatchError, match="was made with other"):
        old.open(INFO)
    old.open(IndexInfo("other", 16))
    assert digests(old) == {"e": "y"}


def test_closed_for_good(tmp_path, request):
    """The last store that closes frees the folder, even if a traceback still holds the index."""
    store = QdrantEdgeVectorStore(tmp_path / "index")
    store.open(INFO)
    held = store._shard
    store.close()
    assert held is not None
    done = subprocess.run(
        [sys.executable, "-c", HOLD, str(tmp_path / "index")],
        input="",
        capture_output=True,
        text=True,
        cwd=request.config.rootpath,
    )
    assert done.stdout == "ready\n", done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked(tmp_path):
    """A forked process is told that it cannot use the index, and does the parent's no harm."""
    store = QdrantEdgeVectorStore(tmp_path / "index")
    store.open(INFO)
    chunks, vectors = make("d", texts(5))
    put(store, "d", "x", chunks, vectors)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            store.search("train", vectors[0], 3)
        except ConfigurationError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as told:
        assert "was forked from" in told.read()
    put(store, "e", "y", *make("e", texts(2)))
    assert len(store) == 7


def test_a_full_disk(tmp_path, monkeypatch):
    """Before the disk is full, and the system would kill the process, a sentence says so."""
    store = QdrantEdgeVectorStore(tmp_path / "index")
    store.open(INFO)
    put(store, "d", "x", *make("d", texts(3)))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10 << 20))
    with pytest.raises(RagnbError, match=r"nearly full \(10 MB free\)"):
        put(store, "e", "x", *make("e", texts(3)))
    monkeypatch.undo()
    store.close()
    store.open(INFO)
    assert digests(store) == {"d": "x"}


def test_not_open(tmp_path):
    """A store that is not open says so."""
    with pytest.raises(ConfigurationError, match="not open"):
        len(QdrantEdgeVectorStore(tmp_path))
