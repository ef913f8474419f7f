"""Resilience: what a pipeline does about models that fail, or answer late."""

from __future__ import annotations

from dataclasses import dataclass, field

from ragnb.llms.base import LLM
from ragnb.resumption.breaker import Breaker, Breakers
from ragnb.resumption.ladder import Ladder
from ragnb.resumption.policy import Retry
from ragnb.routing.hedging import Hedging
from ragnb.routing.windows import Windows


@dataclass(frozen=True, slots=True)
class Resilience:
    """How often it is tried again, the next step after each fault, which providers are left alone, how much
    each model can read, and when a late request is made once more. One for all answers of a pipeline."""

    retry: Retry = field(default_factory=Retry)
    ladder: Ladder = field(default_factory=Ladder)
    breakers: Breakers = field(default_factory=Breakers)
    windows: Windows = field(default_factory=Windows)
    hedging: Hedging | None = None

    def breaker(self, llm: LLM) -> Breaker:
        return self.breakers.of(llm, self.retry.failures, self.retry.cooldown)
