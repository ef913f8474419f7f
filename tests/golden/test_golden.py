"""The golden files are what the package makes of them today."""

from __future__ import annotations

import json

import pytest

from ragnb.answer import Answer
from ragnb.display.static import mimebundle
from tests.golden.logs import LOGS
from tests.golden.make import FOLDER, as_file, as_json, shown


@pytest.mark.parametrize("name", LOGS)
def test_made_again(name):
    """Log and expectation are made again as they are kept: ``python -m tests.golden.make`` renews them."""
    log = as_file(LOGS[name]())
    assert (FOLDER / f"{name}.jsonl").read_bytes() == log
    assert (FOLDER / f"{name}.json").read_text() == as_json(shown(Answer.from_jsonl(log)))


def test_no_file_is_left_over():
    """Every golden file belongs to a log."""
    kept = {path.stem for path in FOLDER.glob("*.json*")} - {"hostile"}
    assert kept == set(LOGS)


@pytest.mark.parametrize("name", LOGS)
def test_read_again(name):
    """Read from its file an answer is the same, to the byte, where its log is whole."""
    log = (FOLDER / f"{name}.jsonl").read_bytes()
    answer = Answer.from_jsonl(log)
    assert answer.notes or answer.to_jsonl() == log
    assert set(mimebundle(answer)) == {"text/html", "text/markdown", "text/plain"}


@pytest.mark.parametrize("name", LOGS)
def test_citations_are_in_place(name):
    """Each quote is a part of its passage, each marker one of the text."""
    expected = json.loads((FOLDER / f"{name}.json").read_text())
    for cited in expected["citations"]:
        for number, quote in zip(cited["numbers"], cited["quotes"], strict=True):
            assert quote in expected["sources"][number - 1]["text"]
        if cited["marker"]:
            assert expected["text"][slice(*cited["marker"])][0] in "[【"
