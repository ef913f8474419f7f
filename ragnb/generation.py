"""Generation: a model's deltas become events, and an answer that breaks off is gone on with."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import cast

from ragnb.errors import ProviderError
from ragnb.events import AnyEvent, Finished, Kept, Resumed, Retrying, Routed, Token, Used
from ragnb.llms.base import LLM, Block, Citation, Cursor, Delta, Keeping, Request, Stop, Text, Usage
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
    llms: Sequence[LLM],
    request: Request,
    retry: Retry,
    breakers: Breakers | None = None,
    out: Written | None = None,
) -> AsyncGenerator[AnyEvent, None]:
    """The events of the answer, `Finished` last, by the first of the models that is able to.

    Where an attempt fails, the next one goes on with the text that is out: the joined texts of all `Token`
    events are the answer. ``out`` is what is out before the first one, of a process that has ended. Raises
    `ProviderError` when there is no further attempt.
    """
    clock = asyncio.get_running_loop().time
    trouble = Trouble(retry)
    out = out or Written(request.passages)
    llms = [*itertools.dropwhile(lambda llm: llm.name != out.model, llms)] or llms
    ways = Ways(llms, request, breakers or Breakers(), retry)
    partial = out.partial()
    way = ways.first() if out.is_empty else ways.same(partial) or ways.other(partial)
    begun = out.accounted if way and way.strategy == "cursor" else out.length
    for cited in out.owed:
        yield cited
    if begun > out.accounted:
        usage = _estimated(request, out.accounted, begun - out.accounted)
        yield _used(out.model, usage, estimated=True)
    if way is None:
        raise ProviderError(
            "bad_request",
            f"{llms[0].name} cannot go on with an answer that was interrupted.",
            "Ask the question again, or use a model that can.",
        )
    if way.llm.name != (out.model or llms[0].name):
        yield Routed(model=way.llm.name, reason=_why(llms[0], out))
    attempt = _Attempt(way, out, trouble, begun)
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
            if out.cursor is not None and isinstance(way.llm, Keeping):
                way.llm.let_go(out.cursor)
            if follows and attempt.written:
                yield attempt.used()
            raise
        attempt = _Attempt(way, out, trouble, since)


def _why(first: LLM, out: Written) -> str:
    """Why another model than the one that is due answers."""
    if out.model and first.name != out.model:
        return f"the process that used {out.model} ended, and this pipeline has another model"
    if out.is_empty:
        return f"{first.name} failed repeatedly and is left alone"
    return f"{first.name} cannot go on with an answer that was interrupted"


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
        kept: Cursor | None = None
        begun: list[tuple[int, bool]] = []
        said = 0
        is_told = self.way.strategy is None or not offset
        stream = cast(AsyncGenerator[Delta, None], llm.stream(self.way.request))
        async with aclosing(stream):
            while (delta := await self._next(stream)) is not None:
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
                            raise _OtherwiseError(llm, "went on without the citations of its last sentence")
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
        if complete and self._usage is not None:
            return _used(self.way.llm.name, self._usage)
        partial = self.way.request.partial
        usage = _estimated(self.way.request, len(partial.text) if partial else 0, self.written)
        if self._usage is not None:
            usage = replace(usage, input_tokens=self._usage.input_tokens)
        return _used(self.way.llm.name, usage, estimated=True)


def _estimated(request: Request, sent: int, written: int) -> Usage:
    """What an attempt consumed that was sent so many characters of the answer, and wrote so many."""
    asked = len(request.question) + sum(len(hit.chunk.text) for hit in request.passages) + sent
    return Usage(asked // _CHARACTERS_PER_TOKEN, -(-written // _CHARACTERS_PER_TOKEN))


def _used(model: str, usage: Usage, *, estimated: bool = False) -> Used:
    return Used(
        model=model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cost=cost(model, usage),
        estimated=estimated,
    )
