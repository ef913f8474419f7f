"""The whole way: incremental by content, told document by document."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from ragnb import RAGPipeline
from ragnb.documents import Document
from ragnb.errors import EmptyIndexError, InvalidInputError
from tests.ingest.test_kill import Hashed


def test_incremental(tmp_path, minilm):
    """Unchanged files are left alone, a changed one is replaced, a bad one is told and stops no other."""
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("# A\n\nCats purr.")
    (folder / "b.txt").write_text("Dogs bark.")
    (folder / "bad.txt").write_bytes(b"\0\1\2")
    (folder / "empty.md").write_text("")
    rag = RAGPipeline(llm="extractive", embeddings=minilm, home=tmp_path / "home")
    report = rag.ingest(folder)
    names = [(folder / name).as_posix() for name in ("a.md", "b.txt", "bad.txt", "empty.md")]
    assert (report.added, report.failed, report.skipped, report.chunks) == (
        names[:2],
        [(names[2], "It is a binary file, not text.")],
        [(names[3], "there is no text in it")],
        2,
    )
    assert rag.ingest(folder).unchanged == names[:2]
    (folder / "a.md").write_text("# A\n\nCats meow.")
    report = rag.ingest(folder)
    assert (report.changed, report.unchanged) == (names[:1], names[1:2])
    assert "meow" in rag.query("What do cats do?")
    assert "purr" not in rag.query("What do cats do?")
    assert "1 changed" in str(report)
    assert "binary" in report._repr_html_()
    rag.close()

    again = RAGPipeline(llm="extractive", embeddings=minilm, home=tmp_path / "home")
    assert again.ingest(folder).unchanged == names[:2]
    again.close()


def test_token_vectors_leave_with_their_passage(minilm, tmp_path):
    """What a changed, removed or vanished file no longer says has no token vectors; what it still says, or
    says under another name, keeps them."""
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.txt").write_text(f"Text {name} of the train.")
    rag = RAGPipeline(llm="extractive", embeddings=minilm, home=tmp_path / "home", contextual=False)

    def kept():
        texts = [f"Text {name} of the train." for name in ("a", "b", "c", "new")]
        return [text.split()[1] for text in texts if text in rag.embeddings.token_vectors(texts)]

    rag.ingest(folder)
    assert kept() == ["a", "b", "c"]
    (folder / "a.txt").write_text("Text new of the train.")
    (folder / "b.txt").rename(folder / "moved.txt")
    (folder / "c.txt").unlink()
    rag.ingest(folder)
    assert kept() == ["b", "new"]
    rag.remove(folder / "moved.txt")
    assert kept() == ["new"]
    rag.close()


def test_an_index_gets_its_token_vectors(minilm, tmp_path):
    """Where an index was made without token vectors, the next ingest makes those of all its passages."""
    folder = tmp_path / "docs"
    folder.mkdir()
    texts = [f"Text {name} of the train." for name in "abc"]
    for text in texts:
        (folder / f"{text.split()[1]}.txt").write_text(text)
    options = {"llm": "extractive", "embeddings": minilm, "home": tmp_path / "home", "contextual": False}
    before = RAGPipeline(**options, reranker="none")
    before.ingest(folder)
    before.close()
    rag = RAGPipeline(**options)
    assert rag.embeddings.token_vectors(texts) == {}
    report = rag.ingest(folder / "a.txt")
    assert (len(report.unchanged), report.chunks) == (1, 0)
    assert rag.embeddings.token_vectors(texts).keys() == set(texts)
    assert not rag.embeddings.mostly_without_tokens(len(texts))
    rag.close()


def test_the_same_text_is_there_once(minilm):
    """Adding a text again changes nothing."""
    rag = RAGPipeline(llm="extractive", embeddings=minilm, home=None)
    rag.add(["one thing", "another thing", "one thing"])
    assert rag.add("one thing").unchanged
    assert len(rag.vectorstore) == 2


@pytest.mark.parametrize("given", [[3], [None], [b"x"]])
def test_what_is_no_text_is_refused(minilm, given):
    """add() takes texts and Documents alone, and says so."""
    with pytest.raises(InvalidInputError, match="not a text"):
        RAGPipeline(llm="extractive", embeddings=minilm, home=None).add(given)


def test_an_emptied_file_leaves_the_index(tmp_path, minilm):
    """A file that has no text any more is not found any more."""
    path = tmp_path / "a.md"
    path.write_text("Cats purr.")
    rag = RAGPipeline(llm="extractive", embeddings=minilm, home=None)
    rag.ingest(path)
    path.write_text("")
    assert rag.ingest(path).skipped
    assert len(rag.vectorstore) == 0


def test_half_a_character(minilm):
    """A lone surrogate in a text is told; in a question it is replaced."""
    rag = RAGPipeline(llm="extractive", embeddings=minilm, home=None)
    with pytest.raises(InvalidInputError, match="half of a character"):
        rag.add("broken \ud800 text")
    rag.add("Cats purr.")
    assert rag.query("Do cats purr \ud800?").startswith("Cats purr.")


@pytest.fixture
def folder(tmp_path):
    """Three small documents."""
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "cats.md").write_text("# Cats\n\nCats purr.\n\n## Food\n\nCats eat fish.")
    (folder / "dogs.txt").write_text("Dogs bark.")
    (folder / "birds.md").write_text("# Birds\n\nBirds sing.")
    return folder


@pytest.fixture
def rag(tmp_path, minilm):
    """A pipeline with a home."""
    rag = RAGPipeline(llm="extractive", embeddings=minilm, home=tmp_path / "home")
    yield rag
    rag.close()


def names(*files):
    return [file.as_posix() for file in files]


def test_what_is_gone_leaves_the_index(rag, folder):
    """A deleted file is removed when its folder, a glob that meant it, or it itself is ingested again."""
    rag.ingest(folder)
    (folder / "dogs.txt").unlink()
    assert rag.ingest(folder / "*.md").removed == []
    assert rag.ingest(folder / "*.txt").removed == ["docs/dogs.txt"]
    (folder / "birds.md").unlink()
    assert rag.ingest(folder / "birds.md").removed == ["docs/birds.md"]
    (folder / "cats.md").unlink()
    assert rag.ingest(folder).removed == ["docs/cats.md"]
    assert len(rag.vectorstore) == 0
    with pytest.raises(InvalidInputError, match="There is no file"):
        rag.ingest(folder / "birds.md")


def test_what_is_elsewhere_stays(rag, folder, tmp_path):
    """Ingesting one folder takes nothing out that belongs to another, nor what was given as a text."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.md").write_text("Foxes run.")
    rag.ingest(folder, other)
    rag.add([Document("Owls hoot.", source="docs/owls.md")])
    (other / "x.md").unlink()
    assert rag.ingest(folder).removed == []
    assert len(rag.documents()) == 5


