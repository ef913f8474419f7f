"""What is said about a report, in words, alike in HTML, in Markdown and as text."""

from __future__ import annotations

from ragnb.display import words
from ragnb.reports.changes import Change, Changes
from ragnb.reports.report import Report
from ragnb.reports.result import Result

MARKS = {"answered": "✓", "declined": "–", "failed": "✗", "not asked": "○"}
MEANINGS = {
    "answered": "answered, with sources",
    "declined": "the documents hold no answer",
    "failed": "no answer",
    "not asked": "the run ended before",
}


def figures(report: Report) -> list[tuple[str, str]]:
    """What a run took, each a figure and its name."""
    found = [(words.seconds(report.seconds), "in all")]
    if report.output_tokens:
        cost = report.cost
        found.append(("?" if cost is None else words.money(cost), "for all answers"))
        found.append((f"{report.input_tokens + report.output_tokens:,}", "tokens, in and out"))
    return found


def spent(report: Report) -> list[str]:
    """Time, tokens, money, documents and trouble: what differs between two runs that say the same."""
    began = report.record.began.astimezone()
    said = [f"Begun on {began:%Y-%m-%d at %H:%M}; this start took {words.seconds(report.seconds)}."]
    if report.output_tokens:
        tokens = f"{report.input_tokens:,} tokens in, {report.output_tokens:,} out"
        cost = report.cost
        said.append(f"{tokens}: {'their price is unknown' if cost is None else words.money(cost)}.")
    if report.taken_over:
        was = "was" if report.taken_over == 1 else "were"
        said.append(f"{words.number(report.taken_over, 'answer')} {was} there already, and not paid again.")
    if met := sum(bool(one.spent.trouble) for one in report if one.has_answer):
        said.append(f"{words.number(met, 'answer')} met trouble on the way, and got over it.")
    if report.ingested is not None and (documents := _documents(report)):
        said.append(f"Documents: {documents}.")
    return said


def _documents(report: Report) -> str:
    ingested = report.ingested
    names = ("added", "changed", "moved", "removed", "failed")
    counted = [f"{len(found):,} {name}" for name in names if (found := getattr(ingested, name))]
    return ", ".join(counted)


def configured(report: Report) -> str:
    """Which parts answered."""
    models = dict.fromkeys(one.spent.model for one in report if one.spent.model)
    names = ("the extractive answerer" if name == "extractive" else name for name in models)
    return ", ".join(names) or report.configured.get("llm", "")


def measures(report: Report) -> str:
    """The means of what gold quotes allow to measure; empty where there are none."""
    names = ("citation precision", "citation recall", "correct")
    found = [f"{name} {mean:.2f}" for name in names if (mean := report.mean(name)) is not None]
    return f"Against the gold quotes: {', '.join(found)}." if found else ""


def changes(found: Changes) -> str:
    """What changed, in numbers."""
    if not (found.changed or found.new or found.gone):
        return f"Since the run {found.previous}: every answer is the same."
    said = [
        f"{words.number(count, noun)} {verb}"
        for count, noun, verb in (
            (found.answers, "answer", "changed"),
            (found.sources, "answer", "rests on other sources" if found.sources == 1 else "rest on others"),
            (len(found.new), "question", "is new" if len(found.new) == 1 else "are new"),
            (len(found.gone), "question", "is gone" if len(found.gone) == 1 else "are gone"),
            (found.same, "answer", "is the same" if found.same == 1 else "are the same"),
        )
        if count
    ]
    return f"Since the run {found.previous}: {', '.join(said)}."


def change(one: Change) -> list[str]:
    """What is other about an answer, its words apart."""
    said = [f"was {one.status}, is {one.now.status}"] if one.status else []
    said += [f"no longer rests on {name}" for name in one.lost]
    return said + [f"now rests on {name}" for name in one.gained]


def footer(result: Result) -> list[str]:
    """Where time and money went for one answer, and what went wrong on the way."""
    one = result.spent
    if not one.answer_id:
        return []
    said = [one.model] if one.model else []
    said += [f"first token {words.seconds(one.first_token)}"] if one.first_token is not None else []
    said.append(f"total {words.seconds(one.total)}")
    if one.output_tokens:
        said.append(f"{one.input_tokens:,} tokens in, {one.output_tokens:,} out")
    if one.model != "extractive" and one.output_tokens:
        said.append(words.money(one.cost) + (" (estimated)" if one.estimated else ""))
    return said + ([f"got over: {one.trouble}"] if one.trouble else [])
