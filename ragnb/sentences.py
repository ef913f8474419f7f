"""Where the sentences of a passage begin and end.

Structure counts before punctuation: a blank line, a list item, a table row, a heading and a code
fence each end what came before. Within a paragraph, a full stop ends a sentence unless it belongs to
an abbreviation, an initial or a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_OWN_LINE = re.compile(r"\s*(?:[-*+•]\s|\d{1,3}[.)]\s|#{1,6}\s|\|)")
_ABBREVIATIONS = frozenset(
    [
        "al",
        "approx",
        "art",
        "bzw",
        "ca",
        "cf",
        "ch",
        "co",
        "corp",
        "dept",
        "dr",
        "ed",
        "eds",
        "e.g",
        "eg",
        "eq",
        "esp",
        "est",
        "etc",
        "fig",
        "figs",
        "hr",
        "i.e",
        "ie",
        "inc",
        "jr",
        "ltd",
        "max",
        "min",
        "mr",
        "mrs",
        "ms",
        "mt",
        "no",
        "nos",
        "nr",
        "op",
        "p",
        "pp",
        "prof",
        "pt",
        "ref",
        "resp",
        "rev",
        "sec",
        "sr",
        "st",
        "str",
        "tel",
        "u.a",
        "usw",
        "vol",
        "vs",
        "z.b",
    ]
)
# An end mark, with the quotes and brackets (and citation markers) that close with it.
_END = re.compile(
    r"(?P<latin>[.!?…]+)[\"'”’»)\]*_]*(?=\s)(?P<gap>\s+)(?=[\"'“‘«(\[*_¿¡]*(?P<next>\S))|[。！？]+[”’」』）]*"
)

_ENDED = re.compile(r"(?:[.!?…。！？][\"'”’»)\]*_」』）]*|\n)\s*\Z")


def is_ended(text: str) -> bool:
    """Whether the text may end with a sentence's end. Of an abbreviation's full stop that cannot be said
    before it goes on."""
    return _ENDED.search(text) is not None


def sentences(text: str) -> list[tuple[int, int]]:
    """The spans ``[start, end)`` of the sentences, in order, without the white space around them.

    Every character that is no white space is in exactly one span.
    """
    return [span for start, end in _units(text) for span in _split(text, start, end) if span[0] < span[1]]


def _units(text: str) -> Iterator[tuple[int, int]]:
    """Paragraphs, list items, table rows, headings and fenced code, as spans."""
    start = position = 0
    fence = ""
    is_row = False
    for line in text.splitlines(keepends=True):
        end = position + len(line)
        opening = _FENCE.match(line)
        if fence:
            if opening and opening[1].startswith(fence) and not line.strip().strip("`~"):
                yield start, end
                start, fence = end, ""
        elif opening:
            yield start, position
            start, fence = position, opening[1][:3]
        elif not line.strip() or _OWN_LINE.match(line) or is_row:
            yield start, position
            start = position
        is_row = not fence and line.lstrip().startswith(("|", "#"))
        position = end
    yield start, position


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentences of one unit."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if _FENCE.match(text, start, end) or text.startswith("|", start, end):
        yield start, end
        return
    begin = start
    for mark in _END.finditer(text, start, end):
        if mark["latin"] is not None and not _ends(text, begin, mark):
            continue
        stop = mark.start("gap") if mark["gap"] is not None else mark.end()
        if stop >= end:
            break
        yield begin, stop
        begin = mark.end()
        while begin < end and text[begin].isspace():
            begin += 1
    yield begin, end


def _ends(text: str, begin: int, mark: re.Match[str]) -> bool:
    """Whether this full stop ends a sentence."""
    following = mark["next"]
    if following.islower():
        return False
    if mark["latin"] != ".":
        return True
    word_start = mark.start()
    while word_start > begin and not text[word_start - 1].isspace():
        word_start -= 1
    word = text[word_start : mark.start()].lstrip("(\"'“‘[*_").casefold()
    if word in _ABBREVIATIONS:
        return word == "etc" and following.isupper()
    is_initial = len(word) == 1 and word.isalpha() and word != "i"
    is_item_number = word.isdigit() and word_start == begin
    return not (is_initial or is_item_number)
