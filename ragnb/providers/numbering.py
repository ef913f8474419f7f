"""Events that carry a number: one that came twice is dropped, and two that changed places change back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import httpx2


class _Numbered(msgspec.Struct):
    sequence_number: int | None = None


_numbered = msgspec.json.Decoder(_Numbered)


async def in_order(
    events: AsyncIterator[httpx2.ServerSentEvent],
) -> AsyncGenerator[httpx2.ServerSentEvent, None]:
    """The events as they were numbered.

    One whose number is too high waits for the next event. If that is not the missing one, the numbers have
    a gap, as those of some servers do, and both are passed on.
    """
    last = (-1, "")
    early: list[tuple[tuple[int, str], httpx2.ServerSentEvent]] = []
    async for event in events:
        number = _numbered.decode(event.data).sequence_number if event.data.startswith("{") else None
        if number is None:
            yield event
            continue
        place = (number, event.data)
        if place == last or number < last[0] or (early and place == early[0][0]):
            continue
        if not early and number == last[0] + 1:
            yield event
            last = place
        elif not early and last[0] >= 0 and number > last[0]:
            early = [(place, event)]
        else:
            found = sorted([*early, (place, event)], key=lambda pair: pair[0])
            for _, one in found:
                yield one
            last, early = found[-1][0], []
    for _, one in early:
        yield one
