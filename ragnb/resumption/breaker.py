"""Circuit breakers: a model that keeps failing is left alone for a while.

See Nygard, "Release It!", 2nd edition, 2018, chapter 5.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ragnb.llms.base import LLM


class Breaker:
    """Opens after so many failures in a row, and then lets one call through each ``cooldown`` seconds,
    until one succeeds."""

    def __init__(self, failures: int, cooldown: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = failures
        self._cooldown = cooldown
        self._clock = clock
        self._failures = 0
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures >= self._most

    def allows(self) -> bool:
        """Whether a call may be made now. While it is open, to ask is to make the one let through."""
        if not self.is_open:
            return True
        if self._clock() < self._until:
            return False
        self._until = self._clock() + self._cooldown
        return True

    def failed(self) -> None:
        self._failures += 1
        self._until = self._clock() + self._cooldown

    def succeeded(self) -> None:
        self._failures = 0


class Breakers:
    """A breaker for each model at its address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._breakers: dict[tuple[str, str], Breaker] = {}

    def of(self, llm: LLM, failures: int, cooldown: float) -> Breaker:
        """The breaker of a model, made at its first use."""
        place = (llm.name, str(getattr(llm, "base_url", "")))
        if place not in self._breakers:
            self._breakers[place] = Breaker(failures, cooldown, self._clock)
        return self._breakers[place]
