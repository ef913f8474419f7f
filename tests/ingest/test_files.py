"""Which files are meant, and who reads them."""

from __future__ import annotations

import os

import pytest

from ragnb.documents import Document
from ragnb.errors import IngestError, InvalidInputError
from ragnb.ingest.files import find, means
from ragnb.ingest.loaders import load, loader


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


def test_patterns_leave_out(tmp_path):
    """A .gitignore or .ragnbignore in a folder, and patterns that are given, leave files out as git does."""
    for name in ("a.md", "drafts/b.md", "c.tmp.md", "keep.tmp.md", "sub/d.md", "sub/secret.md", "sub/e.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text")
    (tmp_path / ".gitignore").write_text("drafts/\n*.tmp.md\n!keep.tmp.md\n")
    (tmp_path / "sub" / ".ragnbignore").write_text("/secret.md\n")
    found = find(["."], ["e.md"])
    assert [path.as_posix() for path in found.files] == ["a.md", "keep.tmp.md", "sub/d.md"]
    assert dict(found.skipped) == {
        "drafts/": "ignored by .gitignore",
        "c.tmp.md": "ignored by .gitignore",
        "sub/e.md": "ignored by ignore=",
        "sub/secret.md": "ignored by .ragnbignore",
    }


def test_links_and_loops(tmp_path):
    """A loop of links ends, a link to nothing is told, a file under two names is read once."""
    (tmp_path / "a.md").write_text("text")
    os.symlink("a.md", tmp_path / "b.md")
    os.symlink("nowhere.md", tmp_path / "c.md")
    os.symlink("e.md", tmp_path / "d.md")
    os.symlink("d.md", tmp_path / "e.md")
    os.symlink(".", tmp_path / "self")
    found = find(["."])
    assert [path.name for path in found.files] == ["a.md"]
    assert [name for name, _ in found.skipped] == ["c.md", "d.md", "e.md"]
    assert find(["c.md"]).skipped == [("c.md", "it is a link to nothing")]


@pytest.mark.parametrize(
    ("given", "file", "meant"),
    [
        ("/a", "/a/b.md", True),
        ("/a", "/ab/b.md", False),
        ("/a/b.md", "/a/b.md", True),
        ("/a/*.md", "/a/b.md", True),
        ("/a/*.md", "/a/c/b.md", False),
        ("/a/**/*.md", "/a/b.md", True),
        ("/a/**/*.md", "/a/c/d/b.md", True),
        ("/a/**/*.md", "/a/c/d/b.txt", False),
    ],
)
def test_what_a_path_would_mean(given, file, meant):
    """Whether a file that is gone was meant by a folder or a glob."""
    assert means(given, file) is meant
