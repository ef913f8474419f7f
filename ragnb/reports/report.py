"""A report: what became of every question of a run, and what follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import overload

from ragnb.answer import Answer
from ragnb.display import words
from ragnb.errors import RagnbError, UnansweredError
from ragnb.ingest.report import IngestReport
from ragnb.reports.alerts import Alert
from ragnb.reports.changes import Changes
from ragnb.reports.result import Result
from ragnb.reports.run import Record

PAGE, MARKDOWN, LINES = "report.html", "report.md", "report.jsonl"


class Report(Sequence[Result]):
    """Its items are what became of each question, in the order of the questions.

    As a cell's value it shows its summary; `show` shows the answers, `plots` time and cost, and `check`
    raises where somebody should look. ``seconds`` is how long this start of the run took, ``taken_over``
    how many answers an earlier start had finished. ``changes`` is None where there is no run before.
    """

    def __init__(
        self,
        record: Record,
        results: Iterable[Result],
        *,
        configured: Mapping[str, str],
        read: Callable[[str], Answer],
        seconds: float = 0.0,
        taken_over: int = 0,
        ingested: IngestReport | None = None,
        changes: Changes | None = None,
        alerts: Iterable[Alert] = (),
    ) -> None:
        self.record = record
        self.results = tuple(results)
        self.configured = dict(configured)
        self.seconds = seconds
        self.taken_over = taken_over
        self.ingested = ingested
        self.changes = changes
        self.alarms = tuple(filter(None, (one.fired(self) for one in alerts)))
        self._read = read

    def __len__(self) -> int:
        return len(self.results)

    @overload
    def __getitem__(self, place: int) -> Result: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Result, ...]: ...
    def __getitem__(self, place: int | slice) -> Result | tuple[Result, ...]:
        return self.results[place]

    # ---- what it comes to ------------------------------------------------------------------------

    @property
    def counts(self) -> Counter[str]:
        """How many questions have each status."""
        return Counter(one.status for one in self)

    @property
    def exit_status(self) -> int:
        """For a scheduler: 0 where every question has an answer, and no threshold was passed; else 1."""
        return int(bool(self.alarms) or not all(one.has_answer for one in self))

    def share(self, *statuses: str) -> float:
        """The share of questions with one of these statuses."""
        return sum(self.counts[status] for status in statuses) / len(self)

    def mean(self, measure: str) -> float | None:
        """The mean of a measure of gold quotes; None where it applies to no question."""
        values = [one.values[measure] for one in self if measure in one.values]
        return sum(values) / len(values) if values else None

    @property
    def cost(self) -> float | None:
        """USD for all these answers; None if the price of one is unknown."""
        costs = [one.spent.cost for one in self if one.spent.answer_id]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None

    @property
    def input_tokens(self) -> int:
        return sum(one.spent.input_tokens for one in self)

    @property
    def output_tokens(self) -> int:
        return sum(one.spent.output_tokens for one in self)

    def answers(self) -> Iterator[tuple[Result, Answer | None]]:
        """Each question with its answer, which is read when its turn comes; None where there is none, or no
        longer."""
        for one in self:
            answer = None
            if one.spent.answer_id:
                with suppress(RagnbError):
                    answer = self._read(one.spent.answer_id)
            yield one, answer

    def check(self) -> None:
        """Raise `UnansweredError` where a question has no answer, or a threshold was passed: papermill then
        ends with another status than 0."""
        if self.exit_status:
            raise UnansweredError(f"{self.verdict}.", " ".join(self.alarms))

    @property
    def verdict(self) -> str:
        """All in a line."""
        counts = self.counts
        said = [f"{words.number(len(self), 'question')}: {counts['answered']:,} answered"]
        said += [f"{counts[one]:,} {one}" for one in ("declined", "failed", "not asked") if counts[one]]
        said += [f"{words.number(len(self.alarms), 'threshold')} passed"] if self.alarms else []
        return ", ".join(said)

    # ---- shown, and written ------------------------------------------------------------------------

    def save(self, folder: str | Path) -> list[Path]:
        """Write ``report.html``, ``report.md`` and ``report.jsonl`` into a folder; the page needs no
        network to be read."""
        from ragnb.reports.outputs import save

        return save(self, Path(folder))

    def show(self) -> None:
        """Show each answer with its sources, in a notebook an output each; else as text."""
        from ragnb.reports.outputs import show

        show(self)

    @property
    def plots(self) -> object:
        """Where time and money went, question by question, as a picture for a notebook."""
        from ragnb.reports.outputs import Plots

        return Plots(self)

    def __repr__(self) -> str:
        from ragnb.reports.markdown import plain

        return plain(self)

    def _repr_html_(self) -> str:
        from ragnb.reports.sections import summary

        return summary(self)

    def _repr_markdown_(self) -> str:
        from ragnb.reports.markdown import summary

        return summary(self)
