"""Source code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ragnb.ingest
from ragnb.documents import Block, Document
from ragnb.errors import IngestError
from ragnb.ingest.chunking import chunk
from ragnb.ingest.formats.code import load_code

SOURCES = sorted(Path(ragnb.ingest.__path__[0]).parent.rglob("*.py"))


def load(path: Path, content: str) -> tuple[Document, list[Block]]:
    path.write_text(content, encoding="utf-8")
    [document] = load_code(path)
    return document, list(document.blocks)


def outline(blocks: list[Block]) -> list[tuple[str, int]]:
    return [(block.text, block.level) for block in blocks if block.kind == "heading"]


@pytest.mark.parametrize("path", SOURCES[::4], ids=lambda path: path.stem)
def test_locators_are_true(path: Path) -> None:
    """Every chunk of this package's own modules is what its lines are, under the definition they are in."""
    written = path.read_text().split("\n")
    starts = {node.name: node.lineno for node in ast.parse(path.read_text()).body if hasattr(node, "name")}
    [document] = load_code(path)
    for one in chunk(document, name="a", budget=60, count=lambda texts: [len(t.split()) for t in texts]):
        first, last = one.locator.lines or (0, 0)
        within = "\n".join(written[first - 1 : last])
        assert "".join(one.text.split()) in "".join(within.split())
        if one.locator.heading:
            assert starts[one.locator.heading[0].split()[1]] <= last


def test_python_is_cut_at_its_definitions(tmp_path: Path) -> None:
    """With decorators and the comments above them; what follows a definition is not under it."""
    document, found = load(
        tmp_path / "dogs.py",
        '"""Dogs."""\nimport os\n\n# A dog.\n@frozen\nclass Dog(Pet):\n    """One."""\n\n    @property\n    def name(self):\n'
        '        return "\\d"\n\n    age = 3\n\n\nasync def walk():\n    pass\n\n\nwalk()\n',
    )
    assert (document.title, document.metadata) == ("dogs.py", {"language": "Python"})
    assert outline(found) == [("class Dog", 1), ("Dog.name", 2), ("class Dog", 1), ("def walk", 1), ("", 1)]
    assert [block.text.split("\n")[0] for block in found if block.kind == "code"] == [
        '"""Dogs."""',
        "# A dog.",
        "    @property",
        "    age = 3",
        "async def walk():",
        "walk()",
    ]


def test_python_with_a_mistake_is_read_all_the_same(tmp_path: Path) -> None:
    """By its margin."""
    _, found = load(tmp_path / "a.py", "print 'old'\n\ndef walk():\n    pass\n")
    assert outline(found) == [("def walk", 1)]


@pytest.mark.parametrize(
    ("name", "line", "heading"),
    [
        ("a.go", "func (d *Dog) Walk(far int) error {", "func Walk"),
        ("a.rs", "pub(crate) async fn walk<T>(far: T) {", "fn walk"),
        ("a.rs", "impl<T> Display for Dog<T> {", "impl Display for Dog"),
        ("a.ts", "export default class Dog<T> extends Pet {", "class Dog"),
        ("a.js", "export const walk = async (far) => {", "walk"),
        ("a.java", "public final class Dog {", "class Dog"),
        ("a.c", "static int walk(int far) {", "walk"),
        ("a.cpp", "void Dog::walk(int far)\n{", "Dog::walk"),
        ("a.c", "static int\nwalk(int far)\n{", "walk"),
        ("a.rb", "module Pets", "module Pets"),
        ("a.php", "abstract class Dog {", "class Dog"),
        ("a.kt", "fun walk(far: Int) {", "fun walk"),
        ("a.swift", "protocol Pet {", "protocol Pet"),
        ("a.sh", "walk() {", "walk"),
        ("a.sql", "CREATE OR REPLACE VIEW dogs AS", "view dogs"),
        ("a.r", "walk <- function(far) {", "walk"),
        ("a.lua", "function Dog.walk(far)", "function Dog.walk"),
        ("a.pl", "sub walk {", "sub walk"),
        ("a.toml", "[tool.dogs]", "[tool.dogs]"),
        ("a.tex", "\\section{Dogs}", "Dogs"),
    ],
)
def test_definitions_of_other_languages(tmp_path: Path, name: str, line: str, heading: str) -> None:
    """A definition at the margin after a blank line is a heading; the comment above it goes with it."""
    comment = {"a.tex": "% about", "a.sql": "-- about", "a.lua": "-- about"}.get(
        name, "# about" if name[2:] in ("rb", "sh", "r", "pl", "toml") else "// about"
    )
    _, found = load(tmp_path / name, f"first\n\n{comment}\n{line}\n  body\n\n  more\n\nlast\n")
    assert outline(found) == [(heading, 1), ("", 1)]
    [_, definition, _] = [block for block in found if block.kind == "code"]
    assert definition.text == f"{comment}\n{line}\n  body\n\n  more"


def test_data_has_no_headings(tmp_path: Path) -> None:
    """YAML and its like are cut at blank lines only."""
    _, found = load(tmp_path / "a.yaml", "type: dog\nname: x\n\nclass: pet\n")
    assert [(block.kind, block.locator.lines) for block in found] == [("code", (1, 2)), ("code", (4, 4))]


def test_minified_code_is_refused(tmp_path: Path) -> None:
    """Nobody reads it."""
    with pytest.raises(IngestError, match="minified"):
        load(tmp_path / "a.js", "a=1;" * 2000)


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    """Whatever its suffix."""
    (tmp_path / "a.py").write_bytes(b"\x7fELF\0\0\0" * 100)
    with pytest.raises(IngestError, match="binary"):
        list(load_code(tmp_path / "a.py"))


lines = st.sampled_from(
    [
        "",
        "",
        "def f():",
        "class A:",
        "    x = 1",
        "    def m(self):",
        "        pass",
        "# about",
        "@dec",
        "func f() {",
        "}",
        "'''",
        "x = 1",
        "\t",
        "/* a",
        "type T struct {",
    ]
)


@given(st.lists(lines, max_size=40), st.sampled_from([".py", ".go", ".c", ".yaml"]))
def test_blocks_are_the_files_lines(
    tmp_path_factory: pytest.TempPathFactory, written: list[str], suffix: str
) -> None:
    """Every line that is not blank is in exactly one block, and the block is these lines, in order."""
    _, found = load(tmp_path_factory.mktemp("code") / f"a{suffix}", "\n".join(written))
    covered: list[int] = []
    for block in found:
        first, last = block.locator.lines or (0, 0)
        if block.kind == "code":
            assert block.text == "\n".join(written[first - 1 : last])
            covered.extend(range(first, last + 1))
    assert covered == sorted(set(covered))
    assert {n for n, line in enumerate(written, start=1) if line.strip()} <= set(covered)
