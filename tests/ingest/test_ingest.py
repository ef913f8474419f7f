"""Documents in: read with true places, cut to size, nothing lost, unchanged files left alone."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb import RAGPipeline
from ragnb.documents import Block, Document
from ragnb.errors import IngestError, InvalidInputError
from ragnb.ingest.chunking import chunk, document_id
from ragnb.ingest.files import find
from ragnb.ingest.loaders import load, loader


def count(texts):
    return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def chunks_of(path, budget=120):
    return [piece for document in load(path) for piece in chunk(document, budget=budget, count=count)]


def words(text):
    return re.findall(r"\w+", text)


@pytest.mark.parametrize("budget", [60, 120, 400])
def test_places_are_true(handbook, budget):
    """Opening the source at a chunk's lines finds the chunk's words there."""
    for path in find([handbook]).files:
        lines = path.read_text().split("\n")
        for piece in chunks_of(path, budget):
            first, last = piece.locator.lines
            there = set(words(re.sub(r"<[^>]+>", " ", "\n".join(lines[first - 1 : last]))))
            header = piece.text.split("\n")[0] if piece.text.startswith(("|", "```")) else ""
            missing = set(words(piece.text)) - set(words(header)) - there
            assert not missing, (path, piece.locator, missing)


@pytest.mark.parametrize("budget", [60, 120, 400])
def test_chunks_fit_and_nothing_is_lost(handbook, budget):
    """No chunk is over the budget, and every word of every block is in some chunk or its headings."""
    for path in find([handbook]).files:
        pieces = chunks_of(path, budget)
        assert all(count([piece.searched_text])[0] <= budget for piece in pieces)
        kept = {word for piece in pieces for word in words(piece.searched_text)}
        for document in load(path):
            for block in document.blocks:
                assert set(words(block.text)) <= kept, block


def test_headings_are_the_path(handbook):
    """A chunk carries the headings above it."""
    found = {piece.locator.heading for piece in chunks_of(handbook / "refunds.md")}
    assert ("Refunds and changes", "What you get back") in found


def test_tables_keep_their_header(tmp_path):
    """A table that is too long for a chunk has its header again in each part."""
    path = tmp_path / "t.md"
    rows = "\n".join(f"| {n} | value number {n} |" for n in range(100))
    path.write_text(f"# T\n\n| key | value |\n| --- | --- |\n{rows}\n")
    pieces = chunks_of(path, 80)
    assert len(pieces) > 5
    assert all(piece.text.startswith("| key | value |\n| --- | --- |\n") for piece in pieces)
    first, _ = pieces[3].locator.lines
    assert pieces[3].text.split("\n")[2] == path.read_text().split("\n")[first - 1]


def test_code_keeps_its_fence(tmp_path):
    """Code that is too long for a chunk is fenced in each part."""
    path = tmp_path / "c.md"
    path.write_text("```py\n" + "\n".join(f"x{n} = {n}" for n in range(100)) + "\n```\n")
    assert all(p.text.startswith("```py\n") and p.text.endswith("\n```") for p in chunks_of(path, 60))


def test_html_without_what_surrounds_it(handbook):
    """Scripts, styles, navigation and footers are not read; tables become Markdown."""
    text = "\n".join(piece.text for piece in chunks_of(handbook / "cabins.html", 400))
    assert "| Sleeper Plus | 1 or 2 | 80 cm | in the cabin | in the cabin |" in text
    for word in ("window.visits", "border-collapse", "Imprint", "the night is on the way"):
        assert word not in text


@pytest.mark.parametrize(
    ("html", "texts"),
    [
        (b"", []),
        (b"<p>caf\xe9", ["café"]),
        (b'<meta charset="utf-8"><p>caf\xc3\xa9', ["café"]),
        (b"<p>one<br>two<p hidden>no<script>no</script><b>bo</b>ld", ["one\ntwo"]),
        (b"<ul><li>a<ul><li>b</ul><li>c</ul>", ["- a\n  - b\n- c"]),
        (b"<ol><li>a<li>b</ol><pre>x\n  y\n</pre>", ["1. a\n2. b", "```\nx\n  y\n```"]),
        (b"<div>a<div>b</div>c</div><img src=x alt=picture>", ["a", "b", "c", "picture"]),
        (b"<dl><dt id=f>f(x)<dd>Doubles.</dl><p>After.", ["f(x)", "Doubles.", "", "After."]),
        (b"<h1>A&amp;B<a class=headerlink>#</a></h1>", ["A&B"]),
        (b"<table><tr><td>a|b<td>c</table>", ["| a\\|b | c |\n| --- | --- |"]),
        (b"<div>" * 1_000 + b"deep", ["deep"]),
    ],
)
def test_html_of_all_kinds(tmp_path, html, texts):
    """Broken, nested, mislabelled and huge HTML is read as a browser would show it."""
    path = tmp_path / "x.html"
    path.write_bytes(html)
    (document,) = load(path)
    found = [block.text for block in document.blocks]
    assert found == texts


@pytest.mark.parametrize(
    "content",
    [
        "Grüße €".encode(),
        b"\xef\xbb\xbf" + "Grüße €".encode(),
        "Grüße €".encode("utf-16"),
        "Grüße €".encode("cp1252"),
    ],
)
def test_text_in_any_encoding(tmp_path, content):
    """UTF-8 with and without a mark, UTF-16 and Windows-1252 are read."""
    path = tmp_path / "x.txt"
    path.write_bytes(content)
    (document,) = load(path)
    assert [block.text for block in document.blocks] == ["Grüße €"]


def test_front_matter_is_metadata(tmp_path):
    """Front matter gives the title and metadata, and the lines stay true."""
    path = tmp_path / "x.md"
    path.write_text("---\ntitle: The title\ndate: 2026-04-01\n---\n# Heading\n\nText.\n")
    (document,) = load(path)
    assert (document.title, document.metadata) == ("The title", {"date": "2026-04-01"})
    assert [(b.text, b.locator.lines) for b in document.blocks] == [("Heading", (5, 5)), ("Text.", (7, 7))]


BLOCKS = st.lists(
    st.builds(
        Block,
        st.text("ab c.\n|-", max_size=120),
        st.sampled_from(["paragraph", "list", "table", "code", "heading"]),
        st.integers(1, 3),
    ),
    max_size=8,
)


@given(BLOCKS, st.integers(40, 90))
def test_any_blocks(blocks, budget):
    """Whatever the blocks, chunks have ids of their own, fit, and keep every word."""
    document = Document(source="x", blocks=blocks)
    pieces = list(chunk(document, budget=budget, count=count))
    assert len({piece.id for piece in pieces}) == len(pieces)
    kept = " ".join(piece.searched_text for piece in pieces)
    for block in blocks:
        assert set("".join(words(block.text))) <= set(kept)


def test_an_added_text_is_one_chunk_as_it_is():
    """A short text without structure is a chunk exactly as given, identified by its content."""
    document = Document("Just so.")
    (piece,) = chunk(document, budget=256, count=count)
    assert (piece.text, piece.title, piece.source) == ("Just so.", "", "")
    assert piece.document == document_id(document) == document_id(Document("Just so."))


# ---- which files ----------------------------------------------------------------------------------


def test_files_folders_and_globs(tmp_path):
    """Paths mean files, whole folders without what is hidden, or globs; none twice."""
    for name in ("a.md", "b/c.txt", "b/.hidden.md", ".git/d.md", "b/e.xyz", "__pycache__/f.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text")
    os.symlink(tmp_path, tmp_path / "b" / "loop")
    found = find([".", "a.md", "b/*.txt", "b/**/*.txt"])
    assert [path.name for path in found.files] == ["a.md", "c.txt"]
    assert found.skipped == [("b/e.xyz", "no loader for .xyz")]
    with pytest.raises(InvalidInputError, match="There is no file"):
        find(["nothing/here"])


def test_a_loader_of_ones_own(tmp_path, monkeypatch):
    """@loader adds a format in a few lines."""
    from ragnb.ingest import loaders

    loaders._load_built_in()
    monkeypatch.setattr(loaders, "_loaders", dict(loaders._loaders))

    @loader(".shout")
    def load_shout(path):
        yield Document(text=path.read_text().upper(), source=path.as_posix())

    (tmp_path / "x.SHOUT").write_text("hello")
    assert [d.text for d in load(tmp_path / "x.SHOUT")] == ["HELLO"]
    with pytest.raises(IngestError, match=r"No loader reads \.xyz"):
        list(load(tmp_path / "x.xyz"))


# ---- the whole way --------------------------------------------------------------------------------


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
