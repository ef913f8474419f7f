"""Rows and columns, as HTML that needs no styles and as plain text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def tr(tag: str, cells: Iterable[str]) -> str:
    first, *others = cells
    rest = "".join(f"<{tag} style='text-align:right'>{cell}</{tag}>" for cell in others)
    return f"<tr><{tag} style='text-align:left'>{first}</{tag}>{rest}</tr>"


def bold(text: str, is_bold: bool) -> str:
    return f"<b>{escape(text)}</b>" if is_bold else escape(text)


def aligned(columns: list[list[str]]) -> list[str]:
    """Lines of columns as wide as their widest cell, the first from the left, the others from the right."""
    widths = [max(map(len, column)) for column in columns]
    rows = zip(*columns, strict=True)
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
