"""Retrieval, warm: embed the question and search 5,000 chunks, in milliseconds.

The chunks are made of sentences of ``data/``; their vectors are random, as the time does not depend on them.
The questions are embedded by the real model, each once.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ragnb.documents import Chunk
from ragnb.embeddings.sentence_transformers import SentenceTransformerEmbeddings
from ragnb.vectorstores.base import IndexInfo
from ragnb.vectorstores.memory import InMemoryVectorStore
from ragnb.vectorstores.qdrant_edge import QdrantEdgeVectorStore

ROOT = Path(__file__).resolve().parents[1]
CHUNKS, QUESTIONS = 5_000, 200


def main() -> None:
    model = SentenceTransformerEmbeddings()
    model.warm_up()
    rng = np.random.default_rng(0)
    words = " ".join(path.read_text() for path in (ROOT / "data" / "handbook").glob("*.md")).split()
    chunks = [
        Chunk(
            id=str(uuid.UUID(int=n)),
            document=f"d{n % 500}",
            text=" ".join(rng.choice(words, 100)),
            position=n // 500,
        )
        for n in range(CHUNKS)
    ]
    vectors = rng.normal(size=(CHUNKS, model.dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    questions = [" ".join(rng.choice(words, 9)) for _ in range(QUESTIONS)]
    with TemporaryDirectory() as folder:
        print(
            f"{CHUNKS:,} chunks, {QUESTIONS} questions       embed p50   search p50   both p50    both p95"
        )
        for store in (QdrantEdgeVectorStore(folder), InMemoryVectorStore()):
            store.open(IndexInfo(model.name, model.dimensions))
            for d in range(500):
                writer = store.writer(f"d{d}", "x")
                writer.add(chunks[d::500], vectors[d::500])
                writer.commit()
            times = []
            for question in questions:
                begin = time.perf_counter()
                vector = model.embed_query(question)
                embedded = time.perf_counter()
                store.search(question, vector, 20)
                times.append((embedded - begin, time.perf_counter() - embedded))
            embed, search = np.array(times[20:]).T * 1000
            both = embed + search
            print(
                f"{type(store).__name__:28} {np.median(embed):9.1f} ms {np.median(search):9.1f} ms "
                f"{np.median(both):8.1f} ms {np.percentile(both, 95):8.1f} ms  (limits 30 and 60)"
            )
            store.close()


if __name__ == "__main__":
    main()