@pytest.mark.parametrize("target", ["pets/cats.md", "felines.md", "hounds.txt"])
def test_a_moved_file_keeps_its_embeddings(rag, folder, target):
    """Moved or renamed, nothing is embedded again, and the new place is what is cited."""
    rag.ingest(folder)
    source = folder / ("dogs.txt" if target.endswith("txt") else "cats.md")
    (folder / target).parent.mkdir(exist_ok=True)
    source.rename(folder / target)
    misses = rag.embeddings.misses
    report = rag.ingest(folder)
    assert (report.moved, report.removed, rag.embeddings.misses) == (names(folder / target), [], misses)
    assert len(rag.documents()) == 3
    assert {one.source for one in rag.documents()} >= set(names(folder / target))
    assert rag.ingest(folder).unchanged == names(*sorted(p for p in folder.rglob("*.*")))


def test_a_file_has_one_name(rag, folder, monkeypatch):
    """The same folder, given as another path or from elsewhere, is the same documents."""
    rag.ingest(folder)
    monkeypatch.chdir(folder)
    assert len(rag.ingest(".").unchanged) == 3
    assert len(rag.ingest("../docs/cats.md").unchanged) == 1
    assert len(rag.documents()) == 3


def test_the_whole_project_moves(folder, tmp_path, minilm):
    """A project that is moved with its home has nothing to do."""
    rag = RAGPipeline(llm="extractive", embeddings=minilm, home=tmp_path / "home")
    rag.ingest(folder)
    rag.close()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("docs", "home"):
        (tmp_path / name).rename(elsewhere / name)
    again = RAGPipeline(llm="extractive", embeddings=minilm, home=elsewhere / "home")
    assert len(again.ingest(elsewhere / "docs").unchanged) == 3
    again.close()


def test_documents_are_listed_and_removed(rag, folder):
    """documents() names what is in, with its metadata; remove() takes files, folders and sources out."""
    rag.ingest(folder)
    rag.add(Document("Owls hoot at night.", source="owl", title="Owls", metadata={"year": 2024}))
    listed = {one.source: one for one in rag.documents()}
    assert (listed["owl"].title, listed["owl"].metadata) == ("Owls", {"year": 2024})
    assert (listed[(folder / "cats.md").as_posix()].chunks) == 2
    assert "Owls" in str(rag.documents()) and "<table>" in rag.documents()._repr_html_()
    with pytest.raises(InvalidInputError, match="No document in the index"):
        rag.remove("owl", "nothing")
    assert rag.remove("owl").removed == ["owl"]
    assert rag.remove(folder / "cats.md").removed == names(folder / "cats.md")
    assert sorted(rag.remove(folder).removed) == names(folder / "birds.md", folder / "dogs.txt")
    assert str(rag.documents()) == "No documents."


