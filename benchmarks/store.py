"""Qdrant Edge with 100,000 chunks: how fast they go in, how fast they are found, how much memory that takes.

Vectors are random unit vectors of 384 dimensions and texts are about 100 words drawn from a Zipfian vocabulary:
no embedding model runs, so the figures are the store's alone. One document of 60,000 chunks and 80 of 500.

    python benchmarks/store.py [number of chunks]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np

from ragnb.documents import Chunk
from ragnb.vectorstores.base import IndexInfo
from ragnb.vectorstores.qdrant_edge import QdrantEdgeVectorStore

DIMENSIONS = 384
VOCABULARY = np.array(
    [
        f"{stem}{n}"
        for n in range(2_500)
        for stem in ("bar", "lum", "tek", "rosk", "vin", "dal", "pof", "zir")
    ]
)
BATCH = 1_000
INFO = IndexInfo("random unit vectors", DIMENSIONS)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rng = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        store = QdrantEdgeVectorStore(Path(folder) / "index")
        store.open(INFO)
        print(
            f"{count:,} chunks of about 100 words, {DIMENSIONS} dimensions (random vectors, no embedding)"
        )
        big = count * 6 // 10
        sizes = [big] + [(count - big) // 80] * 80
        spent, commits, memory = 0.0, [], []
        for number, size in enumerate(sizes):
            writer = store.writer(f"document {number}", "1")
            for first in range(0, size, BATCH):
                chunks, vectors = batch(rng, f"document {number}", first, min(BATCH, size - first))
                begin = time.perf_counter()
                writer.add(chunks, vectors)
                spent += time.perf_counter() - begin
                memory.append(anonymous())
            begin = time.perf_counter()
            writer.commit()
            commits.append(time.perf_counter() - begin)
        spent += sum(commits)
        chunks = sum(sizes)
        print(
            f"ingest: {chunks / spent:,.0f} chunks/s ({spent:.0f} s), BM25 weights included; slowest commit {max(commits) * 1000:.0f} ms"
        )
        print(
            f"memory of the process's own (not mapped files): {memory[0]} MB after 1,000 chunks, {memory[len(memory) // 2]} MB half way, {memory[-1]} MB at the end"
        )
        print(
            f"on disk: {sum(file.stat().st_blocks * 512 for file in Path(folder).rglob('*') if file.is_file()) >> 20} MB"
        )
        measure(rng, store)
        writer = store.writer("document 0", "2")
        writer.add(*batch(rng, "document 0", 0, BATCH))
        report("search while a document of 60 % is being replaced", times(rng, store, None))
        begin = time.perf_counter()
        writer.commit()
        print(f"commit in place of {big:,} chunks: {(time.perf_counter() - begin) * 1000:.0f} ms")
        begin = time.perf_counter()
        store.close()
        store.open(INFO)
        print(f"closed and opened: {time.perf_counter() - begin:.2f} s, {len(store):,} chunks")
        store.close()
    print(
        f"peak memory, mapped files included: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB"
    )


def measure(rng: np.random.Generator, store: QdrantEdgeVectorStore) -> None:
    report("search", times(rng, store, None))
    for where in (
        {"lang": "en"},
        {"year": {"gte": 2024}},
        {"lang": ["de", "fr"], "year": {"gte": 2010, "lt": 2020}},
        {"day": {"gte": "2024-06"}},
    ):
        begin = time.perf_counter()
        store.search("first", unit(rng, 1)[0], 20, where)
        first = time.perf_counter() - begin
        report(f"where={where} (first: {first * 1000:.0f} ms)", times(rng, store, where))


def times(rng: np.random.Generator, store: QdrantEdgeVectorStore, where: dict | None) -> list[float]:
    spent = []
    for _ in range(200):
        text, vector = words(rng, 1, 6)[0], unit(rng, 1)[0]
        begin = time.perf_counter()
        hits = store.search(text, vector, 20, where)
        spent.append(time.perf_counter() - begin)
        assert len(hits) == 20
    return spent


def report(name: str, spent: list[float]) -> None:
    p50, p95 = np.percentile(spent, [50, 95]) * 1000
    print(f"{name}: p50 {p50:.1f} ms, p95 {p95:.1f} ms")


def batch(rng: np.random.Generator, document: str, first: int, size: int) -> tuple[list[Chunk], np.ndarray]:
    chunks = [
        Chunk(
            id=str(uuid.UUID(bytes=rng.bytes(16))),
            document=document,
            text=text,
            title=document,
            source=document,
            position=position,
            metadata={
                "lang": ("en", "de", "fr", "es")[position % 4],
                "year": 2000 + position % 26,
                "day": f"2024-{position % 12 + 1:02}-{position % 28 + 1:02}",
            },
        )
        for position, text in enumerate(words(rng, size, 100), first)
    ]
    return chunks, unit(rng, size)


def words(rng: np.random.Generator, count: int, length: int) -> list[str]:
    ranks = rng.zipf(1.2, (count, length)) % len(VOCABULARY)
    return [" ".join(VOCABULARY[row]) for row in ranks]


def unit(rng: np.random.Generator, count: int) -> np.ndarray:
    vectors = rng.normal(size=(count, DIMENSIONS)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def anonymous() -> int:
    """Memory of the process's own in MB; 0 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return next(
        (int(line.split()[1]) >> 10 for line in status.splitlines() if line.startswith("RssAnon")), 0
    )


if __name__ == "__main__":
    main()
