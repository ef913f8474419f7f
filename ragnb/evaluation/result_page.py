"""An evaluation as people read it: HTML that needs no styles, and plain text."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from html import escape

from ragnb.evaluation.plots import Mark, Panel, image
from ragnb.evaluation.result import ALL, Evaluation
from ragnb.evaluation.statistics import Estimate
from ragnb.evaluation.tables import aligned, bold, seconds, tr

_PLOTTED = ("nDCG@10", "citation recall", "correct", "judged")
_SHARE = ((0.0, "0"), (0.5, "0.5"), (1.0, "1"))
_NAMED = 5  # questions that are named; the rest is a number


def html(evaluation: Evaluation) -> str:
    """The table, what to know about it, the plots, the times."""
    head = tr("th", ["", "questions", *evaluation.measures])
    rows = "".join(
        tr("td", [bold(kind, kind == ALL), str(_count(evaluation, kind)), *_cells(evaluation, kind)])
        for kind in _kinds(evaluation)
    )
    parts = [
        f"<p><b>{escape(evaluation.name)}</b></p><table>{head}{rows}</table>",
        "".join(f"<p>{escape(note)}</p>" for note in _notes(evaluation)),
        _plot(evaluation),
        f"<p>{escape(spent)}</p>" if (spent := _spent(evaluation)) else "",
        _html_times(evaluation),
    ]
    return f'<div class="ragnb-evaluation">{"".join(parts)}</div>'


def plain(evaluation: Evaluation) -> str:
    """The same without plots: the mean of each measure and its interval."""
    columns = [[""], ["questions"], *([name] for name in evaluation.measures)]
    for kind in _kinds(evaluation):
        row = [kind, str(_count(evaluation, kind))]
        row += [_short(evaluation.estimates[kind].get(name)) for name in evaluation.measures]
        for column, cell in zip(columns, row, strict=True):
            column.append(cell)
    times = "; ".join(
        f"{name} p50 {seconds(one.p50)}, p95 {seconds(one.p95)}, p99 {seconds(one.p99)}"
        for name, one in evaluation.percentiles.items()
    )
    ending = [*_notes(evaluation), _spent(evaluation), f"Times: {times}" if times else ""]
    return "\n".join([evaluation.name, *aligned(columns), *(line for line in ending if line)])


def _kinds(evaluation: Evaluation) -> list[str]:
    return [ALL, *evaluation.kinds] if len(evaluation.kinds) > 1 else [ALL]


def _count(evaluation: Evaluation, kind: str) -> int:
    return sum(kind in (ALL, one.question.kind) for one in evaluation)


def _cells(evaluation: Evaluation, kind: str) -> list[str]:
    cells = []
    for name in evaluation.measures:
        one = evaluation.estimates[kind].get(name)
        spread = (
            "" if one is None or one.low is None else f"<br><small>{one.low:.2f}–{one.high:.2f}</small>"
        )
        cells.append("–" if one is None else f"{one.mean:.2f}{spread}")
    return cells


def _short(one: Estimate | None) -> str:
    if one is None:
        return "–"
    spread = "" if one.low is None else f" {one.low:.2f}–{one.high:.2f}".replace("0.", ".")
    return f"{one.mean:.2f}{spread}"


def _notes(evaluation: Evaluation) -> list[str]:
    notes = []
    if failed := evaluation.failed:
        named = "; ".join(f"{name}: {reason}" for name, reason in list(failed.items())[:_NAMED])
        what = f"{_number(len(failed))} got no answer and count in no measure of it"
        notes.append(f"{what}: {named}{_more(failed)}")
    if missing := evaluation.missing:
        named = "; ".join(f"{name}: {', '.join(what)}" for name, what in list(missing.items())[:_NAMED])
        what = f"{_number(len(missing))} cannot be measured, as the gold is not in the index"
        notes.append(f"{what}: {named}{_more(missing)}")
    unclear = [one for one in evaluation if one.verdict is not None and one.verdict.score is None]
    if unclear:
        names = ", ".join(one.question.id for one in unclear[:_NAMED])
        notes.append(f"{_number(len(unclear))} got no verdict from the judge: {names}{_more(unclear)}")
    return notes


def _number(n: int) -> str:
    return f"{n:,} question{'s' * (n != 1)}"


def _more(named: Sized) -> str:
    return f"; and {len(named) - _NAMED:,} more." if len(named) > _NAMED else "."


def _spent(evaluation: Evaluation) -> str:
    parts = []
    if evaluation.input_tokens or evaluation.output_tokens:
        parts.append(f"Tokens: {evaluation.input_tokens:,} in, {evaluation.output_tokens:,} out.")
        cost = evaluation.cost
        parts.append("The price is unknown." if cost is None else f"Cost: ${cost:,.4f}.")
    if judged := evaluation.judging_cost:
        parts.append(f"The judge cost ${judged:,.4f}.")
    return " ".join(parts)


def _plot(evaluation: Evaluation) -> str:
    names = [name for name in _PLOTTED if name in evaluation.measures]
    kinds = _kinds(evaluation)
    panels = [
        Panel(name, [_mark(evaluation.estimates[kind].get(name), kind == ALL) for kind in kinds], _SHARE)
        for name in names
    ]
    said = "; ".join(f"{name}: {_said(evaluation, name, kinds)}" for name in names)
    return image(kinds, panels, f"Means and 95 % intervals. {said}") if panels else ""


def _said(evaluation: Evaluation, name: str, kinds: Sequence[str]) -> str:
    found = ((kind, evaluation.estimates[kind].get(name)) for kind in kinds)
    return ", ".join(f"{kind} {one.mean:.2f}" for kind, one in found if one is not None)


def _mark(one: Estimate | None, strong: bool) -> Mark | None:
    return None if one is None else Mark(one.mean, one.low, one.high, strong)


def _html_times(evaluation: Evaluation) -> str:
    """In an element of its own: it differs from one run to the next."""
    found = evaluation.percentiles
    if not found:
        return ""
    head = tr("th", ["time to", "p50", "p95", "p99"])
    rows = "".join(
        tr("td", [name, seconds(one.p50), seconds(one.p95), seconds(one.p99)])
        for name, one in found.items()
    )
    most = max(one.p99 for one in found.values())
    ticks = [(most * share, seconds(most * share)) for share in (0, 0.5, 1)]
    marks = [Mark(one.p50, one.p50, one.p99) for one in found.values()]
    picture = image(list(found), [Panel("p50 to p99", marks, ticks, 360)], "Times: p50 to p99")
    return f'<div class="ragnb-times"><table>{head}{rows}</table>{picture}</div>'
