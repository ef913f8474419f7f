"""How often and how long it is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass

from ragnb.errors import InvalidInputError
from ragnb.resumption.ladder import Step


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how long a call that failed, or an answer that broke off, is tried again: exponential
    backoff with full jitter.

    ``attempts`` counts anew whenever an attempt brought more of the answer. ``initial`` and ``maximum``
    bound one wait, ``budget`` all the time that one answer loses to faults: from each fault to the next
    piece of text, waits included. After ``failures`` calls in a row that brought nothing, a model is
    left alone for ``cooldown``, as long as there is another model. All times are in seconds. See Brooker,
    "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """

    attempts: int = 5
    initial: float = 0.5
    maximum: float = 8.0
    budget: float = 60.0
    failures: int = 5
    cooldown: float = 30.0

    def __post_init__(self) -> None:
        counts, times = (
            (self.attempts, self.failures),
            (self.initial, self.maximum, self.budget, self.cooldown),
        )
        if min(counts) < 1 or min(times) < 0:
            raise InvalidInputError(
                f"{self} cannot be followed.",
                "attempts and failures start at 1, and no time is negative.",
            )

    def wait(self, attempt: int, retry_after: float | None, step: Step = "later") -> float:
        """Seconds to wait after the given attempt (from 1) failed; at least what the provider asks."""
        ceiling = min(self.maximum, self.initial * 2 ** min(attempt - 1, 60))
        is_at_once = step == "at once" and attempt == 1
        return max(0.0 if is_at_once else random.uniform(0, ceiling), retry_after or 0.0)


class Trouble:
    """The faults of one answer: how many since there was progress, and the seconds lost in all.

    ``now`` is any clock's time in seconds, the same in all calls.
    """

    def __init__(self, retry: Retry) -> None:
        self.retry = retry
        self.attempts = 0
        self._lost = 0.0
        self._since: float | None = None

    def begin(self, now: float) -> None:
        """A fault happened."""
        self.attempts += 1
        self._since = now if self._since is None else self._since

    def end(self, now: float) -> None:
        """More of the answer came."""
        self.attempts = 0
        if self._since is not None:
            self._lost += now - self._since
            self._since = None

    def left(self, now: float) -> float:
        """Seconds of the budget that are left."""
        under_way = now - self._since if self._since is not None else 0.0
        return self.retry.budget - self._lost - under_way

    @property
    def is_over(self) -> bool:
        """Whether there is none now."""
        return self._since is None
