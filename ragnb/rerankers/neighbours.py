"""Chunks that follow each other in a document are joined into one passage."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from ragnb.documents import Chunk, Hit
from ragnb.errors import ConfigurationError


class JoinedNeighbours:
    """Among the best hits, those that are neighbours in their document become one, at the better one's
    place: a passage reads on, and a place is free for another.

    Parameters
    ----------
    depth
        The best hits, among which neighbours are joined.
    longest
        Characters of a joined passage, at most.
    """

    name = "joined-neighbours"

    def __init__(self, *, depth: int = 8, longest: int = 4000) -> None:
        if depth < 1 or longest < 1:
            raise ConfigurationError("depth and longest are numbers from 1 on.", "8 and 4000 are usual.")
        self.depth = depth
        self.longest = longest

    def rerank(self, question: str, hits: Sequence[Hit]) -> tuple[Hit, ...]:
        """The hits, fewer where some were joined; see `Reranker.rerank`."""
        groups: list[list[Hit]] = []
        for hit in hits[: self.depth]:
            near = [group for group in groups if self._joins(group, hit)]
            if near:
                near[0].append(hit)
                near[0].sort(key=lambda one: one.chunk.position)
            else:
                groups.append([hit])
        return (*(_joined(group) for group in groups), *hits[self.depth :])

    def _joins(self, group: Sequence[Hit], hit: Hit) -> bool:
        first, last, chunk = group[0].chunk, group[-1].chunk, hit.chunk
        return (
            (chunk.document, chunk.source) == (first.document, first.source)
            and chunk.position in (first.position - 1, last.position + 1)
            and sum(len(one.chunk.text) for one in group) + len(chunk.text) <= self.longest
        )


def _joined(group: Sequence[Hit]) -> Hit:
    """Hits in the order of their document as one, which has the first one's id and the best one's score."""
    first: Chunk = group[0].chunk
    if len(group) == 1:
        return group[0]
    locator = first.locator
    for hit in group[1:]:
        locator = locator.to(hit.chunk.locator)
    headings = [hit.chunk.locator.heading for hit in group]
    shared = tuple(level[0] for level in zip(*headings, strict=False) if len(set(level)) == 1)
    text = "\n\n".join(hit.chunk.text for hit in group)
    chunk = replace(first, text=text, locator=replace(locator, heading=shared))
    return Hit(chunk, max(hit.score for hit in group))
