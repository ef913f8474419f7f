"""Which model goes on with an answer, by which strategy, and how its continuation is joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from ragnb.llms.base import LLM, Continuing, Partial, Request, Strategy
from ragnb.resumption.breaker import Breaker, Breakers
from ragnb.resumption.evidence import anchor
from ragnb.resumption.policy import Retry
from ragnb.resumption.seam import Seam, Trust


@dataclass(frozen=True, slots=True)
class Way:
    """A request to a model; ``strategy`` is None where nothing is out and it simply answers."""

    llm: LLM
    request: Request
    strategy: Strategy | None

    def seam(self, text: str) -> Seam:
        """What joins its answer to the text that is out."""
        partial = self.request.partial
        match self.strategy:
            case None | "cursor":
                return Seam(text, Trust.CURSOR)
            case "replay":
                return Seam(text, Trust.REPLAY)
            case "exact" if partial and partial.ids and partial.model == self.llm.name:
                return Seam(text, Trust.CURSOR)  # it goes on from the tokens themselves
            case "exact" | "prefill":
                sent = partial.sent if partial else ""
                echoes = self.strategy == "prefill" and getattr(self.llm, "echoes", False)
                return Seam(text, Trust.PROTOCOL, sent=sent, echoes=echoes)
            case "instruction":
                sent, words = (partial.sent, partial.anchor) if partial else ("", "")
                return Seam(text, Trust.ANCHOR, sent=sent, anchor=words)
            case _:
                assert_never(self.strategy)


class Ways:
    """The ways to go on, best first. One that was refused is not taken again, and a model that was left is
    not come back to."""

    def __init__(self, llms: Sequence[LLM], request: Request, breakers: Breakers, retry: Retry) -> None:
        self._llms = list(llms)
        self._request = request
        self._breakers = breakers
        self._retry = retry
        self._refused: set[Strategy] = set()

    def breaker(self) -> Breaker:
        """The breaker of the present model's provider."""
        return self._breakers.of(self._llms[0], self._retry.failures, self._retry.cooldown)

    def first(self) -> Way:
        """The first model, or the next one if its provider is left alone; the first if all are."""
        fresh = Partial("")
        if len(self._llms) > 1 and not self.breaker().allows():
            given_up = list(self._llms)
            way = self.other(fresh)
            if way is not None:
                return way
            self._llms = given_up
        return Way(self._llms[0], self._request, None)

    def is_left_alone(self) -> bool:
        """Whether the present model's provider keeps failing, and there is another model."""
        return len(self._llms) > 1 and self.breaker().is_open

    def refuse(self, strategy: Strategy) -> None:
        """The present model does not go on in this way."""
        self._refused.add(strategy)

    def same(self, partial: Partial) -> Way | None:
        """How the present model goes on, None if it cannot."""
        return self._way(self._llms[0], partial)

    def other(self, partial: Partial) -> Way | None:
        """How the next model that can goes on; from then on it is the present one."""
        while len(self._llms) > 1:
            del self._llms[0]
            self._refused = set()
            if self.breaker().allows() and (way := self._way(self._llms[0], partial)) is not None:
                return way
        return None

    def _way(self, llm: LLM, partial: Partial) -> Way | None:
        possible = llm.strategies(partial) if isinstance(llm, Continuing) else ()
        left = [strategy for strategy in possible if strategy not in self._refused]
        if "cursor" in left:
            return self._going_on(llm, partial, "cursor")
        if not partial.text:
            return Way(llm, self._request, None)
        if not left:
            return None
        if not partial.text.strip():
            # White space cannot be continued: the whole answer comes, and its beginning is left out.
            return Way(llm, self._request, "prefill")
        return self._going_on(llm, partial, left[0])

    def _going_on(self, llm: LLM, partial: Partial, strategy: Strategy) -> Way:
        words = anchor(partial.text) if strategy == "instruction" else ""
        going_on = replace(partial, strategy=strategy, anchor=words)
        return Way(llm, replace(self._request, partial=going_on), strategy)
