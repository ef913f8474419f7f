"""JSON Lines and JSON files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb.documents import Block
from ragnb.errors import IngestError
from ragnb.ingest.chunking import chunk
from ragnb.ingest.formats.jsonl import load_json, load_json_lines


def lines(path: Path, content: str) -> list[Block]:
    path.write_text(content, encoding="utf-8")
    [document] = load_json_lines(path)
    return list(document.blocks)


def values(path: Path, value: Any) -> list[Block]:
    path.write_text(json.dumps(value), encoding="utf-8")
    [document] = load_json(path)
    return list(document.blocks)


def texts(blocks: list[Block]) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in blocks]


def test_locators_are_true(tmp_path: Path) -> None:
    """Every field and sentence of every chunk stands in a line that its locator names."""
    path = tmp_path / "a.jsonl"
    with path.open("w") as file:
        for n in range(40):
            record = {"id": n, "text": f"Record {n} says a lot. " + f"It says it {n} times over. " * 12}
            file.write(json.dumps(record if n % 3 else {**record, "title": f"Title {n}"}) + "\n")
            if n % 5 == 0:
                file.write("\nno json\n")
    written = path.read_text().splitlines()
    [document] = load_json_lines(path)
    found = list(chunk(document, name="a", budget=50, count=lambda texts: [len(t.split()) for t in texts]))
    assert len(found) > 40
    for one in found:
        first, last = one.locator.rows or (0, 0)
        records = [json.loads(line) for line in written[first - 1 : last] if line.startswith("{")]
        for part in one.text.split("\n\n"):
            if part.startswith("id: "):
                assert part in [f"id: {record['id']}" for record in records]
            else:
                assert any(part in record["text"] for record in records)
        assert not one.locator.heading or one.locator.heading == (records[0]["title"],)


def test_a_record_is_its_title_its_fields_and_its_text(tmp_path: Path) -> None:
    """Nested keys have dots, lists are joined, nothing is written for null."""
    record = {
        "title": "Dogs",
        "text": "Dogs\ntravel.",
        "tags": ["a", 1],
        "by": {"name": "Åse", "at": None, "ok": True},
    }
    assert texts(lines(tmp_path / "a.jsonl", json.dumps(record))) == [
        ("heading", "Dogs"),
        ("list", "tags: a, 1\nby.name: Åse\nby.ok: true"),
        ("paragraph", "Dogs\ntravel."),
    ]


def test_lists_of_records_are_counted(tmp_path: Path) -> None:
    """As in the messages of a conversation."""
    record = {"messages": [{"role": "user", "content": "Hi"}, {"role": "bot", "content": "Ho"}]}
    [block] = lines(tmp_path / "a.jsonl", json.dumps(record))
    assert block.text.splitlines()[2:] == ["messages.2.role: bot", "messages.2.content: Ho"]


def test_a_record_without_title_is_not_under_the_one_before(tmp_path: Path) -> None:
    """Its chunk has no heading of another record."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"title": "Dogs", "n": 1}\n{"n": 2}\n')
    [document] = load_json_lines(path)
    found = chunk(document, name="a", budget=50, count=lambda texts: [len(t.split()) for t in texts])
    assert [(one.locator.heading, one.text) for one in found] == [(("Dogs",), "n: 1"), ((), "n: 2")]


def test_bad_lines_are_left_out(tmp_path: Path) -> None:
    """The others keep their numbers."""
    [block] = lines(tmp_path / "a.ndjson", '\n{"a": 1\n{"a": 2}\n')
    assert (block.text, block.locator.rows) == ("a: 2", (3, 3))


def test_a_file_of_bad_lines_is_told(tmp_path: Path) -> None:
    """The error names the first of them."""
    with pytest.raises(IngestError, match="line 2"):
        lines(tmp_path / "a.jsonl", "\nhello\nworld\n")


def test_a_list_has_places(tmp_path: Path) -> None:
    """``rows`` is the place in the list."""
    found = values(tmp_path / "a.json", [{"a": 1}, "text", {"b": [1.5, 2]}])
    assert [(b.text, b.locator.rows) for b in found] == [
        ("a: 1", (1, 1)),
        ("text", (2, 2)),
        ("b: 1.5, 2", (3, 3)),
    ]


def test_an_object_is_its_fields(tmp_path: Path) -> None:
    """A block for the plain ones, and one for each that holds more."""
    found = values(tmp_path / "a.json", {"name": "x", "needs": {"a": "1"}, "of": [{"k": 1}]})
    assert texts(found) == [("list", "name: x"), ("list", "needs.a: 1"), ("list", "of.1.k: 1")]


def test_the_title_of_an_object_is_the_documents(tmp_path: Path) -> None:
    """Else the file's name."""
    for name, content, title in (
        ("a.json", {"title": "Fares"}, "Fares"),
        ("night_trains.json", {"a": 1}, "Night trains"),
    ):
        (tmp_path / name).write_text(json.dumps(content))
        assert next(iter(load_json(tmp_path / name))).title == title


@pytest.mark.parametrize("content", ['{"a": ', "[" * 100_000, "hello", "[" + "9" * 5000 + "]"])
def test_what_is_no_json_is_told(tmp_path: Path, content: str) -> None:
    """Cut short, nested without end, no JSON, or with numbers beyond reading."""
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(IngestError):
        list(load_json(tmp_path / "a.json"))


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    """A NUL byte is no text."""
    (tmp_path / "a.jsonl").write_bytes(b'{"a": 1}\n\0')
    with pytest.raises(IngestError, match="binary"):
        list(load_json_lines(tmp_path / "a.jsonl"))


def test_deep_values_are_read_without_recursion(tmp_path: Path) -> None:
    """As deep as the parser goes."""
    depth = sys.getrecursionlimit() // 4
    [block] = values(tmp_path / "a.json", json.loads('{"a":' * depth + "1" + "}" * depth))
    assert block.text == ".".join("a" * depth) + ": 1"


json_values = st.recursive(
    st.integers() | st.booleans() | st.text("abc é", min_size=1, max_size=5).map(lambda t: f"w{t}w"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("klm", min_size=1, max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [" ".join(value.split()) if isinstance(value, str) else json.dumps(value)]


@given(
    st.lists(
        st.dictionaries(st.text("klm", min_size=1, max_size=3), json_values, min_size=1),
        min_size=1,
        max_size=20,
    )
)
def test_every_value_is_read_in_its_line(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]]
) -> None:
    """Each value once, in order, under the number of its line."""
    path = tmp_path_factory.mktemp("json") / "a.jsonl"
    found = lines(path, "".join(f"{json.dumps(record)}\n" for record in records))
    for number, record in enumerate(records, start=1):
        text = "\n".join(block.text for block in found if block.locator.rows == (number, number))
        read = [part for line in text.splitlines() for part in line.partition(": ")[2].split(", ")]
        assert read == leaves(record) or not text
        assert bool(text) == bool(leaves(record))
