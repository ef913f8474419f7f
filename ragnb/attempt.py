"""One request to a model, and the events that come of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from ragnb import consumption
from ragnb.errors import ProviderError
from ragnb.events import AnyEvent, Finished, Kept, Resumed, Token, Used
from ragnb.llms.base import LLM, Block, Citation, Cursor, Delta, Stop, Text, Usage
from ragnb.resumption.policy import Trouble
from ragnb.resumption.strategies import Way
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
    another by its cursor, when that was.
    """

    def __init__(self, way: Way, out: Written, trouble: Trouble, begun: int | None = None) -> None:
        self.way = way
        self.out = out
        self.begun = out.length if begun is None else begun
        self.is_answering = False
        self._trouble = trouble
        self._usage: Usage | None = None

    @property
    def written(self) -> int:
        """Characters of the answer that came of the request."""
        return self.out.length - self.begun

    async def events(self) -> AsyncGenerator[AnyEvent, None]:
        llm, out = self.way.llm, self.out
        out.turn_to(llm)
        seam = self.way.seam(out.text if self.way.strategy else "")
        offset = out.length
        waiting: list[Citation] = []
        kept: Cursor | None = None
        begun: list[tuple[int, bool]] = []
        said = 0
        is_told = self.way.strategy is None or not offset
        stream = cast(AsyncGenerator[Delta, None], llm.stream(self.way.request))
        async with aclosing(stream):
            while True:
                try:
                    delta = await (anext(stream) if self._trouble.is_over else self._in_time(stream))
                except StopAsyncIteration:
                    return
                new, citations = "", []
                position: int | None = None
                ids: tuple[int, ...] = ()
                match delta:
                    case Text(text, position, ids):
                        said += len(text)
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
                    case Stop():
                        new = seam.close()
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
                    yield self.used(complete=True)
                    yield Finished(reason=delta.reason, advice=_ADVICE.get(delta.reason, ""))
                    return

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

    def used(self, *, complete: bool = False) -> Used:
        """What this attempt consumed: as reported, or estimated from the number of characters."""
        if complete and self._usage is not None:
            return consumption.reported(self.way.llm.name, self._usage)
        partial = self.way.request.partial
        sent = len(partial.text) if partial else 0
        return consumption.estimated(
            self.way.llm.name, self.way.request, sent=sent, written=self.written, usage=self._usage
        )
