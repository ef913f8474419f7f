"""What stands after ``%ask``: flags first, then the question, word for word.

The question is prose. Apostrophes, braces, dollars and dashes in it are its own, so nothing of it goes
through a shell's or IPython's idea of quoting.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from IPython.core.error import UsageError

HELP = """\
Ask the documents of a RAGPipeline; the answer streams into the cell.

  %ask How do refunds work?

  %%ask -k 3 --where {"lang": "en"}
  How do refunds work,
  and how long do they take?

Flags, before the question:

  --rag NAME        the variable with the pipeline; else rag, or the only one there is, or a new one
  -k N              passages given to the model
  --where FILTER    only documents with such metadata: {"lang": "en", "year": {"gte": 2024}}, or a variable
                    that holds such a dict
  -o, --out NAME    keep the Answer in this variable
  --no-wait         go on to the next cell while the answer streams
  --keep-live       leave the live answer in the cell when it has ended
  --help            show this and ask nothing

Put -- before a question that begins with a dash. {name} and $name in the question become the value of that
variable, where there is one; {{name}} and $$name then stay {name} and $name. The Answer is the cell's
value: answer = %ask … keeps it, and so does _.
"""

# Each flag, and what its value is called; the empty string where it takes none.
FLAGS = {
    "--rag": "NAME",
    "-k": "N",
    "--where": "FILTER",
    "-o": "NAME",
    "--out": "NAME",
    "--no-wait": "",
    "--keep-live": "",
    "--help": "",
}

_FLAG = re.compile(r"(--[A-Za-z][\w-]*|-[A-Za-z])(=?)")
_QUOTED = re.compile(r"(['\"])(.*?)\1(?=\s|$)", re.DOTALL)
_NAME = r"[^\W\d_]\w*"
_PATH = rf"{_NAME}(?:\.{_NAME})*"
_PLACEHOLDER = re.compile(rf"\{{\{{{_PATH}\}}\}}|\{{{_PATH}\}}|\$\$?{_PATH}")


@dataclass(frozen=True)
class Line:
    """The flags as they were written, None where they were not, and the question."""

    question: str
    rag: str | None
    k: int | None
    where: str | None
    out: str | None
    no_wait: bool
    keep_live: bool
    help: bool


def parse(text: str) -> Line:
    """Raises UsageError for a flag that is wrong."""
    given: dict[str, str] = {}
    rest = text.lstrip()
    while (taken := take_flag(rest)) is not None:
        flag, value, rest = taken
        given[flag] = value
    return Line(
        question=re.sub(r"^--(?=\s|$)", "", rest).strip(),
        rag=given.get("--rag"),
        k=_whole_number(given["-k"]) if "-k" in given else None,
        where=given.get("--where"),
        out=_variable_name(given.get("--out", given.get("-o"))),
        no_wait="--no-wait" in given,
        keep_live="--keep-live" in given,
        help="--help" in given,
    )


def take_flag(text: str) -> tuple[str, str, str] | None:
    """The flag that a text begins with, its value, and what comes after; None if it begins otherwise.

    Raises UsageError for an unknown flag and for one without the value that it needs.
    """
    found = _FLAG.match(text)
    if found is None:
        return None
    flag, rest = found[1], text[found.end() :]
    value_name = FLAGS.get(flag)
    if value_name is None or not (value_name or re.match(r"\s|$", rest)):
        raise UsageError(
            f"There is no flag {text.split()[0]}; there are {', '.join(FLAGS)}. "
            "Put -- before a question that begins with a dash."
        )
    if not value_name:
        return flag, "", rest.lstrip()
    value, rest = _value(rest if found[2] else rest.lstrip())
    if not value:
        raise UsageError(f"{flag} wants a value: {flag} {value_name}.")
    return flag, value, rest.lstrip()


def _value(text: str) -> tuple[str, str]:
    """One word, one quoted text or one dict in braces, and what comes after."""
    if quoted := _QUOTED.match(text):
        return quoted[2], text[quoted.end() :]
    if text.startswith("{"):
        for brace in re.finditer(r"\}", text):
            if _dict(text[: brace.end()]) is not None:
                return text[: brace.end()], text[brace.end() :]
    end = re.search(r"\s|$", text)
    place = end.start() if end else len(text)
    return text[:place], text[place:]


def filter_of(text: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """The filter that is meant: JSON, a Python dict, or a variable that holds one; else UsageError."""
    found = names.get(text) if text.isidentifier() else _dict(text)
    if not isinstance(found, dict):
        raise UsageError(f'--where wants a filter such as {{"lang": "en"}}, and {text} is none.')
    return found


def _dict(text: str) -> dict[str, Any] | None:
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError):
            continue
        if isinstance(found, dict):
            return found
    return None


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"-k wants a number of passages, such as -k 5, and {text!r} is none.") from None


def _variable_name(text: str | None) -> str | None:
    if text is not None and not text.isidentifier():
        raise UsageError(f"--out wants the name of a variable, and {text!r} cannot be one.")
    return text


def expand(question: str, names: Mapping[str, Any]) -> str:
    """The question with ``{name}`` and ``$name`` filled in.

    Only what names a value there is replaced, each on its own; modules, functions and classes are none.
    """

    def fill(found: re.Match[str]) -> str:
        written = found[0]
        value = _lookup(written.strip("{}$"), names)
        if value is None:
            return written
        if written.startswith("{{"):
            return written[1:-1]
        return written[1:] if written.startswith("$$") else str(value)

    return _PLACEHOLDER.sub(fill, question)


def _lookup(path: str, names: Mapping[str, Any]) -> Any:
    first, *attributes = path.split(".")
    value = names.get(first)
    for attribute in attributes:
        value = getattr(value, attribute, None)
    return None if isinstance(value, ModuleType) or callable(value) else value
