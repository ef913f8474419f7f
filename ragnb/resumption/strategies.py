"""Which model goes on with an answer, by which strategy, and how its continuation is joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from ragnb.llms.base import LLM, Continuing, Partial, Request, Strategy
from ragnb.resumption.breaker import Breaker
from ragnb.resumption.evidence import anchor
from ragnb.resumption.resilience import Resilience
from ragnb.resumption.seam import Seam, Trust
from ragnb.sentences import is_ended


@dataclass(frozen=True, slots=True)
class Way:
    """A request to a model; ``strategy`` is None where nothing is out and it simply answers.

    ``loses`` is where the block begins in the text whose citations are lost, should the model not cite what
    it says first.
    """

    llm: LLM
    request: Request
    strategy: Strategy | None
    loses: int | None = None

    @property
    def retells(self) -> bool:
        """Whether the block that was cut is said again, for the sake of its citations."""
        partial = self.request.partial
        return partial is not None and partial.again is not None

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
            case "prefill" if partial is not None and self.retells:
                return Seam(text, Trust.REPLAY, sent=partial.sent)
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

    def __init__(self, llms: Sequence[LLM], request: Request, care: Resilience) -> None:
        self._llms = list(llms)
        self._request = request
        self._care = care
        self._refused: set[Strategy] = set()
        self._may_retell = True
        self._lost: int | None = None

    def breaker(self) -> Breaker:
        """The breaker of the present model's provider."""
        return self._care.breaker(self._llms[0])

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

    def refuse(self, way: Way) -> None:
        """The present model does not go on in this way."""
        if way.retells:
            self._may_retell = False
        elif way.strategy is not None:
            self._refused.add(way.strategy)

    def lost(self, block: int | None) -> None:
        """The citations of this block did not come: the model is to say it again."""
        self._lost = block

    def same(self, partial: Partial) -> Way | None:
        """How the present model goes on, None if it cannot."""
        return self._way(self._llms[0], partial)

    def other(self, partial: Partial, suits: Callable[[LLM], bool] = lambda llm: True) -> Way | None:
        """How the next model that ``suits`` and can goes on; from then on it is the present one."""
        while len(self._llms) > 1:
            del self._llms[0]
            self._refused, self._may_retell = set(), True
            if not suits(self._llms[0]) or not self.breaker().allows():
                continue
            if (way := self._way(self._llms[0], partial)) is not None:
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
        block = partial.block if strategy == "prefill" and llm.citing and self._may_retell else None
        if block is not None and not partial.text[block:].strip():
            block = None
        # A model that is shown a whole sentence goes on with the next one, and never cites the one before.
        is_whole = block is not None and (block == self._lost or is_ended(partial.text))
        going_on = replace(partial, strategy=strategy, anchor=words, again=block if is_whole else None)
        return Way(llm, replace(self._request, partial=going_on), strategy, None if is_whole else block)
