"""A report as Markdown, and its summary as text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from ragnb.answer import Answer
from ragnb.display.markup import closed, to_markdown
from ragnb.display.words import readable, seconds
from ragnb.reports import facts
from ragnb.reports.changes import Change, Piece
from ragnb.reports.report import Report
from ragnb.reports.result import Result

TIMES = "## Time and cost"


def summary(report: Report) -> str:
    """What was asked and what came of it, in the order of the page; what it took is in one line."""
    lines = [f"**{report.verdict}**, by {facts.configured(report)}.", ""]
    lines += [f"- **Threshold passed.** {one}" for one in report.alarms]
    lines += [f"- {facts.measures(report)}"] if facts.measures(report) else []
    lines += [f"- {one.id}: {_line(one.reason or one.status)}" for one in report if not one.has_answer]
    lines += [f"- *{' '.join(facts.spent(report))}*"]
    if report.changes is not None:
        lines += ["", facts.changes(report.changes), ""]
        lines += [line for one in report.changes.changed for line in _change(one)]
        lines += [f"- New: {_line(one.question)}" for one in report.changes.new]
        lines += [f"- Gone: {_line(one.question)}" for one in report.changes.gone]
    return to_markdown("\n".join(lines), ())


def _line(text: str) -> str:
    return " ".join(text.split())


def _change(one: Change) -> list[str]:
    said = [f"- **{_line(one.now.question)}**", *(f"  - {line}" for line in facts.change(one))]
    return [*said, f"  - {_line(''.join(map(_piece, one.pieces)))}"] if one.pieces else said


def _piece(piece: Piece) -> str:
    kind, text = piece
    return {"gone": f"~~{text}~~", "new": f"**{text}**"}.get(kind, text)


def markdown(report: Report) -> Iterator[str]:
    """The whole: the summary, each answer with its sources, and at the end what each took."""
    title = to_markdown(f"# {report.record.name}: {report.record.run}", ())
    yield f"{title}\n\n{summary(report)}\n\n## Answers\n\n"
    for number, (one, said) in enumerate(report.answers(), start=1):
        yield f"{answer(number, one, said)}\n\n"
    head = ("question", "first token", "total", "tokens in", "out", "USD", "got over")
    rows = (_row(one) for one in report)
    table = chain([head, ["---"] * len(head)], rows)
    yield f"{TIMES}\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in table)


def answer(number: int, result: Result, said: Answer | None) -> str:
    """A question, its answer and the sources."""
    status = "" if result.status == "answered" else f"*{_line(f'{result.status}. {result.reason}')}*"
    parts = [to_markdown(f"### {number}. {_line(result.question)}", ()), to_markdown(status, ())]
    if said is not None:
        parts.append(closed(to_markdown(readable(said.text), said.citations)))
    for source in result.sources:
        place = " — ".join(filter(None, (source.title, source.place)))
        quotes = "\n   >\n".join(f"   > {quote}" for quote in source.quotes)
        parts.append(to_markdown(f"{source.number}. {place}\n{quotes}", ()))
    return "\n\n".join(filter(None, parts))


def _row(one: Result) -> list[str]:
    spent = one.spent
    first = "" if spent.first_token is None else seconds(spent.first_token)
    total = seconds(spent.total) if spent.answer_id else one.status
    cost = "" if not spent.answer_id else "unknown" if spent.cost is None else f"{spent.cost:.6f}"
    tokens = (f"{spent.input_tokens:,}", f"{spent.output_tokens:,}")
    name = to_markdown(_line(one.id), ()).replace("|", "\\|")
    return [name, first, total, *tokens, cost, spent.trouble]


def plain(report: Report) -> str:
    """The summary without marks."""
    lines = [f"{report.verdict}, by {facts.configured(report)}.", *report.alarms]
    lines += filter(None, [facts.measures(report)])
    lines += [f"  {one.id}: {_line(one.reason or one.status)}" for one in report if not one.has_answer]
    if report.changes is not None:
        lines.append(facts.changes(report.changes))
        for one in report.changes.changed:
            lines += [f"  {one.now.question}", *(f"    {line}" for line in facts.change(one))]
            if one.pieces:
                lines.append(f"    {_line(''.join(map(_plain_piece, one.pieces)))}")
    return readable("\n".join([*lines, f"Times: {' '.join(facts.spent(report))}"]))


def _plain_piece(piece: Piece) -> str:
    kind, text = piece
    return {"gone": f"[-{text}-]", "new": f"{{+{text}+}}"}.get(kind, text)
