"""Budgets: a request that might pass one is not made."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ragnb.errors import BudgetError, InvalidInputError
from ragnb.llms import prompt
from ragnb.llms.base import LLM, Request, Usage
from ragnb.routing.prices import Prices

_AROUND = 500  # tokens of a request beside its texts
_MAX_TOKENS = 1024  # of a model that does not say how long its answers may be


class Allowance:
    """So much may be spent, in USD, by all that share it: pass one to several pipelines for a budget of a
    whole run. Safe to use from several threads. Raises `InvalidInputError` for what is no amount."""

    def __init__(self, limit: float, name: str = "the run") -> None:
        if not isinstance(limit, (int, float)) or isinstance(limit, bool) or not 0 <= limit < math.inf:
            raise InvalidInputError(
                f"{limit!r} is no budget.", "Write USD, such as 0.50; None is no limit."
            )
        self.limit = limit
        self.name = name
        self._spent = 0.0
        self._reserved = 0.0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Allowance({self.limit}, {self.name!r}, spent={self.spent:.6f})"

    @property
    def spent(self) -> float:
        """USD so far."""
        return self._spent

    def reserve(self, amount: float) -> bool:
        """Set so much aside; False, and nothing is, where that would pass the limit."""
        with self._lock:
            if self._spent + self._reserved + amount > self.limit + 1e-12:
                return False
            self._reserved += amount
            return True

    def settle(self, reserved: float, spent: float) -> None:
        """Of what was set aside, so much was spent."""
        with self._lock:
            self._reserved = max(0.0, self._reserved - reserved)
            self._spent += spent


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that an answer, a session, which is all that a pipeline is asked, and a run, which is all
    that share an `Allowance`, may cost, in USD. From the share ``warn`` on, an answer says at its end how
    much is gone."""

    answer: float | None = None
    session: float | None = None
    run: Allowance | None = None
    warn: float = 0.8

    def __post_init__(self) -> None:
        for limit in (self.answer, self.session):
            if limit is not None:
                Allowance(limit)
        if not 0 <= self.warn <= 1:
            raise InvalidInputError(f"warn={self.warn!r} is no share.", "Use 0 to 1.")


class Accounts:
    """The prices and the budget of a pipeline, and what it has spent."""

    def __init__(self, prices: Prices | None = None, budget: Budget | None = None) -> None:
        self.prices = prices or Prices()
        self._budget = budget or Budget()
        limit = self._budget.session
        shared = [None if limit is None else Allowance(limit, "the session"), self._budget.run]
        self._shared = [one for one in shared if one is not None]

    def within(self, allowance: Allowance) -> Accounts:
        """The same, with one more budget that is shared."""
        copied = Accounts(self.prices, self._budget)
        copied._shared = [*self._shared, allowance]
        return copied

    def purse(self, spent: float = 0.0) -> Purse:
        """For one answer, which has cost so much already."""
        limit = self._budget.answer
        own = [] if limit is None else [Allowance(limit, "the answer")]
        for one in own:
            one.settle(0.0, spent)
        return Purse(self.prices, [*own, *self._shared], self._budget.warn)


class Purse:
    """What one answer is paid from. At its end, what is still set aside is free again."""

    def __init__(
        self, prices: Prices | None = None, allowances: Iterable[Allowance] = (), warn: float = 1.0
    ) -> None:
        self.prices = prices or Prices()
        self._allowances = tuple(allowances)
        self._warn = warn
        self._made: list[Reservation] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._made:
            one.settle()

    def reserve(self, llm: LLM, request: Request) -> Reservation:
        """Set aside what a request may cost at most.

        Raises `BudgetError` where that would pass a budget, or where it is not known.
        """
        if not self._allowances:
            return Reservation((), 0.0)
        most = most_of(llm, request, self.prices)
        if most is None:
            raise BudgetError(
                f"What {llm.name} costs is not known, so no budget can be kept with it.",
                "Give it a price: price=Price(0.40, 1.60), in USD per million tokens.",
            )
        held: list[Allowance] = []
        for one in self._allowances:
            if not one.reserve(most):
                for other in held:
                    other.settle(most, 0.0)
                raise BudgetError(
                    f"A request to {llm.name} may cost up to ${most:.6f}, and of the ${one.limit:g} for "
                    f"{one.name} ${max(0.0, one.limit - one.spent):.6f} is left.",
                    "Raise the budget, lower max_tokens or k, or add a cheaper model as fallback.",
                )
            held.append(one)
        self._made.append(Reservation(self._allowances, most))
        return self._made[-1]

    def spend(self, cost: float | None) -> None:
        """So much was spent without being set aside."""
        for one in self._allowances:
            one.settle(0.0, cost or 0.0)

    def warning(self) -> str:
        """A sentence for each budget that is nearly spent."""
        return " ".join(
            f"Of the budget of ${one.limit:g} for {one.name}, ${one.spent:.6f} is spent."
            for one in self._allowances
            if one.spent > 0 and one.spent >= self._warn * one.limit
        )


class Reservation:
    """What was set aside for one request. It is settled once; whatever comes after does nothing."""

    def __init__(self, allowances: tuple[Allowance, ...], most: float) -> None:
        self._allowances = allowances
        self._most = most

    def settle(self, cost: float | None = 0.0) -> None:
        """It cost so much; all that was set aside where that is not known."""
        allowances, self._allowances = self._allowances, ()
        for one in allowances:
            one.settle(self._most, self._most if cost is None else cost)


def most_of(llm: LLM, request: Request, prices: Prices) -> float | None:
    """USD that a request may cost at most, None where its price is unknown: a token for each byte, all of
    it put into the provider's cache, and the longest answer."""
    partial = request.partial
    texts = [prompt.system(request, citing=False), prompt.user(request)]
    texts += [turn["content"] for turn in prompt.turns(request)]
    texts += [partial.text, prompt.go_on(partial)] if partial else []
    read = sum(len(text.encode()) for text in texts) + _AROUND
    longest = getattr(llm, "max_tokens", None) or _MAX_TOKENS
    written = partial.left(longest) if partial else longest
    costs = [
        prices.cost(llm, Usage(read, written, cache_write_tokens=cached, cache_write_1h_tokens=cached))
        for cached in (0, read)
    ]
    known = [cost for cost in costs if cost is not None]
    return max(known) if known else None
