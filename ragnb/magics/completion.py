"""Completion behind ``%ask``: flags, pipelines, names of variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from IPython import get_ipython
from IPython.core.error import UsageError

from ragnb.magics.asking import pipelines
from ragnb.magics.line import FLAGS, take_flag

_LINE = re.compile(r"\s*(?:[\w.]+\s*=\s*)?%?%ask\s+(.*)$")
_FLAG_AND_VALUE = re.compile(r"(--?[\w-]+)(?:\s*=\s*|\s+)(\S*)$")
_BEGUN_FLAG = re.compile(r"(-\S*)?$")
_OPEN_PLACEHOLDER = re.compile(r"[{$](\w*)$")


def candidates(cell: str, row: int, line: str, names: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The word to complete, and what it may become, each with its kind.

    ``line`` is row number ``row`` of the cell up to the cursor.
    """
    asked = _LINE.match(line)
    if asked:
        return _after_ask(asked[1], names)
    if row and re.match(r"\s*%%ask\b", cell):
        return _in_question(line, names)
    return "", {}


def _after_ask(text: str, names: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    try:
        while True:
            flag = _FLAG_AND_VALUE.match(text)
            if flag and FLAGS.get(flag[1]):
                return flag[2], _values(flag[1], flag[2], names)
            if _BEGUN_FLAG.match(text):
                return text, {one: "keyword" for one in FLAGS if one.startswith(text)}
            taken = take_flag(text)
            if taken is None:
                return _in_question(text, names)
            text = taken[2]
    except UsageError:  # what stands before the cursor is wrong already
        return "", {}


def _values(flag: str, begun: str, names: Mapping[str, Any]) -> dict[str, str]:
    match flag:
        case "--rag":
            return _instances(pipelines(names), begun)
        case "--where":
            return _instances((name for name, value in _own(names) if isinstance(value, dict)), begun)
        case "-o" | "--out":
            return _instances((name for name, _ in _own(names)), begun)
        case _:
            return {}


def _in_question(text: str, names: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    found = _OPEN_PLACEHOLDER.search(text)
    if found is None:
        return "", {}
    return found[1], _instances((name for name, value in _own(names) if not callable(value)), found[1])


def _own(names: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    hidden = getattr(get_ipython(), "user_ns_hidden", {})
    return ((name, value) for name, value in names.items() if name not in hidden and name[0] != "_")


def _instances(found: Iterable[str], begun: str) -> dict[str, str]:
    return {name: "instance" for name in sorted(found) if name.startswith(begun)}


def _matcher() -> Callable[..., Any] | None:
    try:
        from IPython.core.completer import SimpleCompletion, context_matcher
    except ImportError:  # IPython 7, which Colab has: no completion there
        return None

    @context_matcher()  # type: ignore[untyped-decorator]
    def complete_ask(context: Any) -> dict[str, Any]:
        word, found = candidates(
            context.full_text, context.cursor_line, context.text_until_cursor, get_ipython().user_ns
        )
        return {
            "completions": [SimpleCompletion(text, type=kind) for text, kind in found.items()],
            "matched_fragment": word,
            "suppress": True,
            "ordered": True,
        }

    return complete_ask  # type: ignore[no-any-return]


complete = _matcher()
