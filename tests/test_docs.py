"""The documents: their links lead somewhere, their commands exist, and every public name is in them."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import shlex
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import UnionType
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

import ragnb
from ragnb.cli import _parser
from tests import names
from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *(ROOT / name for name in ("data/README.md", "notebooks/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
DOCUMENTS = [*PAGES, *NOTEBOOKS]
ids = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]


@cache
def parsed(path: Path) -> list[Token]:
    """All tokens of a page, or of a notebook's prose, inner ones too."""
    text = path.read_text("utf-8")
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [one for token in tokens for one in (token, *(token.children or ()))]


def links(path: Path) -> list[str]:
    found = [str(token.attrGet("href") or token.attrGet("src") or "") for token in parsed(path)]
    html = "".join(token.content for token in parsed(path) if token.type in ("html_block", "html_inline"))
    return [link for link in found if link] + re.findall(r'(?:src|href)="([^"]+)"', html)


def anchors(path: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    tokens = parsed(path)
    headings = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(path: Path) -> list[str]:
    """What stands in code: each span, and each line of a block that is no Python."""
    spans = [token.content for token in parsed(path) if token.type == "code_inline"]
    blocks = [
        token.content
        for token in parsed(path)
        if token.type in ("fence", "code_block") and token.info in ("", "sh", "console")
    ]
    return spans + [line.split("#")[0] for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_links(path):
    """Every relative link and picture is there, and every anchor is a heading of its page."""
    for link in links(path):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            assert parts.scheme in ("https", "http"), link
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        assert target.exists(), f"{link} leads nowhere"
        assert target.is_relative_to(ROOT), f"{link} leaves the repository"
        if parts.fragment:
            assert parts.fragment in anchors(target), f"{link}: no such heading"


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_commands(path):
    """Every test, benchmark, make target and subcommand that is named exists, and `-k` chooses something."""
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
    (subcommands,) = [action.choices for action in _parser()._actions if action.dest == "command"]
    for command in commands(path):
        for file in re.findall(
            r"(?<![\w/.])(?:\.\./)?((?:tests|benchmarks|data|scripts)/[\w./-]*\w)", command
        ):
            assert (ROOT / file).exists() or "*" in command or "FOLDER" in command, f"{command}: no {file}"
        words = _words(command)
        program = Path(words[0]).name if words else ""
        if program == "make" and len(words) == 2:
            assert words[1] in targets, command
        if program == "ragnb" and len(words) > 1 and words[1].isalpha():
            assert words[1] in subcommands, command
        if program == "pytest" and "-k" in words:
            chosen = set(re.findall(r"\w+", words[words.index("-k") + 1])) - {"and", "or", "not"}
            tests = [ROOT / word for word in words[1:] if word.startswith("tests/")]
            files = [
                file for test in tests for file in ([test] if test.is_file() else test.rglob("test_*.py"))
            ]
            text = "".join(file.name + file.read_text("utf-8") for file in files)
            assert all(re.search(rf"def test\w*{word}|test_\w*{word}\w*\.py", text) for word in chosen), (
                command
            )


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a piece of prose or code with one quotation mark
        return []


def test_every_public_name_is_listed():
    """What a package exports is on the page of names, and has a docstring; so has each of its methods."""
    listed = {module: set(found) for part in names.NAMES.values() for module, found in part.items()}
    for package in pkgutil.iter_modules(ragnb.__path__, "ragnb."):
        if package.ispkg:
            exported = getattr(importlib.import_module(package.name), "__all__", [])
            assert set(exported) <= listed.get(package.name, set()), package.name
    assert set(ragnb.__all__) == listed["ragnb"]
    things = {
        f"{module}.{name}": getattr(importlib.import_module(module), name)
        for module, found in listed.items()
        for name in found
    }
    kinds = {path: thing for path, thing in things.items() if not isinstance(thing, UnionType)}
    assert [path for path, thing in kinds.items() if not names.first_sentence(thing)] == []
    # What a protocol (LLM, VectorStore, …) says of a method holds for all that have it.
    methods = {
        (path, method): member for path, thing in kinds.items() for method, member in names.methods(thing)
    }
    agreed = {
        name
        for (path, name), member in methods.items()
        if ".base." in path and names.first_sentence(member)
    }
    assert [
        key for key, member in methods.items() if not names.first_sentence(member) and key[1] not in agreed
    ] == []


def test_the_page_of_names():
    """It is what the docstrings say now."""
    assert names.FILE.read_text("utf-8") == names.page(), "Run: .venv/bin/python -m tests.names"


def test_each_notebook_is_on_the_path():
    """Every notebook stands in the notebooks' README, in its order."""
    linked = [link for link in links(ROOT / "notebooks" / "README.md") if link.endswith(".ipynb")]
    assert list(dict.fromkeys(linked)) == [path.name for path in NOTEBOOKS]


def test_the_first_screen():
    """The README begins with what it is, the two commands, the badge and the picture."""
    first = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:20])
    for shown in (
        "Streaming RAG for notebooks",
        "make demo",
        "make test",
        "mybinder.org/badge_logo.svg",
        "docs/answer.png",
    ):
        assert shown in first
