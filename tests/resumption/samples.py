"""Journals with answers in them, and what tests do to them."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from ragnb.answer import Answer
from ragnb.events import AnyEvent, Finished, Started, Token, Used, to_json
from ragnb.resumption.journal import Journal
from tests.conftest import ROOT

END = Finished(reason="stop")


def started(number: int = 1, key: str = "", question: str = "Why?") -> Started:
    """The first event; answers sort by their number."""
    return Started(answer_id=f"20261121-101500-{number:06}-abcd", question=question, k=5, key=key)


def written(journal: Journal, number: int = 1, key: str = "", *, end: bool = True) -> Answer:
    """An answer in the journal: Hello and its price, with or without its end."""
    answer = journal.begin(started(number, key))
    for event in (
        Token(text="Hel"),
        Token(text="lo"),
        Used(model="m", input_tokens=7, output_tokens=2, cost=0.25),
    ):
        answer.append(event)
    if end:
        answer.append(END)
    return answer


def left(journal: Journal, number: int = 1, key: str = "") -> str:
    """An answer without an end, whose writer is gone; its id."""
    return written(journal, number, key, end=False).id  # nobody holds it, so its file is let go of


def broken_off(journal: Journal, events: Sequence[AnyEvent], number: int = 1, key: str = "") -> str:
    """An answer whose process ended after these events; its id."""
    first = started(number)
    lines = [replace(events[0], answer_id=first.answer_id, key=key), *events[1:]]
    path(journal, first.answer_id).write_bytes(b"".join(to_json(event) + b"\n" for event in lines))
    return first.answer_id


def path(journal: Journal, answer_id: str) -> Path:
    return journal.folder / f"{answer_id}.jsonl"


@contextmanager
def no_room_beyond(size: int) -> Iterator[None]:
    """No file of this process grows beyond a size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def elsewhere(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs a script; it is met when it has printed a line, and ends with its input."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import sys\n{script}\nprint('there', flush=True)\nsys.stdin.read()",
            *arguments,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdin and process.stdout
    with process:
        try:
            assert process.stdout.readline() == "there\n"
            yield process
        finally:
            process.kill()
