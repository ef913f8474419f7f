"""One request to a model, and the events that come of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from ragnb import consumption
from ragnb.errors import BudgetError, ProviderError
from ragnb.events import AnyEvent, Finished, Kept, Resumed, Token, Used
from ragnb.llms.base import LLM, Block, Citation, Cursor, Delta, Stop, Text, Usage
from ragnb.resumption.policy import Trouble
from ragnb.resumption.strategies import Way
from ragnb.routing.budgets import Purse, Reservation
from ragnb.routing.hedging import Hedging, Lost, hedged
from ragnb.routing.hold import Hold, held
from ragnb.writing import Written

_ADVICE = {
    "length": "The answer stops where max_tokens was reached. Pass a larger max_tokens to the model, "
    "or ask for less at once.",
    "content_filter": "The provider's content filter ended the answer. Ask in other words, or use "
    "another model.",
}


class OtherwiseError(ProviderError):
    """A model went on otherwise than it was to, and must be asked in another way."""

    def __init__(self, llm: LLM, what: str) -> None:
        super().__init__("bad_request", f"{llm.name} {what}.", "Ask again for a new answer.")


class Attempt:
    """One request to a model, and what has come of it so far.

    ``begun`` is the length that the answer had when the request was made; of one that follows
    another by its cursor, when that was, with what was ``reserved`` for it. While nothing is out, the
    beginning is held back as ``hold`` says, and a late request made twice as ``hedging`` does.
    """

    def __init__(
        self,
        way: Way,
        out: Written,
        trouble: Trouble,
        purse: Purse,
        begun: int | None = None,
        hold: Hold | None = None,
        hedging: Hedging | None = None,
        reserved: Reservation | None = None,
    ) -> None:
        self.way = way
        self.out = out
        self.begun = out.length if begun is None else begun
        self.is_answering = False
        self._trouble = trouble
        self.purse = purse
        self.reserved = reserved
        self._hold = hold
        self._hedging = hedging
        self._lost: list[Used] = []
        self._is_whole = False
        self._said = 0
        self._usage: Usage | None = None

    @property
    def written(self) -> int:
        """Characters of the answer that came of the request."""
        return self.out.length - self.begun

    @property
    def is_billed(self) -> bool:
        """Whether the model began, as far as one can tell from what it sent."""
        return bool(self.written or self._said or self._usage)

    async def events(self) -> AsyncGenerator[AnyEvent, None]:
        llm, out = self.way.llm, self.out
        out.turn_to(llm)
        self.reserved = self.reserved or self.purse.reserve(llm, self.way.request)
        seam = self.way.seam(out.text if self.way.strategy else "")
        offset = out.length
        waiting: list[Citation] = []
        kept: Cursor | None = None
        begun: list[tuple[int, bool]] = []
        said = 0
        is_told = self.way.strategy is None or not offset
        stream = self._stream()
        async with aclosing(stream):
            while True:
                try:
                    delta = await (anext(stream) if self._trouble.is_over else self._in_time(stream))
                except StopAsyncIteration:
                    return
                while self._lost:
                    yield self._lost.pop()
                new, citations = "", []
                position: int | None = None
                ids: tuple[int, ...] = ()
                match delta:
                    case Text(text, position, ids):
                        said += len(text)
                        if said > self._said:  # else it was held back, and counted
                            self._said = said
                        new = seam.feed(text)
                        ids = ids if new == text else ()
                    case Citation():
                        waiting.append(delta)
                    case Block(is_cited):
                        if self.way.loses is not None and not said and not is_cited:
                            raise OtherwiseError(llm, "went on without the citations of its last sentence")
                        begun.append((said, is_cited))
                    case Usage():
                        self._usage = delta
                    case Cursor():
                        kept = delta
                    case Stop(reason):
                        new = seam.close()
                        self._is_whole = True
                        if reason == "content_filter" and not new and not out.length:
                            raise self._filtered()
                if seam.is_settled and not is_told and (new or isinstance(delta, Stop)):
                    is_told = True
                    yield Resumed(
                        strategy=self.way.strategy or "",
                        model=llm.name,
                        offset=offset,
                        trimmed=seam.trimmed,
                    )
                if kept is not None and (new or not offset):  # till then its beginning may be a repeat
                    if out.cursor is None or out.cursor.id != kept.id:
                        yield Kept(id=kept.id, model=llm.name)
                    out.cursor, kept = kept, None
                if new:
                    yield Token(text=new, position=out.moved(position), ids=out.counted(ids))
                    for cited in out.add(new):
                        yield cited
                if seam.is_settled and begun:
                    for place, is_cited in begun:
                        out.begin(offset - seam.trimmed + place, offset, is_cited=is_cited)
                    begun.clear()
                if seam.is_settled and waiting:
                    citations, waiting = waiting, []
                    for citation in citations:
                        for cited in out.cite(citation, offset - seam.trimmed, offset):
                            yield cited
                if isinstance(delta, Stop):
                    for cited in out.close():
                        yield cited
                    yield self.used()
                    advice = f"{_ADVICE.get(delta.reason, '')} {self.purse.warning()}".strip()
                    yield Finished(reason=delta.reason, advice=advice)
                    return

    def _filtered(self) -> ProviderError:
        return ProviderError(
            "content_filter",
            f"The content filter of {self.way.llm.name} let nothing of the answer through.",
            "Ask in other words, or use another model.",
        )

    def _stream(self) -> AsyncGenerator[Delta, None]:
        """The model's deltas. Before anything is out a late request may be made twice, and the beginning of
        an answer held back."""
        stream = cast(AsyncGenerator[Delta, None], self.way.llm.stream(self.way.request))
        if not self.out.is_empty or self.way.strategy is not None:
            return stream
        if self._hedging is not None:
            stream = self._hedged(stream, self._hedging)
        return stream if self._hold is None else self._held(stream, self._hold)

    async def _hedged(
        self, stream: AsyncGenerator[Delta, None], hedging: Hedging
    ) -> AsyncGenerator[Delta, None]:
        """The request that answers first, where the first one is late; see `hedged`."""
        llm, request = self.way.llm, self.way.request
        clock = asyncio.get_running_loop().time
        since, after = clock(), hedging.begin(llm.name)
        second: list[Reservation] = []

        def again() -> AsyncGenerator[Delta, None] | None:
            try:
                if not hedging.claim():
                    return None
                second.append(self.purse.reserve(llm, request))
            except BudgetError:
                return None
            return cast(AsyncGenerator[Delta, None], llm.stream(request))

        is_waiting = True
        deltas = stream if after is None else hedged(stream, after, again)
        async with aclosing(stream), aclosing(deltas):
            async for delta in deltas:
                if isinstance(delta, Lost):
                    prices, usage = self.purse.prices, delta.usage
                    lost = consumption.estimated(llm, request, prices, sent=0, written=0, usage=usage)
                    second[0].settle(lost.cost)
                    self._lost.append(lost)
                    continue
                if is_waiting and isinstance(delta, Text):
                    is_waiting = False
                    hedging.answered(llm.name, clock() - since)
                yield delta

    async def _held(self, stream: AsyncGenerator[Delta, None], hold: Hold) -> AsyncGenerator[Delta, None]:
        """What is no refusal; see `held`. What is held back was consumed, too."""

        async def counted() -> AsyncGenerator[Delta, None]:
            async for delta in stream:
                match delta:
                    case Text(text):
                        self._said += len(text)
                    case Usage():
                        self._usage = delta
                    case Stop():
                        self._is_whole = True
                yield delta

        coming = counted()
        async with aclosing(stream), aclosing(coming), aclosing(held(coming, self.way.llm, hold)) as shown:
            async for delta in shown:
                yield delta

    async def _in_time(self, stream: AsyncGenerator[Delta, None]) -> Delta:
        """The next delta, within what is left of the budget."""
        left = self._trouble.left(asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(left):
                return await anext(stream)
        except TimeoutError:
            raise ProviderError(
                "stalled",
                f"{self.way.llm.name} did not go on within the time for retries.",
                "Ask again; a larger Retry(budget=…) waits longer.",
            ) from None

    def paid(self) -> list[Used]:
        """What this attempt consumed, and the other request that was made beside it."""
        lost, self._lost = self._lost, []
        return [*lost, self.used()]

    def free(self) -> None:
        """Nothing was consumed: what was set aside for it is there again."""
        if self.reserved is not None:
            self.reserved.settle()

    def used(self) -> Used:
        """What this attempt consumed, which is paid: as reported, or estimated from the number of
        characters."""
        used = self._used()
        if self.reserved is not None:
            self.reserved.settle(used.cost)
        return used

    def _used(self) -> Used:
        llm, request, prices = self.way.llm, self.way.request, self.purse.prices
        if self._is_whole and self._usage is not None:
            return consumption.reported(llm, self._usage, prices)
        sent, written = len(request.partial.text) if request.partial else 0, max(self.written, self._said)
        return consumption.estimated(llm, request, prices, sent=sent, written=written, usage=self._usage)
