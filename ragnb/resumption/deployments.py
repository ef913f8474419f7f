"""Deployments: one model behind several keys or addresses."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import cast

from ragnb.errors import ConfigurationError, ProviderError
from ragnb.llms.base import LLM, Connecting, Continuing, Delta, Partial, Request, Strategy, Text
from ragnb.llms.price import Price
from ragnb.providers.faults import OF_KEY, PASSING


class Deployments:
    """One model behind several keys or addresses, of which the least busy one is asked:

        Deployments([OpenAILLM("gpt-4.1-mini", api_key=one), OpenAILLM("gpt-4.1-mini", api_key=two)])

    One that limits the rate, is down, or refuses its key is left alone for as long as it asks, or for
    ``cooldown`` seconds; the others are asked at once in its place. Where all are left alone, the one whose
    time is over first is asked. It is a model like any other, as ``llm=``, as fallback or as tier.

    Raises `ConfigurationError` for models of several names, and for answers in the background, which only
    the account that made them can go on with.
    """

    def __init__(
        self,
        llms: Sequence[LLM],
        *,
        cooldown: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not llms or len({(llm.name, llm.citing) for llm in llms}) > 1:
            raise ConfigurationError(
                f"{[llm.name for llm in llms]} are no deployments of one model.",
                "Pass one model or more that have the same name; others are fallbacks or tiers.",
            )
        if any(getattr(llm, "background", False) for llm in llms):
            raise ConfigurationError(
                "An answer in the background is kept by one account.",
                "Leave out background=True, or pass one model alone.",
            )
        self._all = [_Deployment(llm) for llm in llms]
        self._cooldown = cooldown
        self._clock = clock
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Deployments({self.name!r}, {len(self._all)})"

    @property
    def name(self) -> str:
        return self._first.name

    @property
    def citing(self) -> bool:
        return self._first.citing

    @property
    def price(self) -> Price | None:
        """USD per million tokens; None where genai-prices is asked."""
        return getattr(self._first, "price", None)

    @property
    def max_tokens(self) -> int | None:
        """The most tokens of an answer, the largest of them."""
        return max((getattr(one.llm, "max_tokens", 0) for one in self._all), default=0) or None

    @property
    def echoes(self) -> bool:
        """Whether the model says a prefilled beginning again."""
        return getattr(self._first, "echoes", False)

    @property
    def _first(self) -> LLM:
        return self._all[0].llm

    def warm_up(self) -> None:
        self._first.warm_up()

    def connect(self) -> None:
        """Begin to open a connection of the one that is next; see `ragnb.llms.base.Connecting`."""
        with self._lock:
            asked = self._next()
        if isinstance(asked.llm, Connecting):
            asked.llm.connect()

    def strategies(self, partial: Partial) -> tuple[Strategy, ...]:
        """How the model can go on with this text; see `ragnb.llms.base.Continuing`."""
        return self._first.strategies(partial) if isinstance(self._first, Continuing) else ()

    def has_another(self) -> bool:
        """Whether one of them is not left alone now."""
        now = self._clock()
        return any(one.until <= now for one in self._all)

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """The answer's deltas, by the least busy one; see `ragnb.llms.base.LLM.stream`."""
        asked = self._taken()
        has_begun = False
        try:
            stream = cast(AsyncGenerator[Delta, None], asked.llm.stream(request))
            async with aclosing(stream):
                async for delta in stream:
                    has_begun = has_begun or isinstance(delta, Text)
                    yield delta
        except ProviderError as error:
            if not has_begun and error.fault in PASSING | OF_KEY:
                asked.until = self._clock() + (error.retry_after or self._cooldown)
            raise
        finally:
            with self._lock:
                asked.busy -= 1

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        for one in self._all:
            if (close := getattr(one.llm, "aclose", None)) is not None:
                await close()

    def _taken(self) -> _Deployment:
        with self._lock:
            one = self._next()
            one.busy += 1
            one.asked += 1
            return one

    def _next(self) -> _Deployment:
        now = self._clock()
        return min(self._all, key=lambda one: (max(0.0, one.until - now), one.busy, one.asked))


class _Deployment:
    """``busy`` are its requests that run, ``asked`` all there were; it is left alone ``until`` then."""

    def __init__(self, llm: LLM) -> None:
        self.llm = llm
        self.busy = self.asked = 0
        self.until = 0.0
