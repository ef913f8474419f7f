"""A comparison as people read it: HTML that needs no styles, and plain text."""

from __future__ import annotations

from html import escape

from ragnb.evaluation.comparison import Comparison, Difference
from ragnb.evaluation.plots import Mark, Panel, image
from ragnb.evaluation.tables import aligned, seconds, tr

_CHANGED = 4  # questions that are named; the rest is a number


def html(comparison: Comparison) -> str:
    """The table of differences, their plot, the questions that changed, the times."""
    names = comparison.names
    head = tr("th", ["", *map(escape, names), "difference", "better, same, worse", "by chance", ""])
    rows = "".join(tr("td", _difference(one, names)) for one in comparison.differences.values())
    parts = [
        f"<table>{head}{rows}</table>",
        _difference_plot(comparison),
        _html_changes(comparison),
        f"<p><small>{escape(_READING)}</small></p>",
        _html_both_times(comparison),
    ]
    return f'<div class="ragnb-comparison">{"".join(parts)}</div>'


def plain(comparison: Comparison) -> str:
    """The same without the plot."""
    names = comparison.names
    rows = [["", *names, "difference", "better/same/worse", "by chance", ""]]
    rows += [
        [
            cell.replace("<br><small>", " ").replace("</small>", "")
            for cell in _difference(one, names, bare=True)
        ]
        for one in comparison.differences.values()
    ]
    times = "; ".join(
        f"{name} p50 {seconds(one.p50)} and {seconds(other.p50)}, "
        f"p95 {seconds(one.p95)} and {seconds(other.p95)}"
        for name, (one, other) in comparison.times.items()
    )
    lines = aligned([list(column) for column in zip(*rows, strict=True)])
    ending = [f"Times: {times}. {_MOMENTS}"] if times else []
    return "\n".join([*lines, *_changes(comparison), _READING, *ending])


_READING = (
    "The difference is that of the second over the first, with its 95 % interval for that measure alone; "
    "better, same and worse count questions. “By chance” is how likely such a difference is where there is "
    "none (a permutation test of pairs, with Holm's correction for looking at several measures); from 0.05 "
    "on it is called noise."
)
_MOMENTS = "They are of two moments: what the first evaluation left in memory makes the second one faster."


def _html_both_times(comparison: Comparison) -> str:
    """In an element of its own: it differs from one run to the next."""
    if not comparison.times:
        return ""
    one, other = map(escape, comparison.names)
    head = tr("th", ["time to", f"{one}, p50", "p95", f"{other}, p50", "p95"])
    rows = "".join(
        tr("td", [name, *(seconds(value) for one in both for value in (one.p50, one.p95))])
        for name, both in comparison.times.items()
    )
    return f'<div class="ragnb-times"><table>{head}{rows}</table><small>{escape(_MOMENTS)}</small></div>'


def _difference(one: Difference, names: tuple[str, str], *, bare: bool = False) -> list[str]:
    spread = (
        "" if one.low is None or one.high is None else f"{_value(one, one.low)} to {_value(one, one.high)}"
    )
    small = spread and (f" [{spread}]" if bare else f"<br><small>{spread}</small>")
    verdict = _verdict(one, names)
    return [
        one.measure,
        _value(one, one.first),
        _value(one, one.second),
        f"{_value(one, one.difference, signed=True)}{small}",
        f"{one.wins}, {one.ties}, {one.losses}" if not bare else f"{one.wins}/{one.ties}/{one.losses}",
        ("< 0.001" if bare else "&lt; 0.001") if one.corrected < 0.001 else f"{one.corrected:.3f}",
        verdict if bare else escape(verdict),
    ]


def _value(one: Difference, value: float, *, signed: bool = False) -> str:
    sign = "+" if signed and value > 0 else "−" if value < 0 else ""
    return f"{sign}${abs(value):.5f}" if one.measure == "cost" else f"{sign}{abs(value):.2f}"


def _verdict(one: Difference, names: tuple[str, str]) -> str:
    match one.verdict:
        case "first":
            return f"{names[0]} is better"
        case "second":
            return f"{names[1]} is better"
        case word:
            return word


def _difference_plot(comparison: Comparison) -> str:
    found = [one for one in comparison.differences.values() if one.measure != "cost"]
    if not found:
        return ""
    ends = [abs(end) for one in found for end in (one.low, one.high, one.difference) if end is not None]
    most = max(0.1, round(max(ends) + 0.05, 1))
    ticks = [(-most, f"−{most:g}"), (0.0, "0"), (most, f"+{most:g}")]
    marks = [Mark(one.difference, one.low, one.high, not one.is_noise) for one in found]
    said = "; ".join(f"{one.measure} {_value(one, one.difference, signed=True)}" for one in found)
    panel = Panel("difference (orange: more than noise)", marks, ticks, 360)
    return image([one.measure for one in found], [panel], f"Differences with 95 % intervals: {said}")


def _changes(comparison: Comparison) -> list[str]:
    """The questions that got worse and better the most."""
    measures = comparison.differences
    measure = next((name for name in ("judged", "correct", "nDCG@10") if name in measures), "")
    changes = comparison.changes(measure) if measure else []
    worse = [one for one in changes if one.second < one.first]
    better = [one for one in changes[::-1] if one.second > one.first]
    lines = []
    for title, found in (("Worse", worse), ("Better", better)):
        for one in found[:_CHANGED]:
            lines.append(
                f"{title} ({measure} {one.first:.2f} → {one.second:.2f}): {one.id}, {one.question}"
            )
        if len(found) > _CHANGED:
            lines.append(f"{title}: {len(found) - _CHANGED:,} more")
    return lines


def _html_changes(comparison: Comparison) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in _changes(comparison))
    return (
        f"<details><summary>questions that changed most</summary><ul>{lines}</ul></details>"
        if lines
        else ""
    )
