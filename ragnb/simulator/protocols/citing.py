"""Where a scripted answer cites: its ``[n]`` markers turned into citations of search results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragnb.simulator import prompt
from ragnb.simulator.script import Seam, within
from ragnb.simulator.wire import Json

_MARKERS = re.compile(r"\s*((?:\[\d+\])+)")
_SENTENCE_END = re.compile(r"(?:[.!?…]+[\"'”’)\]]*(?:\s+|$)|\n+)")


@dataclass(frozen=True, slots=True)
class Block:
    """A content block: its text as deltas, and what the text as a whole is supported by."""

    tokens: tuple[str, ...]
    citations: tuple[Json, ...] = ()

    @property
    def text(self) -> str:
        return "".join(self.tokens)


def blocks(tokens: Sequence[str], request: Json) -> list[Block]:
    """The answer as content blocks: one for each cited sentence, without its markers, and others
    for what is not cited. Without citable search results, all of it in one block."""
    results = prompt.search_results(request)
    if not any((result.get("citations") or {}).get("enabled") for result in results):
        return [Block(tuple(tokens))]
    text = "".join(tokens)
    return [
        Block(within(tokens, start, end), tuple(_cite(results, n, text[start:end]) for n in cited))
        for start, end, cited in _spans(text, len(results))
    ]


def continued(whole: Sequence[Block], seam: Seam) -> list[Block]:
    """The blocks that follow a seam in the text that is seen.

    What is said again is cited again. The rest of a divided block has all the citations of the block. Where
    the model begins at its very end they are lost: one that sees the whole sentence goes on with the next.
    """
    words, before = "".join(seam.opening), "".join(block.text for block in whole)[: seam.start]
    again = next(n for n in range(len(words), -1, -1) if before.endswith(words[len(words) - n :]))
    said = words[: len(words) - again]
    kept = [Block(within(seam.opening, 0, len(said)))] if said else []
    begin, end = seam.start - again, 0
    for block in whole:
        start, end = end, end + len(block.text)
        if end > begin:
            kept.append(
                Block(within(block.tokens, max(0, begin - start), len(block.text)), block.citations)
            )
    return kept or [Block(())]


def _spans(text: str, results: int) -> Iterator[tuple[int, int, list[int]]]:
    """Start, end and the search results' numbers (from 1) of each block of the text."""
    position = 0
    for marker in _MARKERS.finditer(text):
        cited = list(dict.fromkeys(int(n) for n in re.findall(r"\d+", marker[1])))
        if not all(1 <= n <= results for n in cited):
            continue  # numbers of nothing stay in the text
        start = _last_sentence(text, position, marker.start())
        if start > position:
            yield position, start, []
        yield start, marker.start(), cited
        position = marker.end()
    if position < len(text):
        yield position, len(text), []


def _last_sentence(text: str, start: int, end: int) -> int:
    """Where the last sentence of ``text[start:end]`` begins."""
    begin = start + len(text[start:end]) - len(text[start:end].lstrip())
    for match in _SENTENCE_END.finditer(text, start, end):
        if match.end() < end:
            begin = max(begin, match.end())
    return begin


def _cite(results: Sequence[Json], number: int, claim: str) -> Json:
    """A citation of the block of a search result that shares most words with the claim."""
    result = results[number - 1]
    texts = [str(block.get("text", "")) for block in result["content"]]
    words = _words(claim)
    best = max(range(len(texts)), key=lambda index: len(words & _words(texts[index])))
    return {
        "type": "search_result_location",
        "cited_text": texts[best],
        "source": result.get("source"),
        "title": result.get("title"),
        "search_result_index": number - 1,
        "start_block_index": best,
        "end_block_index": best + 1,
    }


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