def test_a_passage_in_its_surroundings(rag, tmp_path):
    """The neighbours of a passage are those of its own document, in order."""
    text = "\n\n".join(f"## Part {n}\n\nText number {n}." for n in range(9))
    (tmp_path / "a.md").write_text("# A\n\n" + text)
    (tmp_path / "b.md").write_text("# B\n\nOther text.")
    rag.ingest(tmp_path / "a.md", tmp_path / "b.md")
    answer = rag.start("What is text number 4?")
    answer.wait()
    hit = next(hit for hit in answer.candidates if "number 4" in hit.chunk.text)
    assert [c.text for c in rag.surroundings(hit)] == [f"Text number {n}." for n in (3, 4, 5)]
    first = rag.surroundings(hit, before=100, after=0)
    assert [c.text for c in first] == [f"Text number {n}." for n in range(5)]


def test_where(rag, tmp_path):
    """Only documents whose metadata fits are searched; a filter that means nothing is told at once."""
    for year in (2023, 2024, 2025):
        (tmp_path / f"{year}.md").write_text(f"---\ndate: {year}-05-01\n---\nThe fee was {year} euros.")
    rag.ingest(tmp_path / "20*.md")
    answer = rag.start("What was the fee?", where={"year": {"gte": 2024}, "format": "md"})
    answer.wait()
    assert {hit.chunk.metadata["year"] for hit in answer.candidates} == {2024, 2025}
    assert answer.events[0].where == {"year": {"gte": 2024}, "format": "md"}
    assert rag.query("What was the fee?", where={"date": {"lt": "2024-01-01"}}).startswith(
        "The fee was 2023"
    )
    with pytest.raises(InvalidInputError):
        rag.ask("What was the fee?", where={"year": {"about": 2024}})
    with pytest.raises(EmptyIndexError, match="No passage fits where="):
        rag.query("What was the fee?", where={"year": 1999})


def test_without_its_context(folder, minilm):
    """contextual=False embeds and indexes the text of a chunk alone."""
    rag = RAGPipeline(llm="extractive", embeddings=minilm, home=None, contextual=False)
    rag.ingest(folder / "cats.md")
    (name,) = rag.vectorstore.documents()
    assert [chunk.searched_text for chunk in rag.vectorstore.chunks(name)] == [
        "Cats purr.",
        "Cats eat fish.",
    ]


def test_moving_to_another_store(rag, folder):
    """move() copies the index without embedding anything, and is used from then on."""
    rag.ingest(folder)
    misses = rag.embeddings.misses
    assert rag.move("memory") == 3
    assert type(rag.vectorstore).__name__ == "InMemoryVectorStore"
    assert rag.query("What do cats eat?").startswith("Cats eat fish.")
    assert rag.embeddings.misses - misses == 0 or rag.ingest(folder).unchanged
    assert len(rag.ingest(folder).unchanged) == 3


def test_an_interrupt_keeps_what_is_done(tmp_path, minilm):
    """Cancelled in the middle, an ingest stops; the next one goes on and ends as an undisturbed one."""

    class Slow:
        """The model, which asks for a stop after so many batches."""

        def __init__(self, inner):
            self.inner, self.calls = inner, 0

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def embed_documents(self, texts):
            self.calls += 1
            if self.calls == 2:
                loop.call_soon_threadsafe(task.cancel)
                assert stopped.wait(30)
            return self.inner.embed_documents(texts)

    folder = tmp_path / "docs"
    folder.mkdir()
    for n in range(300):
        (folder / f"{n}.md").write_text(f"# Document {n}\n\nIt says {n}.")

    async def interrupted():
        nonlocal loop, task
        loop = asyncio.get_running_loop()
        task = loop.create_task(rag.aingest(folder))
        task.add_done_callback(lambda _: stopped.set())
        with pytest.raises(asyncio.CancelledError):
            await task

    loop = task = None
    stopped = threading.Event()
    rag = RAGPipeline(llm="extractive", embeddings=Slow(minilm), reranker="none", home=tmp_path / "home")
    asyncio.run(interrupted())
    kept = len(rag.documents())
    assert kept < 192
    report = rag.ingest(folder)
    assert (len(report.added), report.cache_hits) == (300 - kept, 192 - kept)
    rag.close()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system binds no threads to cores")
def test_at_most_the_cores_it_is_told(folder):
    """Reading and embedding stay on so many cores; the thread has its own again after it."""
    seen = []

    class Watched(Hashed):
        def embed_documents(self, texts):
            seen.append(len(os.sched_getaffinity(0)))
            return super().embed_documents(texts)

    before = os.sched_getaffinity(0)
    rag = RAGPipeline(llm="extractive", embeddings=Watched(), home=None, cores=1)
    rag.ingest(folder)
    assert seen == [1] and os.sched_getaffinity(0) == before


def test_a_number_of_cores(minilm):
    """The number of cores is checked, and named in the sentence."""
    with pytest.raises(InvalidInputError, match="cores=0"):
        RAGPipeline(llm="extractive", embeddings=minilm, home=None, cores=0)
