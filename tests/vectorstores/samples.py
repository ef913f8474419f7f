"""What the tests of the stores put into them."""

from __future__ import annotations

import uuid

import numpy as np

from ragnb.documents import Chunk, Locator
from ragnb.vectorstores.base import IndexInfo

INFO = IndexInfo("model", 16)
WORDS = [
    "train",
    "ticket",
    "refund",
    "bicycle",
    "dog",
    "cabin",
    "night",
    "berth",
    "coffee",
    "window",
    "lamp",
    "bridge",
    "winter",
    "fare",
]


def make(document, texts, seed=0):
    rng = np.random.default_rng([seed, *document.encode()])
    vectors = rng.normal(size=(len(texts), INFO.dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    chunks = [
        Chunk(
            id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{document}{n}{text}")),
            document=document,
            text=text,
            title="T",
            source=document,
            locator=Locator(("A", "B"), (n, n + 1)),
            position=n,
            metadata={"year": 2026, "lang": "en"},
        )
        for n, text in enumerate(texts)
    ]
    return chunks, vectors


def texts(count, seed=1):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(3, 30))) for _ in range(count)]


def put(store, document, digest, chunks, vectors):
    """A whole document at once."""
    writer = store.writer(document, digest)
    writer.add(chunks, vectors)
    writer.commit()


def digests(store):
    return {name: stored.digest for name, stored in store.documents().items()}
