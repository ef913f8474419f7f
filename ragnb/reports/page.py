"""A report as one HTML file, which loads nothing: no script, no font, no picture from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ragnb.display.words import readable
from ragnb.reports import facts
from ragnb.reports.plots import plots
from ragnb.reports.report import Report
from ragnb.reports.sections import answers, summary

# What a document smuggles into an answer is made harmless before; this is the second lock.
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
_STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --paper: #fff; --quiet: #5d6b7a; --line: #8883;
  --tint: #f5f7fa; --accent: #1f6fb8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dfe5ec; --paper: #14181d; --quiet: #9aa7b5; --tint: #1b2128; --accent: #6cb0ee; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main, header { max-width: 56rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.2rem; }
header p, header div { margin: 0; color: var(--quiet); }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0.1rem 0 0.3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 0.6rem; padding-bottom: 0.3rem;
  border-bottom: 1px solid var(--line); }
a { color: var(--accent); }
nav ol { padding-left: 0; columns: 2; column-gap: 2rem; list-style: none; margin: 0; font-size: 0.95rem; }
nav li { break-inside: avoid; padding: 0.15rem 0; }
nav a { text-decoration: none; color: inherit; }
nav a:hover { text-decoration: underline; }
nav b { display: inline-block; width: 1.4em; font-weight: 600; }
.answered b { color: #2e8c57; } .declined b { color: #4682dc; } .failed b { color: #c94438; }
.not-asked b { color: #d6781e; }
.ragnb-question { max-width: none !important; scroll-margin-top: 1rem; }
.ragnb-question:target { background: var(--tint); }
.ragnb-times { color: var(--quiet); } .ragnb-times span { opacity: 1 !important; }
table { border-collapse: collapse; } th, td { border: 1px solid var(--line); padding: 0.2rem 0.6rem; }
img { max-width: 100%; }
footer { color: var(--quiet); font-size: 0.85rem; margin: 3rem auto 2rem; }
@media (max-width: 40rem) { nav ol { columns: 1; } h1 { font-size: 1.5rem; } }
@media print {
  body { font-size: 10.5pt; } header { padding-top: 0; } main, header { max-width: none; padding: 0; }
  h2 { break-after: avoid; } .ragnb-question { break-inside: avoid; }
  .ragnb-others { display: none; } a { color: inherit; text-decoration: none; }
}
"""


def page(report: Report) -> Iterator[str]:
    """The page in pieces, an answer each: a report of thousands is never in memory whole."""
    record = report.record
    title = escape(readable(f"{record.name}: {record.run}" if record.run != record.name else record.run))
    began = f"{record.began.astimezone():%A, %d %B %Y, %H:%M}"
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="generator" content="ragnb">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header><p>Report</p><h1>{escape(readable(record.name))}</h1>"
        f'<p>Run {escape(record.run)}</p><div class="ragnb-times">{began}</div></header>\n<main>\n'
        f'<section aria-labelledby="summary"><h2 id="summary">Summary</h2>{summary(report)}</section>\n'
        '<section aria-labelledby="contents"><h2 id="contents">Questions</h2>'
        f"{_contents(report)}</section>\n"
        '<section aria-labelledby="answers"><h2 id="answers">Answers</h2>\n'
    )
    for part in answers(report):
        yield f"{part}\n"
    yield (
        f'</section>\n<section aria-labelledby="times"><h2 id="times">Time and cost</h2>{plots(report)}'
        "</section>\n<footer>Made by ragnb. Every answer rests on the passages below it; open one to "
        "read it.</footer>\n</main>\n</body>\n</html>\n"
    )


def _contents(report: Report) -> str:
    rows = "".join(
        f'<li class="{one.status.replace(" ", "-")}"><a href="#question-{number}">'
        f'<b title="{one.status}">{facts.MARKS[one.status]}</b>{number}. {escape(one.question)}</a></li>'
        for number, one in enumerate(report, start=1)
    )
    return readable(f"<nav><ol>{rows}</ol></nav>")
