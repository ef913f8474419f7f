"""Generation: one model's deltas become events, and a call that fails before its first token is
tried again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from ragnb.citations import MarkerReader
from ragnb.errors import InvalidInputError, ProviderError
from ragnb.events import AnyEvent, Cited, Finished, Quote, Retrying, Token, Used
from ragnb.llms.base import LLM, Citation, Delta, Request, Stop, Text, Usage
from ragnb.routing.prices import cost

_PASSING = frozenset(("rate_limit", "overloaded", "server", "unreachable", "stalled", "cut"))
_CHARACTERS_PER_TOKEN = 4  # the usual estimate for English, where a provider reports nothing

_ADVICE = {
    "length": "The answer stops where max_tokens was reached. Pass a larger max_tokens to the model, "
    "or ask for less at once.",
    "content_filter": "The provider's content filter ended the answer. Ask in other words, or use "
    "another model.",
}


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how long a failed call is tried again: exponential backoff with full jitter.

    ``initial`` and ``maximum`` bound one wait, ``budget`` all of them; in seconds. See Brooker,
    "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """

    attempts: int = 5
    initial: float = 0.5
    maximum: float = 8.0
    budget: float = 60.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.initial < 0 or self.maximum < 0 or self.budget < 0:
            raise InvalidInputError(
                f"{self} cannot be followed.", "attempts starts at 1, and no time is negative."
            )

    def wait(self, attempt: int, retry_after: float | None) -> float:
        """Seconds to wait after the given attempt (from 1) failed; at least what the provider asks."""
        ceiling = min(self.maximum, self.initial * 2 ** (attempt - 1))
        return max(random.uniform(0, ceiling), retry_after or 0.0)


async def generate(llm: LLM, request: Request, retry: Retry) -> AsyncGenerator[AnyEvent, None]:
    """The events of the answer, `Finished` last.

    Before the first token a passing fault is retried; after it, the answer is never started again.
    Raises `ProviderError` when there is no further attempt.
    """
    begin = time.monotonic()
    attempt = 1
    while True:
        written = _Attempt(llm, request)
        try:
            async with aclosing(written.events()) as events:
                async for event in events:
                    yield event
            return
        except asyncio.CancelledError:
            if written.length:
                yield written.used()
            raise
        except ProviderError as error:
            if written.length:
                yield written.used()
            wait = retry.wait(attempt, error.retry_after)
            spent = time.monotonic() - begin
            is_last = attempt >= retry.attempts or spent + wait > retry.budget
            if written.length or error.fault not in _PASSING or is_last:
                raise
            yield Retrying(fault=error.fault, message=error.message, attempt=attempt, wait=wait)
            await asyncio.sleep(wait)
            attempt += 1


class _Attempt:
    """One request to a model, and what has come of it so far."""

    def __init__(self, llm: LLM, request: Request) -> None:
        self._llm = llm
        self._request = request
        self.length = 0  # characters of the answer
        self.usage: Usage | None = None

    async def events(self) -> AsyncGenerator[AnyEvent, None]:
        markers = None if self._llm.citing else MarkerReader(self._request.passages)
        stream = cast(AsyncGenerator[Delta, None], self._llm.stream(self._request))
        async with aclosing(stream):
            async for delta in stream:
                match delta:
                    case Text(text):
                        self.length += len(text)
                        yield Token(text=text)
                        if markers is not None:
                            for cited in markers.feed(text):
                                yield cited
                    case Citation():
                        yield self._cited(delta)
                    case Usage():
                        self.usage = delta
                    case Stop(reason):
                        for cited in markers.close() if markers is not None else ():
                            yield cited
                        yield self.used(complete=True)
                        yield Finished(reason=reason, advice=_ADVICE.get(reason, ""))
                        return

    def used(self, *, complete: bool = False) -> Used:
        """What this attempt consumed: as reported, or estimated from the number of characters."""
        usage = self.usage if complete else None
        estimated = usage is None
        if usage is None:
            asked = len(self._request.question) + sum(len(hit.chunk.text) for hit in self._request.passages)
            usage = Usage(
                self.usage.input_tokens if self.usage else asked // _CHARACTERS_PER_TOKEN,
                -(-self.length // _CHARACTERS_PER_TOKEN),
            )
        return Used(
            model=self._llm.name,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
            cost=cost(self._llm.name, usage),
            estimated=estimated,
        )

    def _cited(self, citation: Citation) -> Cited:
        hit = self._request.passages[citation.number - 1]
        text = hit.chunk.text[citation.quote_start : citation.quote_end]
        return Cited(
            start=citation.start,
            end=citation.end,
            marker=citation.marker,
            quotes=(
                Quote(
                    number=citation.number,
                    chunk_id=hit.chunk.id,
                    start=citation.quote_start,
                    end=citation.quote_end,
                    text=text,
                ),
            ),
        )
