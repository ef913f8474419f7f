"""``ragnb ingest PATH…``, ``ragnb ask "…"`` and what goes with them: the same engine in a terminal."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragnb import __version__
from ragnb.errors import RagnbError

if TYPE_CHECKING:
    from ragnb.pipeline import RAGPipeline


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 if it did what was asked, 1 if not; a report has a status of its own."""
    asked = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = asked.run
    try:
        return run(asked)
    except RagnbError as error:
        print(f"ragnb: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"ragnb: {error}. Run “ragnb doctor”, which says what is missing.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ragnb: interrupted; what was done is kept.", file=sys.stderr)
        return 130


def _pipeline(asked: argparse.Namespace, llm: str | None = "extractive", **options: Any) -> RAGPipeline:
    # Not above: `doctor` has to work where a package that the pipeline needs is missing.
    from ragnb.pipeline import RAGPipeline

    return RAGPipeline(llm=llm, home=asked.home, vectorstore=asked.store, **options)


def _ingest(asked: argparse.Namespace) -> int:
    rag = _pipeline(asked, cores=asked.cores)
    report = rag.ingest(*asked.paths, ignore=asked.ignore)
    print(report)
    return 1 if report.failed else 0


def _documents(asked: argparse.Namespace) -> int:
    print(_pipeline(asked).documents())
    return 0


def _remove(asked: argparse.Namespace) -> int:
    rag = _pipeline(asked)
    print(rag.remove(*asked.documents))
    return 0


def _move(asked: argparse.Namespace) -> int:
    rag = _pipeline(asked)
    print(f"{rag.move(asked.target)} documents copied to {asked.target}; what is in {asked.home} stays.")
    return 0


def _ask(asked: argparse.Namespace) -> int:
    from ragnb.display import terminal

    rag = _pipeline(asked, asked.llm)
    answer = rag.start(asked.question, k=asked.k, key=asked.key)
    terminal.show(answer, sys.stdout)
    return 0 if answer.status == "finished" else 1


def _resume(asked: argparse.Namespace) -> int:
    rag = _pipeline(asked, asked.llm)
    return 0 if rag.resume(asked.answer).status == "finished" else 1


def _answers(asked: argparse.Namespace) -> int:
    print(_pipeline(asked).answers())
    return 0


def _report(asked: argparse.Namespace) -> int:
    from ragnb.reports import command

    given = {
        "questions": asked.questions,
        "corpus": asked.corpus,
        "output": asked.output,
        "run": asked.run_id,
        "home": asked.home,
        "llm": asked.llm,
        "fallback": asked.fallback,
        "embeddings": asked.embeddings,
        "vectorstore": asked.store,
        "budget": asked.budget,
        "k": asked.k,
        "concurrency": asked.concurrency,
        "alerts": asked.alert,
    }
    notebook = Path(asked.notebook) if asked.notebook else command.template()
    try:
        parameters = {**given, **dict(map(command.parameter, asked.parameter))}
        return command.execute(notebook, Path(asked.output), parameters, asked.kernel)
    except RagnbError as error:
        print(f"ragnb: {error}", file=sys.stderr)
        return 2


def _doctor(asked: argparse.Namespace) -> int:
    from ragnb import doctor

    found = doctor.examine(asked.home)
    print(json.dumps(found.as_json(), ensure_ascii=False, indent=2) if asked.json else found)
    return 0 if found.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ragnb", description="Ask questions of your documents; every claim is cited."
    )
    parser.add_argument("--version", action="version", version=f"ragnb {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)

    ingest = commands.add_parser("ingest", help="index files, folders, globs or web addresses")
    ingest.add_argument("paths", nargs="+", metavar="PATH")
    ingest.add_argument("--ignore", action="append", default=[], help="a pattern as in .gitignore")
    ingest.add_argument("--cores", type=int, default=None, help="the most processor cores to use (all)")
    ingest.set_defaults(run=_ingest)

    documents = commands.add_parser("documents", help="list what is in the index")
    documents.set_defaults(run=_documents)

    remove = commands.add_parser("remove", help="take documents out of the index")
    remove.add_argument("documents", nargs="+", metavar="PATH")
    remove.set_defaults(run=_remove)

    move = commands.add_parser("move", help="copy the index to a Qdrant server, embeddings included")
    move.add_argument("target", metavar="URL")
    move.set_defaults(run=_move)

    ask = commands.add_parser("ask", help="ask a question; the answer streams")
    ask.add_argument("question")
    ask.add_argument("--llm", help="such as openai:gpt-4.1-mini; the default needs no key")
    ask.add_argument("-k", type=int, default=None, help="passages given to the model (5)")
    ask.add_argument("--key", help="a name for this answer: asking again replays or resumes it")
    ask.set_defaults(run=_ask)

    resume = commands.add_parser("resume", help="go on with an answer that was interrupted")
    resume.add_argument("answer", metavar="ID", help="as `ragnb answers` lists it")
    resume.add_argument("--llm", help="such as openai:gpt-4.1-mini; the default needs no key")
    resume.set_defaults(run=_resume)

    answers = commands.add_parser("answers", help="list the answers in the journal, oldest first")
    answers.set_defaults(run=_answers)

    report = commands.add_parser(
        "report",
        help="answer every question of a file, for a scheduler",
        description="Ends with 0 if every question was answered, 1 if not or a threshold was passed, 2 if "
        "it could not run. Started again with the same run id, it pays nothing twice.",
    )
    report.add_argument("questions", metavar="QUESTIONS", help="JSON Lines, a question each")
    report.add_argument("-o", "--output", required=True, metavar="OUT", help="the folder for the report")
    report.add_argument(
        "--corpus", action="append", default=[], help="what to ingest first; may be repeated"
    )
    report.add_argument(
        "--run", dest="run_id", default="", metavar="ID", help="the run (QUESTIONS and the day)"
    )
    report.add_argument("--llm", help="such as openai:gpt-4.1-mini; the default needs no key")
    report.add_argument(
        "--fallback", action="append", default=[], help="a model that goes on; may be repeated"
    )
    report.add_argument("--embeddings", help="such as openai:text-embedding-3-small")
    report.add_argument("--budget", type=float, help="the most that the run may cost, in USD")
    report.add_argument("-k", type=int, default=5, help="passages given to the model (%(default)s)")
    report.add_argument("--concurrency", type=int, default=8, help="questions at once (%(default)s)")
    report.add_argument("--alert", action="append", default=[], help="a threshold, such as 'failed > 5%%'")
    report.add_argument("--notebook", help="a copy of the report's notebook, changed as you like")
    report.add_argument("-p", "--parameter", action="append", default=[], metavar="NAME=VALUE")
    report.add_argument("--kernel", help="the Jupyter kernel to run in (the notebook's)")
    report.set_defaults(run=_report)

    doctor = commands.add_parser("doctor", help="say what is on this machine, what is missing, what to do")
    doctor.add_argument("--json", action="store_true", help="the same for a program")
    doctor.add_argument("--home", default=".ragnb", help="the home folder to look at (%(default)s)")
    doctor.set_defaults(run=_doctor)

    for command in (ingest, documents, remove, move, ask, resume, answers, report):
        command.add_argument("--home", default=".ragnb", help="where the index is (%(default)s)")
        command.add_argument("--store", help="a Qdrant server's address, if the index is there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
