"""What an ingest did, told to people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

_SHOWN = 20  # rows of a list; the rest is a number
_STAGES = {
    "hash": "looking for changes",
    "read": "waiting for parsers",
    "chunk": "cutting into chunks",
    "embed": "embedding",
    "store": "storing",
}


@dataclass
class IngestReport:
    """The documents by what became of them; it displays itself in a notebook.

    ``skipped``, ``failed`` and ``warnings`` are pairs of a document and the reason. ``chunks`` counts those
    written, ``cache_hits`` those among them that were embedded before. ``seconds`` are those of each stage;
    as reading goes on beside embedding, they add up to more than the ``total``.
    """

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    chunks: int = 0
    cache_hits: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [self._summary()]
        for title, rows in self._told():
            lines += [f"{title}: {name}: {reason}" for name, reason in rows[:_SHOWN]]
            if len(rows) > _SHOWN:
                lines.append(f"{title}: {len(rows) - _SHOWN:,} more")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [f"<div><b>{escape(self._summary())}</b></div>"]
        parts += [_table(title, rows) for title, rows in self._told()]
        parts += [
            _names(title, names)
            for title, names in self._outcomes()
            if names and title not in ("skipped", "failed")
        ]
        if times := self._times():
            rows = "".join(_row(words, f"{seconds:.2f} s") for words, seconds in times)
            parts.append(f"<details><summary>seconds per stage</summary><table>{rows}</table></details>")
        return f'<div class="ragnb-report">{"".join(parts)}</div>'

    def _told(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """What people have to read: the lists with a reason."""
        lists = (("Failed", self.failed), ("Warning", self.warnings), ("Skipped", self.skipped))
        return [(title, rows) for title, rows in lists if rows]

    def _outcomes(self) -> list[tuple[str, Sequence[object]]]:
        return [
            (word, getattr(self, word))
            for word in ("added", "changed", "moved", "unchanged", "removed", "skipped", "failed")
        ]

    def _times(self) -> list[tuple[str, float]]:
        return [(_STAGES.get(stage, stage), seconds) for stage, seconds in self.seconds.items()]

    def _summary(self) -> str:
        counts = [f"{len(names):,} {word}" for word, names in self._outcomes() if names]
        hits = f" ({self.cache_hits:,} embedded before)" if self.cache_hits else ""
        chunks = f" Chunks written: {self.chunks:,}{hits}." if self.chunks else ""
        total = f" Time: {self.seconds['total']:.1f} s." if "total" in self.seconds else ""
        return f"Documents: {', '.join(counts) or 'none'}.{chunks}{total}"


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    shown = "".join(_row(name, reason) for name, reason in rows[:_SHOWN])
    if len(rows) > _SHOWN:
        shown += _row(f"… and {len(rows) - _SHOWN:,} more", "")
    is_open = " open" if title != "Skipped" else ""
    head = f"<summary>{title.lower()} ({len(rows):,})</summary>"
    return f"<details{is_open}>{head}<table>{shown}</table></details>"


def _names(title: str, names: Sequence[object]) -> str:
    shown = "".join(_row(str(name)) for name in names[:_SHOWN])
    if len(names) > _SHOWN:
        shown += _row(f"… and {len(names) - _SHOWN:,} more")
    return f"<details><summary>{title} ({len(names):,})</summary><table>{shown}</table></details>"


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in cells) + "</tr>"
