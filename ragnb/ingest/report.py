"""What an ingest did, told to people."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape


@dataclass
class IngestReport:
    """The documents by what became of them. ``seconds`` are those of each stage."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    chunks: int = 0
    cache_hits: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [self._summary()]
        for title, rows in (("Failed", self.failed), ("Skipped", self.skipped)):
            lines += [f"{title}: {name}: {reason}" for name, reason in rows]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'>{title}</td>"
            f"<td style='text-align:left'>{escape(name)}</td>"
            f"<td style='text-align:left'>{escape(reason)}</td></tr>"
            for title, pairs in (("failed", self.failed), ("skipped", self.skipped))
            for name, reason in pairs
        )
        table = f"<table>{rows}</table>" if rows else ""
        return f"<div>{escape(self._summary())}</div>{table}"

    def _summary(self) -> str:
        counts = [
            f"{len(names)} {word}"
            for word, names in (
                ("added", self.added),
                ("changed", self.changed),
                ("unchanged", self.unchanged),
                ("skipped", self.skipped),
                ("failed", self.failed),
            )
            if names
        ]
        stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in self.seconds.items())
        hits = f", {self.cache_hits} of them embedded before" if self.cache_hits else ""
        return f"Documents: {', '.join(counts) or 'none'}. Chunks: {self.chunks}{hits}." + (
            f" Time: {stages}." if stages else ""
        )
