"""``ragnb ingest PATH…`` and ``ragnb ask "…"``: the same engine in a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ragnb import __version__
from ragnb.display import terminal
from ragnb.errors import RagnbError
from ragnb.pipeline import RAGPipeline


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 if it did what was asked, 1 if not."""
    asked = _parser().parse_args(arguments)
    try:
        rag = RAGPipeline(llm=getattr(asked, "llm", None), home=asked.home)
        if asked.command == "ingest":
            report = rag.ingest(*asked.paths)
            print(report)
            return 1 if report.failed else 0
        answer = rag.start(asked.question, k=asked.k)
        terminal.show(answer, sys.stdout)
        return 0 if answer.status == "finished" else 1
    except RagnbError as error:
        print(f"ragnb: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ragnb: interrupted; what was done is kept.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ragnb", description="Ask questions of your documents; every claim is cited."
    )
    parser.add_argument("--version", action="version", version=f"ragnb {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    ingest = commands.add_parser("ingest", help="index files, folders or globs")
    ingest.add_argument("paths", nargs="+", metavar="PATH")
    ask = commands.add_parser("ask", help="ask a question; the answer streams")
    ask.add_argument("question")
    ask.add_argument("--llm", help="such as openai:gpt-4.1-mini; the default needs no key")
    ask.add_argument("-k", type=int, default=None, help="passages given to the model (5)")
    for command in (ingest, ask):
        command.add_argument("--home", default=".ragnb", help="where the index is (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
