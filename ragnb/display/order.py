"""What reranking did to the order of the passages: a slope chart, from the place that each had by retrieval
to the one it has now."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape

from ragnb.answer import Answer
from ragnb.display.words import readable
from ragnb.documents import Hit
from ragnb.errors import InvalidInputError
from ragnb.events import Reranked, Retrieved

# Seen on white and on black.
_GREY, _BLUE, _ORANGE = "#808080", "#3f88d0", "#d97a1c"
_ROW, _TOP, _SIDE, _MIDDLE = 24, 30, 300, 160  # pixels
_LONGEST = 40  # characters of a label


@dataclass(frozen=True, slots=True)
class Moved:
    """A passage with its place before and after, from 1; None where it has none."""

    label: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class OrderPicture:
    """The places of the passages before and after; shows itself as a picture in a notebook, else as text.

    Of the first ``most`` places each passage that has one is in ``moved``; the first ``k`` of the new order
    go to the model.
    """

    moved: tuple[Moved, ...]
    most: int
    k: int

    def __str__(self) -> str:
        return "\n".join(
            f"{one.before or '–':>3} → {one.after or '–':<3} {one.label}" for one in self.moved
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.svg().encode()).decode()
        alt = escape(f"Places before and after reranking:\n{self}")
        return f'<img alt="{alt}" src="data:image/svg+xml;base64,{data}" style="max-width:100%">'

    def svg(self) -> str:
        """The picture: blue went up, orange went down."""
        width, bottom = 2 * _SIDE + _MIDDLE, _TOP + _ROW * (self.most + 1)
        left, right = _SIDE, _SIDE + _MIDDLE
        parts = [
            f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{bottom}' "
            f"viewBox='0 0 {width} {bottom}' fill='{_GREY}' font-family='system-ui,sans-serif' "
            "font-size='12'>"
            f"<text x='{left}' y='14' text-anchor='end' font-weight='600'>retrieval</text>"
            f"<text x='{right}' y='14' font-weight='600'>reranked</text>"
            f"<line x1='{right}' x2='{width}' y1='{self._y(self.k + 0.5)}' y2='{self._y(self.k + 0.5)}' "
            f"stroke='{_GREY}' stroke-dasharray='4 3'/>"
        ]
        for one in self.moved:
            colour = self._colour(one)
            for place, x, anchor in ((one.before, left, "end"), (one.after, right, "start")):
                if place is not None and place <= self.most:
                    name = f"{one.label}  {place}" if anchor == "end" else f"{place}  {one.label}"
                    inward = x - 8 if anchor == "end" else x + 8
                    parts.append(
                        f"<text x='{inward}' y='{self._y(place) + 4}' text-anchor='{anchor}' "
                        f"fill='{colour}'>{escape(name)}</text>"
                    )
            if one.before is not None and one.after is not None:
                parts.append(
                    f"<line x1='{left}' x2='{right}' y1='{self._y(one.before)}' y2='{self._y(one.after)}' "
                    f"stroke='{colour}' stroke-width='2'/>"
                )
        return "".join(parts) + "</svg>"

    def _y(self, place: float) -> int:
        return int(_TOP + _ROW * (min(place, self.most + 1) - 0.5))

    def _colour(self, one: Moved) -> str:
        before, after = one.before or self.most + 1, one.after or self.most + 1
        return _GREY if before == after else _BLUE if after < before else _ORANGE


def order_picture(answer: Answer, *, most: int = 10) -> OrderPicture:
    """The first ``most`` places of an answer's passages, before and after reranking.

    Raises `InvalidInputError` for an answer whose passages were not reranked.
    """
    retrieved, reranked = answer.last(Retrieved), answer.last(Reranked)
    if retrieved is None or reranked is None:
        raise InvalidInputError("This answer's passages were not reranked.", "Ask with a reranker.")
    before = {hit.chunk.id: place for place, hit in enumerate(retrieved.hits, start=1)}
    after = {hit.chunk.id: place for place, hit in enumerate(reranked.hits, start=1)}
    hits = {hit.chunk.id: hit for hit in (*reranked.hits, *retrieved.hits)}
    moved = tuple(
        Moved(_label(hit), before.get(number), after.get(number))
        for number, hit in hits.items()
        if min(before.get(number, most + 1), after.get(number, most + 1)) <= most
    )
    return OrderPicture(moved, most, min(len(answer.sources), most))


def _label(hit: Hit) -> str:
    chunk = hit.chunk
    parts = [chunk.title or chunk.source, *chunk.locator.heading[-1:]]
    text = readable(" › ".join(dict.fromkeys(" ".join(part.split()) for part in parts if part)))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1].rstrip()}…"
