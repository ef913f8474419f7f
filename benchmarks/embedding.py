"""Chunks a second of the bare sentence-transformers library and of each back end, side by side in one run.

512 chunks of about 140 tokens out of the handbook. The bare library is ``SentenceTransformer.encode`` with
batches of 32. All take turns in small rounds, so that a noisy machine disturbs all alike; the ratio is that of
the medians. Loading is from a fresh process to the first question's vector.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from ragnb.embeddings import backends
from ragnb.embeddings.sentence_transformers import SentenceTransformerEmbeddings, _wheel

ROOT = Path(__file__).resolve().parents[1]
CHUNKS, WORDS, ROUND = 512, 112, 64
QUESTION = "How do refunds work?"
OURS = f"""
from ragnb.embeddings.sentence_transformers import SentenceTransformerEmbeddings
SentenceTransformerEmbeddings(backend={{backend!r}}).embed_query({QUESTION!r})
"""
BARE = f"""
from sentence_transformers import SentenceTransformer
SentenceTransformer({{folder!r}}, local_files_only=True).encode({QUESTION!r}, show_progress_bar=False)
"""


def chunks(count):
    """Pieces of the handbook, each with its words begun at another place."""
    words = " ".join(
        path.read_text("utf-8") for path in sorted((ROOT / "data" / "handbook").glob("*.md"))
    ).split()
    rng = random.Random(0)
    starts = [rng.randrange(len(words) - 2 * WORDS) for _ in range(CHUNKS)]
    lengths = [round(WORDS * rng.uniform(0.7, 1.3)) for _ in range(CHUNKS)]
    texts = [" ".join(words[start : start + length]) for start, length in zip(starts, lengths, strict=True)]
    tokens = count(texts)
    print(
        f"{len(texts)} chunks, {statistics.mean(tokens):.0f} tokens on average, {min(tokens)} to {max(tokens)}"
    )
    return texts


def load_seconds(code):
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def main() -> None:
    names = ["torch", *backends.installed()]
    models = {name: SentenceTransformerEmbeddings(backend=name) for name in names}
    for model in models.values():
        model.warm_up()
    bare = models["torch"]._load().model
    texts = chunks(models["torch"].count_tokens)
    runs = {
        "bare": lambda part: bare.encode(
            part, batch_size=32, normalize_embeddings=True, show_progress_bar=False
        ),
        **{name: model.embed_documents for name, model in models.items()},
    }
    for run in runs.values():
        run(texts[:ROUND])
    speeds = {name: [] for name in runs}
    vectors = {name: [] for name in runs}
    for start in range(0, CHUNKS, ROUND):
        part = texts[start : start + ROUND]
        for name, run in runs.items():
            begin = time.perf_counter()
            vectors[name].append(run(part))
            speeds[name].append(len(part) / (time.perf_counter() - begin))
    loads = {"bare": load_seconds(BARE.format(folder=str(_wheel())))}
    loads |= {name: load_seconds(OURS.format(backend=name)) for name in names}
    expected = np.concatenate(vectors["bare"])
    base = statistics.median(speeds["bare"])
    print(f"{'':24} {'chunks/s':>9} {'ratio':>6} {'max difference':>15} {'load':>8}")
    for name in runs:
        speed = statistics.median(speeds[name])
        difference = np.abs(np.concatenate(vectors[name]) - expected).max()
        title = "SentenceTransformer" if name == "bare" else f"ragnb, {name}"
        print(f"{title:24} {speed:9.1f} {speed / base:6.2f} {difference:15.1e} {loads[name]:6.2f} s")


if __name__ == "__main__":
    main()
