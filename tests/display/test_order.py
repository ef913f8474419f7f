"""The picture of what reranking did to the order."""

from __future__ import annotations

import base64
import re

import pytest
from lxml import etree

from ragnb.answer import Answer
from ragnb.display.order import order_picture
from ragnb.documents import Hit
from ragnb.errors import InvalidInputError
from ragnb.events import Reranked
from tests.golden.logs import LOGS
from tests.golden.record import Log, passages


def test_places_before_and_after():
    """Each passage is told with both its places, in the new order; it is drawn as an image."""
    picture = order_picture(LOGS["reranked"]())
    assert str(picture).splitlines() == [
        "  3 → 1   Dogs on board",
        "  2 → 2   Bicycles",
        "  1 → 3   Refunds › How long it takes",
    ]
    shown = picture._repr_html_()
    svg = base64.b64decode(re.search(r"base64,([^\"]+)", shown)[1])
    assert svg.decode() == picture.svg()
    lines = etree.fromstring(svg).findall("{*}line")
    assert len(lines) == 1 + 3
    assert 'alt="Places before and after reranking' in shown


def test_what_came_from_below_and_what_left():
    """Of the first places, what stood further below or is gone is there too; the others are not."""
    first, second, third = passages()
    log = Log(k=1).retrieved(first, second, third)
    log.add(0.1, Reranked(hits=(third, second), reranker="other"))
    places = [(one.before, one.after) for one in order_picture(log.answer, most=1).moved]
    assert places == [(3, 1), (1, None)]


def test_hostile_titles():
    """A title is text in the picture, whatever it holds."""
    title = "<script>alert(1)</script>\u202e & 'x'"
    hits = passages((title, "text", passages()[0].chunk.locator))
    log = Log(k=1).retrieved(*hits)
    log.add(0.1, Reranked(hits=tuple(Hit(hit.chunk, 1.0) for hit in hits), reranker="other"))
    picture = order_picture(log.answer)
    assert not etree.fromstring(picture.svg().encode()).findall(".//{*}script")
    assert "\u202e" not in picture.svg()


def test_an_answer_that_was_not_reranked():
    """It is told, with what to do."""
    for answer in (Answer(), LOGS["simple"]()):
        with pytest.raises(InvalidInputError, match="were not reranked"):
            order_picture(answer)
