"""A simulation as people read it: HTML that needs no styles, and plain text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ragnb.evaluation.curves import Dot, Line, chart, percent_ticks
from ragnb.evaluation.plots import Mark, Panel, image
from ragnb.evaluation.tables import aligned, bold, seconds, tr
from ragnb.whatif.recorded import Case
from ragnb.whatif.simulation import MISSED, NEEDLESS, Simulation
from ragnb.whatif.ways import Way

_NAMED = 4  # questions that are named; the rest is a number
_SHARE = ((0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %"))
_NONE = "–"


def html(simulation: Simulation) -> str:
    """What was assumed, the table of ways, the curve, the shares, where the router was wrong."""
    head = tr("th", map(escape, _head(simulation)))
    rows = "".join(
        tr("td", [bold(cells[0], one.name == "router"), *map(escape, cells[1:])])
        for one in simulation.ways.values()
        for cells in [_cells(simulation, one)]
    )
    wrong = "".join(f"<li>{escape(line)}</li>" for line in _wrong(simulation))
    parts = [
        f"<p>{escape(_title(simulation))}</p><table>{head}{rows}</table>",
        _curve(simulation),
        _shares(simulation),
        _calibration(simulation),
        f"<details><summary>where the router was wrong</summary><ul>{wrong}</ul></details>"
        if wrong
        else "",
        f"<p><small>{escape(' '.join(_notes(simulation)))}</small></p>",
        _html_times(simulation),
    ]
    return f'<div class="ragnb-simulation">{"".join(parts)}</div>'


def plain(simulation: Simulation) -> str:
    """The same without the pictures."""
    rows = [_head(simulation), *(_cells(simulation, one) for one in simulation.ways.values())]
    table = aligned([list(column) for column in zip(*rows, strict=True)])
    times = "; ".join(
        f"{name} first token p50 {first[0]}, p95 {first[1]}, total p50 {total[0]}, p95 {total[1]}"
        for name, first, total in _times(simulation)
    )
    ending = [f"Times: {times}"] if times else []
    return "\n".join([_title(simulation), *table, *_wrong(simulation), *_notes(simulation), *ending])


def _times(simulation: Simulation) -> list[tuple[str, list[str], list[str]]]:
    return [
        (one.name, [*map(seconds, one.first)], [*map(seconds, one.total)])
        for one in simulation.ways.values()
        if one.first is not None and one.total is not None
    ]


def _html_times(simulation: Simulation) -> str:
    """In an element of its own: where it was recorded, it differs from one run to the next."""
    head = tr("th", ["time to", "the first token, p50", "p95", "the end, p50", "p95"])
    rows = "".join(tr("td", [escape(name), *first, *total]) for name, first, total in _times(simulation))
    return f'<div class="ragnb-times"><table>{head}{rows}</table></div>' if rows else ""


def _title(simulation: Simulation) -> str:
    traffic = simulation.traffic
    if not traffic.per:
        return f"{len(simulation.cases):,} questions over {' | '.join(simulation.tiers)}"
    mixed = ", in another mix" if traffic.mix else ""
    asked = (
        f"{traffic.questions:,.0f} questions a {traffic.per} like these {len(simulation.cases):,}{mixed}"
    )
    return f"{asked}, over {' | '.join(simulation.tiers)}"


def _head(simulation: Simulation) -> list[str]:
    per = f"cost a {simulation.traffic.per}" if simulation.traffic.per else "cost"
    quality = "of the largest's quality" if simulation.is_estimated else "quality"
    shares = [f"to {name}" for name in simulation.tiers]
    return ["", *shares, per, "of the largest's", quality]


def _cells(simulation: Simulation, one: Way) -> list[str]:
    largest = simulation.largest
    share = f"{one.cost / largest.cost:.0%}" if largest.cost else _NONE
    cells = [one.name, *(f"{one.shares[name]:.0%}" for name in simulation.tiers)]
    return [
        *cells,
        _usd(simulation.bill(one)),
        share,
        _NONE if one.quality is None else f"{one.quality:.1%}",
    ]


def _usd(value: float) -> str:
    return f"${value:,.0f}" if value >= 100 else f"${value:,.2f}" if value >= 1 else f"${value:.4f}"


def _curve(simulation: Simulation) -> str:
    largest = simulation.largest
    if not simulation.curves or not largest.cost or not largest.quality:
        return ""
    lines = [
        Line(
            curve.name,
            [(cost / largest.cost, quality / largest.quality) for cost, quality in curve.points],
            curve.name.startswith("router"),
        )
        for curve in simulation.curves
    ]
    dots = [
        Dot(one.name, one.cost / largest.cost, one.quality / largest.quality, one.name == "router")
        for one in simulation.ways.values()
        if one.quality is not None and " as often" not in one.name
    ]
    values = [(x, y) for line in lines for x, y in line.points] + [(dot.x, dot.y) for dot in dots]
    x_ticks = percent_ticks(0.0, max(1.0, *(x for x, _ in values)))
    y_ticks = percent_ticks(min(y for _, y in values), max(1.0, *(y for _, y in values)))
    said = "; ".join(f"{dot.name}: {dot.y:.0%} of the quality at {dot.x:.0%} of the cost" for dot in dots)
    return chart(
        "Quality by cost, of the largest tier's",
        lines,
        dots,
        ("cost", x_ticks),
        ("quality", y_ticks),
        said,
    )


def _calibration(simulation: Simulation) -> str:
    """How often the smallest tier was good enough, by how probable that was said to be."""
    points = simulation.calibration
    if not points:
        return ""
    ticks = [(n / 4, f"{n / 4:.0%}") for n in range(5)]
    said = "; ".join(f"said {said:.0%}, was {was:.0%}" for said, was in points)
    name = simulation.tiers[0]
    return chart(
        f"Calibration: “{name}” is as good as the largest",
        [Line("as it was", points, strong=True), Line("as it was said", [(0.0, 0.0), (1.0, 1.0)])],
        [Dot("", x, y, strong=True) for x, y in points],
        ("said", ticks),
        ("was", ticks),
        f"Calibration: {said}",
    )


def _shares(simulation: Simulation) -> str:
    """The share of each tier and of wrong choices, by kind of question."""
    kinds = list(dict.fromkeys(case.kind for case in simulation.cases if case.kind))
    rows = ["all", *kinds] if len(kinds) > 1 else ["all"]

    def share(row: str, values: Sequence[bool]) -> float:
        of = [one for one, case in zip(values, simulation.cases, strict=True) if row in ("all", case.kind)]
        return sum(of) / len(of)

    columns = {
        f"to {name}": [tier == name for tier in simulation.chosen.tiers] for name in simulation.tiers
    }
    if not simulation.is_estimated:
        for verdict in (MISSED, NEEDLESS):
            columns[verdict] = [one == verdict for one in simulation.verdicts]
    panels = [
        Panel(name, [Mark(share(row, values), strong=row == "all") for row in rows], _SHARE, 150)
        for name, values in columns.items()
    ]
    said = "; ".join(f"{name}: {share('all', values):.0%}" for name, values in columns.items())
    return image(rows, panels, f"Shares of the questions. {said}")


def _wrong(simulation: Simulation) -> list[str]:
    if simulation.is_estimated:
        return []
    lines = []
    for title, found in (("Too small", simulation.missed), ("Larger than needed", simulation.needless)):
        if found:
            more = f"; and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
            lines.append(f"{title}, {len(found):,}: {'; '.join(map(_named, found[:_NAMED]))}{more}")
    return lines


def _named(case: Case) -> str:
    return f"{case.question} ({case.kind})" if case.kind else case.question


def _notes(simulation: Simulation) -> list[str]:
    notes = [*simulation.notes, f"Decided by {simulation.chosen.by}."]
    if simulation.is_estimated:
        notes.append(
            "No quality was measured: it is how probable the router takes a tier to be as good as the "
            "largest."
        )
    recorded = [one.is_recorded for case in simulation.cases for one in case.tries.values()]
    if not all(recorded):
        notes.append(
            f"{sum(recorded):,} of {len(recorded):,} answers were recorded; the cost of the others is the "
            "same tokens at their own tier's price."
        )
    if simulation.hold and any(one.declined for case in simulation.cases for one in case.tries.values()):
        notes.append("What a smaller tier refuses goes to the next larger one, and both are paid.")
    return notes
