"""Embeddings are kept by model and text, so that nothing is embedded twice."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from ragnb.database import Database, delete, is_damage
from ragnb.embeddings.base import Embeddings, TokenEmbeddings, Vectors
from ragnb.embeddings.tokens import pack, unpack

_SLICE = 128  # texts embedded before they are written: what is done survives an interrupt


class CachedEmbeddings:
    """An embedding model with a memory, itself an `Embeddings`.

    Vectors are kept in one SQLite file, in the process alone where ``path`` is None; those of the single
    tokens too, packed, where ``tokens`` says so and the model has them. ``hits`` and ``misses`` count
    texts. Several threads and processes may share a file. A file that is damaged or cannot be used is told
    by a warning, and the work goes on.
    """

    def __init__(self, inner: Embeddings, path: Path | None, *, tokens: bool = False) -> None:
        self.inner = inner
        self.tokens = tokens
        self.hits = 0
        self.misses = 0
        self._lock = threading.Lock()
        self._database = Database(path, _connect, _recover)

    def __repr__(self) -> str:
        return f"CachedEmbeddings({self.inner!r})"

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def dimensions(self) -> int:
        return self.inner.dimensions

    @property
    def max_tokens(self) -> int:
        return self.inner.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self.inner.count_tokens(texts)

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape ``(len(texts), dimensions)``, embedding only what is new."""
        for _ in self.prepare(texts):
            pass
        return self.prepared(texts)

    def prepare(self, texts: Sequence[str]) -> Iterator[int]:
        """Embed what is new among some texts, in batches of like length, and keep it.

        Yields after each batch how many of the texts are ready since the last one, so that long work can be
        shown and stopped; what is done by then is kept.
        """
        keys = [self._key("document", text) for text in texts]
        known = set(self._read(keys))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        hits = sum(key not in missing for key in keys)
        self._count(hits, len(missing))
        yield len(texts) - len(missing)
        new = sorted(missing.items(), key=lambda item: len(item[1]))
        for start in range(0, len(new), _SLICE):
            part = new[start : start + _SLICE]
            self._embed([key for key, _ in part], [text for _, text in part])
            yield len(part)

    def prepared(self, texts: Sequence[str]) -> Vectors:
        """The vectors of texts that `prepare` has embedded, shape ``(len(texts), dimensions)``."""
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        keys = [self._key("document", text) for text in texts]
        known = self._read(keys)
        return np.stack([known[key] for key in keys])

    def embed_query(self, text: str) -> Vectors:
        """A unit vector, shape ``(dimensions,)``."""
        key = self._key("query", text)
        known = self._read([key])
        if key in known:
            self._count(1, 0)
            return known[key]
        self._count(0, 1)
        vector = self.inner.embed_query(text)
        self._write({key: vector})
        return vector

    def token_vectors(self, texts: Sequence[str]) -> dict[str, Vectors]:
        """The token vectors of those texts for which they are kept, shape ``(tokens, width)`` each."""
        keys = {self._key("document", text): text for text in texts}
        found = self._read_rows("tokens", list(keys))
        return dict(zip((keys[key] for key in found), unpack(list(found.values())), strict=True))

    def make_token_vectors(self, texts: Sequence[str]) -> None:
        """Make and keep the token vectors of those texts for which they are not kept."""
        assert isinstance(self.inner, TokenEmbeddings)
        new = self.without_tokens(texts)
        if new:
            _, tokens = self.inner.embed_document_tokens(new)
            packed = [pack(one) for one in tokens]
            self._write_rows(
                "tokens", dict(zip((self._key("document", text) for text in new), packed, strict=True))
            )

    def without_tokens(self, texts: Iterable[str]) -> list[str]:
        """Those of some texts whose token vectors are not kept, each once."""
        keys = {self._key("document", text): text for text in texts}
        kept = self._read_rows("tokens", list(keys), column="x''")
        return [text for key, text in keys.items() if key not in kept]

    def mostly_without_tokens(self, texts: int) -> bool:
        """Whether token vectors are wanted and kept for less than half of so many texts; told at once."""
        if not (self.tokens and isinstance(self.inner, TokenEmbeddings)):
            return False
        counted = "SELECT count(*) FROM tokens"
        kept = self._database.do(lambda database: int(database.execute(counted).fetchone()[0]))
        return 2 * kept < texts

    def forget_tokens(self, texts: Collection[str]) -> None:
        """Delete the token vectors of texts that left the index: they take 15 times what its own vector
        takes, which stays."""
        keys = [(self._key("document", text),) for text in texts]

        def delete(database: sqlite3.Connection) -> None:
            with database:
                database.executemany("DELETE FROM tokens WHERE key = ?", keys)

        if keys:
            self._database.do(delete)

    def embed_query_tokens(self, text: str) -> Vectors:
        """The unit vectors of a question's tokens, shape ``(tokens, width)``."""
        assert isinstance(self.inner, TokenEmbeddings)
        return self.inner.embed_query_tokens(text)

    def warm_up(self) -> None:
        self.inner.warm_up()

    def _embed(self, keys: Sequence[bytes], texts: list[str]) -> None:
        if self.tokens and isinstance(self.inner, TokenEmbeddings):
            vectors, tokens = self.inner.embed_document_tokens(texts)
            packed = {key: pack(one) for key, one in zip(keys, tokens, strict=True)}
            self._write_rows("tokens", packed)
        else:
            vectors = self.inner.embed_documents(texts)
        self._write(dict(zip(keys, vectors, strict=True)))

    def _key(self, kind: str, text: str) -> bytes:
        content = f"{self.inner.name}\0{kind}\0{text}".encode(errors="surrogatepass")
        return blake2b(content, digest_size=16).digest()

    def _count(self, hits: int, misses: int) -> None:
        with self._lock:
            self.hits += hits
            self.misses += misses

    def _read(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        size = 4 * self.inner.dimensions  # a model's name does not tell to what length it was cut
        rows = self._read_rows("embeddings", keys)
        return {key: np.frombuffer(one, np.float32) for key, one in rows.items() if len(one) == size}

    def _write(self, vectors: dict[bytes, Vectors]) -> None:
        rows = {key: vector.astype(np.float32).tobytes() for key, vector in vectors.items()}
        self._write_rows("embeddings", rows)

    def _read_rows(self, table: str, keys: Sequence[bytes], column: str = "vector") -> dict[bytes, bytes]:
        def read(database: sqlite3.Connection) -> dict[bytes, bytes]:
            found: dict[bytes, bytes] = {}
            for start in range(0, len(keys), 500):
                part = keys[start : start + 500]
                marks = ",".join("?" * len(part))
                sql = f"SELECT key, {column} FROM {table} WHERE key IN ({marks})"
                found |= database.execute(sql, part)
            return found

        return self._database.do(read)

    def _write_rows(self, table: str, rows: dict[bytes, bytes]) -> None:
        def write(database: sqlite3.Connection) -> None:
            with database:
                database.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", rows.items())

        self._database.do(write)


def _recover(path: Path, error: Exception) -> tuple[Path | None, str]:
    """Move a damaged file aside, or do without a file."""
    if not is_damage(error):
        return (
            None,
            f"The embedding cache {path} cannot be used ({error}); vectors are kept in memory for now.",
        )
    aside = path.with_suffix(".damaged")
    path.replace(aside)
    delete(path)
    return path, f"The embedding cache was damaged; it is moved to {aside}, and a new one is begun."


def _connect(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path or ":memory:", timeout=30.0, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        for table in ("embeddings", "tokens"):
            database.execute(f"CREATE TABLE IF NOT EXISTS {table} (key BLOB PRIMARY KEY, vector BLOB)")
    except sqlite3.Error:
        database.close()
        raise
    return database
