"""Open Qdrant Edge shards: made, loaded, and shared by all stores of this process on one folder."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any
from weakref import WeakSet, WeakValueDictionary

import msgspec

from ragnb.errors import ConfigurationError
from ragnb.vectorstores.base import IndexInfo, mismatch
from ragnb.vectorstores.edge_engine import START_AGAIN, EdgeEngine, check_room, told
from ragnb.vectorstores.qdrant_index import FORMAT, INDEXED, QdrantIndex


class _Description(msgspec.Struct, frozen=True):
    """What stands next to the shard, as JSON."""

    embedding: str
    dimensions: int
    format: int = FORMAT


class Shard:
    """An open shard and the documents in it."""

    def __init__(self, path: Path, edge: Any, info: IndexInfo) -> None:
        self.path = path
        self.edge = edge
        self.info = info
        self.pid = os.getpid()
        self.users: WeakSet[object] = WeakSet()
        self._identity = _identity(path)
        self.index = QdrantIndex(EdgeEngine(path, edge), info)
        self.index.recover()

    def is_there(self) -> bool:
        """Whether the folder is still the one that was opened: people delete it to start again."""
        return _identity(self.path) == self._identity


# The engine locks its folder, so a process opens it once, however many stores it has: a cell that
# makes a pipeline is run again while the old pipeline is still alive.
_open: WeakValueDictionary[str, Shard] = WeakValueDictionary()
_opening = threading.Lock()


def acquire(path: Path, info: IndexInfo, user: object) -> Shard:
    """The shard below a folder, for a user of it; opened or made if this process has not yet.

    Raises `EmbeddingMismatchError`, `HomeInUseError`, and `ConfigurationError` for a folder that cannot
    be used.
    """
    key = os.path.realpath(path)
    with _opening:
        shard = _open.get(key)
        if shard is None or not shard.is_there():
            try:
                with told(path):
                    shard = _open[key] = _load(path, info)
            except OSError as error:
                raise ConfigurationError(
                    f"The index {path} cannot be opened: {error.strerror or error}.",
                    "Use another home=…, on a disk that can be written.",
                ) from error
        if shard.info != info:
            raise mismatch(path, shard.info, info)
        shard.users.add(user)
        return shard


def release(shard: Shard, user: object) -> None:
    """The user needs it no more; the last one closes it, whoever may still hold a reference to it (the
    traceback of an interrupted cell does)."""
    with _opening:
        shard.users.discard(user)
        if not shard.users and shard.pid == os.getpid():
            for key in [key for key, one in _open.items() if one is shard]:
                del _open[key]
            shard.edge.close()


def _load(path: Path, info: IndexInfo) -> Shard:
    from qdrant_edge import EdgeShard

    made = _description(path)
    if not _is_filled(path / "shard"):
        _create(path, info)
        made = _description(path)
    if made is None:
        raise ConfigurationError(f"The folder {path} holds an index without its description.", START_AGAIN)
    if made.format != FORMAT:
        raise ConfigurationError(f"The index {path} was made by another version of ragnb.", START_AGAIN)
    if IndexInfo(made.embedding, made.dimensions) != info:
        raise mismatch(path, IndexInfo(made.embedding, made.dimensions), info)
    shard = Shard(path, EdgeShard.load(str(path / "shard")), info)
    _write(path / "holder", str(os.getpid()).encode())
    return shard


def _description(path: Path) -> _Description | None:
    try:
        return msgspec.json.decode((path / "index.json").read_bytes(), type=_Description)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise ConfigurationError(
            f"The description of the index {path} cannot be read.", START_AGAIN
        ) from error


def _create(path: Path, info: IndexInfo) -> None:
    """Make an empty shard, which gets its name when it is complete."""
    from qdrant_edge import (
        Distance,
        EdgeConfig,
        EdgeShard,
        EdgeSparseVectorParams,
        EdgeVectorParams,
        Modifier,
    )

    path.mkdir(parents=True, exist_ok=True)
    check_room(path, 0)
    fresh = path / f"shard.{os.getpid()}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    config = EdgeConfig(
        vectors={"dense": EdgeVectorParams(size=info.dimensions, distance=Distance.Dot)},
        sparse_vectors={"bm25": EdgeSparseVectorParams(modifier=Modifier.Idf)},
    )
    edge = EdgeShard.create(str(fresh), config)
    EdgeEngine(fresh, edge).index(INDEXED)
    edge.close()
    _write(path / "index.json", msgspec.json.encode(_Description(info.embedding, info.dimensions)))
    try:
        fresh.rename(path / "shard")
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not _is_filled(path / "shard"):  # else another process was quicker
            raise


def _is_filled(folder: Path) -> bool:
    return folder.exists() and any(folder.iterdir())


def _identity(path: Path) -> tuple[int, ...] | None:
    try:
        description, shard = (path / "index.json").stat(), (path / "shard").stat()
    except OSError:
        return None
    return description.st_ino, description.st_mtime_ns, shard.st_ino


def _write(path: Path, content: bytes) -> None:
    """Write a small file so that it is whole or not there."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def _after_fork() -> None:
    """In a forked child: forget the parent's shards, without closing them, as that would write."""
    global _opening
    for shard in list(_open.values()):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(shard.edge))
    _open.clear()
    _opening = threading.Lock()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_after_fork)
