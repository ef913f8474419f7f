"""`kill -9` in the middle of an ingest: the next one ends with the index of an undisturbed one."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ragnb import RAGPipeline

SCRIPT = """
    import os, sys
    from ragnb import RAGPipeline
    from ragnb.ingest import indexing
    from ragnb.vectorstores.qdrant_edge import QdrantEdgeVectorStore
    from tests.ingest.test_kill import Hashed

    # The process dies at the n-th step of its work, as `kill -9` would end it.
    steps = int(sys.argv[2])

    def step():
        global steps
        steps -= 1
        if steps < 0:
            os.kill(os.getpid(), 9)

    def counted(function):
        def call(*args, **kwargs):
            step()
            result = function(*args, **kwargs)
            step()
            return result
        return call

    make = QdrantEdgeVectorStore.writer
    def writer(self, *args):
        made = make(self, *args)
        for name in ("add", "commit"):
            setattr(type(made), name, counted(getattr(type(made), name)))
        QdrantEdgeVectorStore.writer = make
        return made
    QdrantEdgeVectorStore.writer = writer
    QdrantEdgeVectorStore.remove = counted(QdrantEdgeVectorStore.remove)
    Hashed.embed_documents = counted(Hashed.embed_documents)
    indexing._WINDOW = 24
    rag = RAGPipeline(llm="extractive", embeddings=Hashed(), home=sys.argv[1])
    rag.ingest("docs")
    rag.close()
    print("steps left", steps)
"""


class Hashed:
    """Vectors from the letters of a text: the index, not the model, is looked at here."""

    name, dimensions, max_tokens = "hashed", 16, 64

    def count_tokens(self, texts):
        return [len(text.split()) for text in texts]

    def embed_documents(self, texts):
        import numpy as np

        rows = [np.bincount([ord(c) % 16 for c in text + "."], minlength=16) for text in texts]
        vectors = np.array(rows, np.float32).reshape(len(texts), 16)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def embed_query(self, text):
        return self.embed_documents([text])[0]

    def warm_up(self):
        pass


def run(folder: Path, steps: int) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), "home", str(steps)],
        cwd=folder,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def write(folder: Path, edition: int) -> None:
    """Twenty documents, one of them long; the second edition changes, moves and removes some."""
    shutil.rmtree(folder / "docs", ignore_errors=True)
    (folder / "docs").mkdir(parents=True)
    for n in range(20):
        said = f"Says {n}." if edition == 1 or n % 3 else f"Says {n}, and more."
        name = f"moved-{n}.md" if edition == 2 and n == 7 else f"{n}.md"
        if edition == 1 or n != 11:
            (folder / "docs" / name).write_text(f"# Document {n}\n\n{said}\n\n## Part\n\nAnd this.")
    long = "\n\n".join(f"## Part {n}\n\nParagraph {n * edition} of a long text." for n in range(100))
    (folder / "docs" / "long.md").write_text(f"# Long\n\n{long}")


def index(folder: Path) -> dict[str, object]:
    """Everything in an index: digests, counts, and each chunk with all that it carries."""
    rag = RAGPipeline(llm="extractive", embeddings=Hashed(), home=folder / "home")
    stored = {one.name: one for one in rag.documents()}
    chunks = {name: rag.vectorstore.chunks(name) for name in stored}
    digests = dict(rag.vectorstore.documents())
    size = len(rag.vectorstore)
    rag.close()
    return {"digests": digests, "chunks": chunks, "size": size}


@pytest.mark.timeout(600)
def test_killed_at_thirty_moments(tmp_path):
    """Killed at thirty random steps of a first and of a second ingest, and run again: the index is equal."""
    whole = tmp_path / "whole"
    taken = {}
    for edition in (1, 2):
        write(whole, edition)
        ended = run(whole, 10**6)
        taken[edition] = 10**6 - int(ended.stdout.split("steps left")[1])
        expected = index(whole)
    assert expected["size"] > 100

    moments = random.Random(3)
    torn = tmp_path / "torn"
    killed = {1: 0, 2: 0}
    for _ in range(5):
        shutil.rmtree(torn, ignore_errors=True)
        for edition in (1, 2):
            write(torn, edition)
            for _ in range(3):
                ended = run(torn, moments.randrange(taken[edition]))
                killed[edition] += ended.returncode == -9
                assert ended.returncode in (0, -9), ended.stderr
            assert run(torn, 10**6).returncode == 0
        assert index(torn) == expected
    assert killed[1] >= 8 and killed[2] >= 8, killed
