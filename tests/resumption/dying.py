"""A process that dies in the middle of an answer: ``python -m tests.resumption.dying URL``.

It makes ready what all answers need, and forks for each line of its input, which says how to answer, where the
journal is, the answer's key, where to write what a reader is shown, and when to die: the fork is what dies. It
says how the fork ended.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import anthropic  # noqa: F401  before the fork
import openai  # noqa: F401

from ragnb import RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.events import to_json
from ragnb.llms.anthropic import AnthropicLLM
from ragnb.llms.base import LLM
from ragnb.llms.openai import OpenAILLM
from ragnb.resumption import logfile

PLACES = ("shown", "before", "half", "written")  # when, about the writing of one event


def model(way: str, url: str) -> LLM:
    """A model that is gone on with in this way."""
    if way == "prefill":
        return AnthropicLLM("claude-haiku-4-5", base_url=url.removesuffix("/v1"), api_key="test")
    if way == "cursor":
        return OpenAILLM("m", base_url=url, api_key="test", api="responses", background=True)
    return OpenAILLM(
        "m", base_url=url, api_key="test", continuation="exact" if way == "exact" else "instruction"
    )


def pipeline(way: str, url: str, home: Path) -> RAGPipeline:
    rag = RAGPipeline(model(way, url), OpenAIEmbeddings(base_url=url, api_key="test"), "memory", home=home)
    rag.add("A text.")
    return rag


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def answer(way: str, url: str, home: Path, key: str, seen: Path, place: str, moment: int) -> None:
    """Show an answer, event by event, until it is time."""
    rag = pipeline(way, url, home)
    write, written = os.write, 0

    def torn(file: int, line: bytes) -> int:
        nonlocal written
        written += 1
        if written <= moment:
            return write(file, line)
        if place == "half":
            write(file, line[: len(line) // 2])
        elif place == "written":
            write(file, line)
        die()

    if place != "shown":
        logfile.os = type("Torn", (), {**vars(os), "write": staticmethod(torn)})
    shown = os.open(seen, os.O_WRONLY | os.O_CREAT)
    for event in rag.events("How?", key=key):
        os.write(shown, to_json(event) + b"\n")
        if place == "shown" and event.seq == moment:
            die()


if __name__ == "__main__":
    for line in sys.stdin:
        way, home, key, seen, place, moment = line.split()
        child = os.fork()
        if not child:
            answer(way, sys.argv[1], Path(home), key, Path(seen), place, int(moment))
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
