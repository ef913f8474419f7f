"""A report from its questions to its files."""

from __future__ import annotations

import asyncio
import glob
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from ragnb.answering import Answering
from ragnb.errors import InvalidInputError
from ragnb.evaluation.questions import QuestionList, as_questions, read_questions
from ragnb.evaluation.running import Given
from ragnb.ingest.report import IngestReport
from ragnb.reports.alerts import alerts
from ragnb.reports.asking import Asking
from ragnb.reports.changes import compare
from ragnb.reports.files import writable
from ragnb.reports.report import Report
from ragnb.reports.run import Runs
from ragnb.reports.telling import Telling
from ragnb.routing.budgets import Allowance

Ingest = Callable[[Sequence[str | Path]], Awaitable[IngestReport]]

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)


async def report(
    answering: Answering,
    home: Path | None,
    given: Given,
    ingest: Ingest,
    *,
    run: str,
    corpus: str | Path | Iterable[str | Path],
    output: str | Path | None,
    k: int,
    concurrency: int,
    budget: float | None,
    thresholds: Iterable[str],
) -> Report:
    """Ask all questions and tell what came of it; see `RAGPipeline.report`."""
    if not isinstance(concurrency, int) or isinstance(concurrency, bool) or concurrency < 1:
        raise InvalidInputError(f"concurrency={concurrency!r} is no number of questions.", "Use 1 or more.")
    begin, watched = time.perf_counter(), alerts(thresholds)
    allowance = None if budget is None else Allowance(budget)
    questions = await asyncio.to_thread(_questions, given)
    name = Path(given).stem if isinstance(given, (str, Path)) else "questions"
    paths = [corpus] if isinstance(corpus, (str, Path)) else list(corpus)
    folder = None if output is None else await asyncio.to_thread(writable, Path(output))
    runs = Runs(home)
    with ExitStack() as held:
        record = await asyncio.to_thread(held.enter_context, runs.begin(run, name))
        await asyncio.to_thread(_check_there, paths)
        ingested = await ingest(paths) if paths else None
        asking = Asking(answering, record.run, k, allowance)
        telling = Telling(len(questions))
        try:
            results = await asking.all(
                questions, concurrency, lambda one: telling.tell(one, one.id in asking.taken_over)
            )
            before = await asyncio.to_thread(runs.previous, record)
            made = Report(
                record,
                results,
                configured=answering.engine.configured,
                read=answering.journal.answer,
                seconds=time.perf_counter() - begin,
                taken_over=len(asking.taken_over),
                ingested=ingested,
                changes=None if before is None else compare(record.previous, before, results),
                alerts=watched,
            )
            await asyncio.to_thread(runs.keep, record, results)
            if folder is not None:
                await asyncio.to_thread(made.save, folder)
            telling.line(f"{made.verdict}.{''.join(f' {alarm}' for alarm in made.alarms)}")
        finally:
            telling.end()
    return made


def _questions(given: Given) -> QuestionList:
    return read_questions(given) if isinstance(given, (str, Path)) else as_questions(given)


def _check_there(paths: Sequence[str | Path]) -> None:
    """Raise `InvalidInputError` where nothing is left of a path. An ingest would take all its documents out
    of the index, and a disk that is not mounted looks the same."""
    for path in paths:
        if not _ADDRESS.match(str(path)) and not _holds_a_file(Path(path).expanduser()):
            raise InvalidInputError(
                f"There is no document in {str(path)!r} (from {Path.cwd()}); the index is left as it is.",
                "Check the path; to take its documents out on purpose, run: ragnb remove.",
            )


def _holds_a_file(path: Path) -> bool:
    if path.is_dir():
        return any(files for _, _, files in os.walk(path))
    return path.is_file() or bool(glob.glob(str(path), recursive=True))
