"""A process whose forks report until they are killed: ``python -m tests.reports.dying URL QUESTIONS``.

For each line of its input it forks, with the home and the moment to die at: the number of the write into the
journal, or of the files of the report, before, in the middle of, or after which the fork kills itself.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import openai  # noqa: F401  before the fork

from ragnb import Document, RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.reports import files
from ragnb.resumption import logfile

COUNT = 30
WORDS = (
    "berth",
    "kettle",
    "signal",
    "viaduct",
    "lantern",
    "pillow",
    "timetable",
    "conductor",
    "harbour",
    "snowplough",
)
PLACES = ("before", "half", "written")
RUN = "nightly"


def documents() -> list[Document]:
    return [
        Document(f"The {_thing(n)} has the number {n * 7}. It is not the only one.", source=f"{n}.md")
        for n in range(COUNT)
    ]


def questions() -> list[dict[str, str]]:
    return [{"id": f"q{n}", "question": f"Which number has the {_thing(n)}?"} for n in range(COUNT)]


def _thing(n: int) -> str:
    return f"{WORDS[n % 10]} of line {WORDS[n // 10]}"


def pipeline(url: str, home: Path) -> RAGPipeline:
    rag = RAGPipeline(
        OpenAILLM("gpt-4o-mini", base_url=url, api_key="test"),
        OpenAIEmbeddings(base_url=url, api_key="test"),
        "memory",
        home=home,
    )
    rag.add(documents())
    return rag


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def report(url: str, file: Path, home: Path, place: str, moment: int) -> None:
    """Report, until it is time."""
    done = 0

    def at_its_moment(write: Any) -> Any:
        def write_or_die(*given: Any) -> Any:
            nonlocal done
            done += 1
            if done < moment:
                return write(*given)
            if place == "half" and isinstance(given[1], bytes):
                write(given[0], given[1][: len(given[1]) // 2])
            elif place == "written":
                write(*given)
            die()

        return write_or_die

    rag = pipeline(url, home)
    logfile.os = type("Torn", (), {**vars(os), "write": staticmethod(at_its_moment(os.write))})
    files.os = type("Torn", (), {**vars(os), "replace": staticmethod(at_its_moment(os.replace))})
    rag.report(file, run=RUN, output=home / "out", concurrency=4)


if __name__ == "__main__":
    for line in sys.stdin:
        home, place, moment = line.split()
        child = os.fork()
        if not child:
            os.close(1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            report(sys.argv[1], Path(sys.argv[2]), Path(home), place, int(moment))
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
