"""What IPython would make of a question if nobody told it otherwise."""

from __future__ import annotations

import itertools
import re
import tokenize
from typing import Any

from IPython.core.inputtransformer2 import assemble_continued_line, find_end_of_continued_line

_HELP = re.compile(r"%ask\s*\?{1,2}\s*$")
_LAYOUT = (tokenize.INDENT, tokenize.DEDENT)


def without_body(lines: list[str]) -> list[str]:
    """``%%ask --help`` and ``%%ask question`` without a body are what the line magic does; IPython would
    refuse a cell magic that has none."""
    if lines and re.match(r"%%ask(\s|$)", lines[0]) and not "".join(lines[1:]).strip():
        return [lines[0][1:], *lines[1:]]
    return lines


# A terminal that asks whether the input is complete must still be offered a second line.
without_body.has_side_effects = True  # type: ignore[attr-defined]


class QuestionLine:
    """A line with ``%ask``, which may end with a question mark.

    IPython takes a line that ends so for a call for help on its last word, whatever it begins with. Its
    token transformers are duck-typed: `find` and `transform`, sorted by these three attributes.
    """

    priority = 1  # before IPython's own, which are 5 and 10

    def __init__(self, first: tuple[int, int], percent: tuple[int, int]) -> None:
        self.start_line, self.start_col = first[0] - 1, first[1]
        self._percent = percent[0] - 1, percent[1]

    @classmethod
    def find(cls, tokens_by_line: list[list[Any]]) -> QuestionLine | None:
        """The first ``%ask …`` or ``name = %ask …``."""
        for line in tokens_by_line:
            tokens = [token for token in line if token.type not in _LAYOUT]
            for place, (percent, name) in enumerate(itertools.pairwise(tokens)):
                is_value = tokens[0].type == tokenize.NAME and tokens[place - 1].string == "="
                is_ask = (percent.string, name.string) == ("%", "ask") and percent.end == name.start
                if is_ask and (place == 0 or is_value):
                    return cls(tokens[0].start, percent.start)
        return None

    def transform(self, lines: list[str]) -> list[str]:
        """The lines with this one as a call. Raises SyntaxError for ``%ask?``, which IPython knows."""
        line, column = self._percent
        end = find_end_of_continued_line(lines, line)
        text = assemble_continued_line(lines, (line, column), end)
        if _HELP.match(text):
            raise SyntaxError(text)
        _, _, question = text.partition("ask")
        call = f"get_ipython().run_line_magic('ask', {question.strip()!r})"
        return [*lines[:line], f"{lines[line][:column]}{call}\n", *lines[end + 1 :]]
