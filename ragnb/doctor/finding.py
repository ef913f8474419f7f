"""What an examination finds, and how it reads."""

from __future__ import annotations

import platform
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import wraps
from itertools import groupby
from typing import Any, Literal

from ragnb import __version__

State = Literal["ok", "absent", "wrong"]

_WIDTH = 100
_MARKS: dict[State, str] = {"ok": "ok", "absent": "-", "wrong": "WRONG"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked for. ``absent`` is what ragnb does without; ``wrong`` is what it fails on.

    ``advice`` says what to do, and is empty where nothing has to be done.
    """

    part: str
    name: str
    state: State
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """All findings, in the order of the parts. ``str()`` is for reading, `as_json` for programs."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; what is absent does not count."""
        return not any(finding.state == "wrong" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """JSON's types alone."""
        return {
            "ragnb": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "ok": self.ok,
            "findings": [asdict(finding) for finding in self.findings],
        }

    def __str__(self) -> str:
        lines = [f"ragnb {__version__}, Python {platform.python_version()}, {platform.platform()}"]
        for part, findings in groupby(self.findings, key=lambda finding: finding.part):
            lines += ["", part]
            for finding in findings:
                lines += _hung(f"  {_MARKS[finding.state]:<6}{finding.name}: ", finding.found)
                if finding.advice and finding.state != "wrong":
                    lines += _hung(" " * 8, finding.advice)
        return "\n".join([*lines, "", *self._verdict()])

    def _verdict(self) -> Iterator[str]:
        wrong = [finding for finding in self.findings if finding.state == "wrong"]
        if not wrong:
            yield "Nothing is wrong."
            return
        yield "To be done:"
        for number, finding in enumerate(wrong, 1):
            yield from _hung(f"  {number}. {finding.name}: ", finding.advice)


Check = Callable[[], Iterable[Finding]]
REINSTALL = "pip install --force-reinstall ragnb"


def cautious(part: str, name: str, advice: str = f"Run: {REINSTALL}") -> Callable[[Check], Check]:
    """A check that breaks is a finding too: others go on. The error is told by its class alone, for its
    text may hold anything."""

    def wrap(check: Check) -> Check:
        @wraps(check)
        def careful() -> list[Finding]:
            found: list[Finding] = []
            try:
                found.extend(check())
            except Exception as error:
                what = f"could not be looked at ({type(error).__name__})"
                found.append(Finding(part, name, "wrong", what, advice))
            return found

        return careful

    return wrap


def _hung(first: str, text: str) -> list[str]:
    return textwrap.wrap(
        first + text,
        _WIDTH,
        subsequent_indent=" " * 10,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
        replace_whitespace=False,
    )
