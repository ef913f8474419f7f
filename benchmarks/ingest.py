"""Ingest: the rate of embedding kept, what unchanged files cost, and memory on a text of 50 MB.

The memory part stubs the embedding (an hour's work on two cores) and nothing else; memory is that of all
processes, measured every 50 ms, above what an idle pipeline takes.
"""

from __future__ import annotations

import http
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from ragnb import RAGPipeline
from ragnb.embeddings.backends import installed
from ragnb.embeddings.sentence_transformers import SentenceTransformerEmbeddings

DATA = Path(__file__).resolve().parents[1] / "data" / "handbook"
CODE = Path(http.__file__).parent  # a part of Python itself, to have half a minute of work
ROUNDS = 3


class Stub:
    """Random unit vectors, and tokens that are words."""

    name, dimensions, max_tokens = "stub", 384, 256

    def count_tokens(self, texts):
        return [len(text.split()) * 4 // 3 for text in texts]

    def embed_documents(self, texts):
        vectors = np.random.default_rng(len(texts)).standard_normal((len(texts), 384), np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def embed_query(self, text):
        return self.embed_documents([text])[0]

    def warm_up(self):
        pass


def main() -> None:
    if sys.argv[1:2] == ["memory"]:
        memory(Path(sys.argv[2]))
        return
    rate()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, __file__, "memory", folder], check=True)


def rate() -> None:
    from sentence_transformers import SentenceTransformer

    models = {name: SentenceTransformerEmbeddings(backend=name) for name in ("torch", *installed())}
    for model in models.values():
        model.warm_up()
        model.embed_documents(["a text", "another text"])
    bare = SentenceTransformer(str(models["torch"]._place()))
    firsts = {name: [] for name in models}
    bares, again = [], []
    for _ in range(ROUNDS):
        for name, model in models.items():
            with tempfile.TemporaryDirectory() as folder:
                rag = RAGPipeline(llm="extractive", embeddings=model, home=Path(folder, "home"))
                begin = time.perf_counter()
                report = rag.ingest(DATA, CODE)
                firsts[name].append(time.perf_counter() - begin)
                begin = time.perf_counter()
                assert not rag.ingest(DATA, CODE).chunks
                again.append(time.perf_counter() - begin)
                store = rag.vectorstore
                texts = [c.searched_text for name in store.documents() for c in store.chunks(name)]
                rag.close()
        begin = time.perf_counter()
        bare.encode(texts, batch_size=32, normalize_embeddings=True)
        bares.append(time.perf_counter() - begin)
    assert len(texts) == report.chunks
    encode, unchanged = middle(bares), middle(again)
    print(f"{len(report.added)} documents, {len(texts)} chunks; medians of {ROUNDS} rounds in turns")
    print(f"bare SentenceTransformer.encode  {encode:7.2f} s  {len(texts) / encode:6.1f} chunks/s")
    for name, times in firsts.items():
        first = middle(times)
        print(f"first ingest, {name:18} {first:7.2f} s  {len(texts) / first:6.1f} chunks/s", end="")
        print(f"  {encode / first:.2f} x the bare rate")
    slowest = max(map(middle, firsts.values()))
    fastest = min(map(middle, firsts.values()))
    print(f"nothing changed                  {unchanged:7.3f} s  {fastest / unchanged:,.0f} to ", end="")
    print(f"{slowest / unchanged:,.0f} x faster than the first time")


def middle(times: list[float]) -> float:
    return sorted(times)[len(times) // 2]


def memory(folder: Path) -> None:
    words = [f"word{n}" for n in range(20_000)]
    chosen = random.Random(1)
    path = folder / "large.txt"
    with path.open("w") as file:
        while file.tell() < 50 << 20:
            file.write(" ".join(chosen.choices(words, k=12)) + ".\n" * chosen.choice((1, 1, 2)))
    (folder / "small.txt").write_text("A small text.")
    rag = RAGPipeline(llm="extractive", embeddings=Stub(), home=folder / "home")
    rag.ingest(folder / "small.txt")
    rag.query("What is it?")
    idle, most, done = taken(), 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.05):
            most = max(most, taken())

    watching = threading.Thread(target=watch)
    watching.start()
    begin = time.perf_counter()
    report = rag.ingest(path)
    seconds = time.perf_counter() - begin
    done.set()
    watching.join()
    print(f"a text of 50 MB, {report.chunks:,} chunks, in {seconds:.0f} s (embedding stubbed)")
    print(f"idle {idle:.0f} MB, at most {most - idle:.0f} MB over it, of all processes")
    rag.close()
    shutil.rmtree(folder / "home")


def taken() -> float:
    """Megabytes of this process and those it started: proportional, without pages of files, which the
    system takes back when it needs them."""
    total = 0
    for process in (os.getpid(), *children(os.getpid())):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        values = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
        total += values.get("Pss_Anon", values["Anonymous"])
    return total / 1024


def children(process: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{process}/task").iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


if __name__ == "__main__":
    main()
