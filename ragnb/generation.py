"""Generation: a model's deltas become events, and an answer that breaks off is gone on with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import cast

from ragnb.errors import ProviderError
from ragnb.events import AnyEvent, Finished, Resumed, Retrying, Routed, Token, Used
from ragnb.llms.base import LLM, Block, Citation, Cursor, Delta, Request, Stop, Text, Usage
from ragnb.providers import faults
from ragnb.resumption.breaker import Breakers
from ragnb.resumption.policy import Retry, Trouble
from ragnb.resumption.seam import DivergedError
from ragnb.resumption.strategies import Way, Ways
from ragnb.routing.prices import cost
from ragnb.writing import Written

__all__ = ["Retry", "generate"]

_CHARACTERS_PER_TOKEN = 4  # the usual estimate for English, where a provider reports nothing
_REFUSALS = frozenset(("bad_request", "not_found"))

_ADVICE = {
    "length": "The answer stops where max_tokens was reached. Pass a larger max_tokens to the model, "
    "or ask for less at once.",
    "content_filter": "The provider's content filter ended the answer. Ask in other words, or use "
    "another model.",
}


async def generate(
    llms: Sequence[LLM], request: Request, retry: Retry, breakers: Breakers | None = None
) -> AsyncGenerator[AnyEvent, None]:
    """The events of the answer, `Finished` last, by the first of the models that is able to.

    Where an attempt fails, the next one goes on with the text that is out: the joined texts of all `Token`
    events are the answer. Raises `ProviderError` when there is no further attempt.
    """
    clock = asyncio.get_running_loop().time
    trouble = Trouble(retry)
    ways = Ways(llms, request, breakers or Breakers(), retry)
    out = Written(request.passages)
    way = ways.first()
    if way.llm is not llms[0]:
        yield Routed(model=way.llm.name, reason=f"{llms[0].name} failed repeatedly and is left alone")
    attempt = _Attempt(way, out, trouble)
    fault: ProviderError
    while True:
        try:
            async with aclosing(attempt.events()) as events:
                async for event in events:
                    if type(event) is Token and not attempt.is_answering:
                        attempt.is_answering = True
                        trouble.end(clock())
                        ways.breaker().succeeded()
                    yield event
            return
        except asyncio.CancelledError:
            if attempt.written:
                yield attempt.used()
            raise
        except DivergedError:
            fault = _OtherwiseError(way.llm, "did not say the same again")
        except ProviderError as error:
            fault = error
        trouble.begin(clock())
        if not attempt.is_answering and faults.action(fault.fault, began=False) != "fall back":
            ways.breaker().failed()
        planned = _next(ways, attempt, fault, trouble, clock())
        follows = planned is not None and planned[0].strategy == "cursor" and planned[0].llm is way.llm
        # A provider that goes on by itself counts the whole at its end.
        if (attempt.written or isinstance(fault, _OtherwiseError)) and not follows:
            yield attempt.used()
        if planned is None:
            raise fault
        before, (way, wait) = way, planned
        yield Retrying(fault=fault.fault, message=fault.message, attempt=trouble.attempts, wait=wait)
        if way.llm is not before.llm:
            trouble.attempts = 0
            yield Routed(model=way.llm.name, reason=f"{before.llm.name} failed: {fault.message}")
        since = attempt.begun if follows else None
        try:
            await asyncio.sleep(wait)
        except asyncio.CancelledError:
            if follows and attempt.written:
                yield attempt.used()
            raise
        attempt = _Attempt(way, out, trouble, since)


def _next(
    ways: Ways, attempt: _Attempt, error: ProviderError, trouble: Trouble, now: float
) -> tuple[Way, float] | None:
    """The next attempt and the seconds to wait before it, None if there is none."""
    partial = attempt.out.partial()
    action = faults.action(error.fault, began=attempt.is_answering)
    strategy = attempt.way.strategy
    is_refused = strategy is not None and error.fault in _REFUSALS
    if is_refused and attempt.way.loses is not None and isinstance(error, _OtherwiseError):
        ways.lost(attempt.way.loses)
    elif is_refused:
        ways.refuse(attempt.way)
    elif action != "fall back" and trouble.attempts < trouble.retry.attempts and not ways.is_left_alone():
        wait = trouble.retry.wait(trouble.attempts, error.retry_after, action)
        if wait <= trouble.left(now) and (way := ways.same(partial)) is not None:
            return way, wait
    if trouble.left(now) <= 0:
        return None
    other = (ways.same(partial) if is_refused else None) or ways.other(partial)
    return None if other is None else (other, 0.0)


class _OtherwiseError(ProviderError):
    """A model went on otherwise than it was to, and must be asked in another way."""

    def __init__(self, llm: LLM, what: str) -> None:
        super().__init__("bad_request", f"{llm.name} {what}.", "Ask again for a new answer.")


class _Attempt:
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
        begun: list[tuple[int, bool]] = []
        said = 0
        is_told = self.way.strategy is None or not offset
        stream = cast(AsyncGenerator[Delta, None], llm.stream(self.way.request))
        async with aclosing(stream):
            while (delta := await self._next(stream)) is not None:
                new, citations = "", []
                match delta:
                    case Text(text, position):
                        said += len(text)
                        out.moved(position)
                        new = seam.feed(text)
                    case Citation():
                        waiting.append(delta)
                    case Block(is_cited):
                        if self.way.loses is not None and not said and not is_cited:
                            raise _OtherwiseError(llm, "went on without the citations of its last sentence")
                        begun.append((said, is_cited))
                    case Usage():
                        self._usage = delta
                    case Cursor():
                        out.cursor = delta
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
                if new:
                    yield Token(text=new)
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

    async def _next(self, stream: AsyncGenerator[Delta, None]) -> Delta | None:
        """The next delta, None at the end; while there is trouble, within what is left of the budget."""
        try:
            if self._trouble.is_over:
                return await anext(stream)
            now = asyncio.get_running_loop().time()
            async with asyncio.timeout(self._trouble.left(now)):
                return await anext(stream)
        except StopAsyncIteration:
            return None
        except TimeoutError:
            raise ProviderError(
                "stalled",
                f"{self.way.llm.name} did not go on within the time for retries.",
                "Ask again; a larger Retry(budget=…) waits longer.",
            ) from None

    def used(self, *, complete: bool = False) -> Used:
        """What this attempt consumed: as reported, or estimated from the number of characters."""
        usage = self._usage if complete else None
        estimated = usage is None
        if usage is None:
            request = self.way.request
            asked = len(request.question) + sum(len(hit.chunk.text) for hit in request.passages)
            asked += len(request.partial.text) if request.partial else 0
            usage = Usage(
                self._usage.input_tokens if self._usage else asked // _CHARACTERS_PER_TOKEN,
                -(-self.written // _CHARACTERS_PER_TOKEN),
            )
        return Used(
            model=self.way.llm.name,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
            cost=cost(self.way.llm.name, usage),
            estimated=estimated,
        )
