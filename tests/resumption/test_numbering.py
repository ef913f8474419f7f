"""Numbered events: twice is once, swapped is put right, and a gap is no reason to lose what comes."""

from __future__ import annotations

import pytest
from httpx2 import ServerSentEvent

from ragnb.providers.numbering import in_order


@pytest.mark.parametrize(
    ("numbers", "passed"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 3]),
        ([0, 1, 1, 2], [0, 1, 2]),
        ([0, 1, 2, 1, 3], [0, 1, 2, 3]),
        ([0, 2, 1, 3], [0, 1, 2, 3]),
        ([0, 2, 2, 1, 3], [0, 1, 2, 3]),
        ([7, 8, 10, 11], [7, 8, 10, 11]),
        ([0, 1, 4], [0, 1, 4]),
        ([None, None, 5, None, 6], [None, None, 5, None, 6]),
        ([], []),
    ],
)
async def test_in_order(numbers, passed):
    """What was numbered comes as it was numbered; what was not, as it came."""

    async def events():
        for number in numbers:
            data = "[DONE]" if number is None else f'{{"sequence_number":{number}}}'
            yield ServerSentEvent(event="message", data=data)

    found = [event.data async for event in in_order(events())]
    assert found == ["[DONE]" if n is None else f'{{"sequence_number":{n}}}' for n in passed]


async def test_numbers_that_do_not_count():
    """A server whose numbers are all the same loses nothing."""

    async def events():
        for text in "abc":
            yield ServerSentEvent(event="message", data=f'{{"sequence_number":0,"delta":"{text}"}}')

    assert len([event async for event in in_order(events())]) == 3
