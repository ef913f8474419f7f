"""What a model costs, as its owner says."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ragnb.errors import InvalidInputError
from ragnb.llms.base import Usage

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in USD per million tokens.

    ``cached`` is the price of input that the provider had in its cache, ``cache_write`` that of input which
    it puts there; without them both cost what other input does. Raises `InvalidInputError` for a price that
    is negative or no number.
    """

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None

    def __post_init__(self) -> None:
        further = [price for price in (self.cached, self.cache_write) if price is not None]
        if not all(_is_price(price) for price in (self.input, self.output, *further)):
            raise InvalidInputError(
                f"{self} is no price.", "Write USD per million tokens, such as Price(0.40, 1.60)."
            )

    def of(self, usage: Usage) -> float:
        """USD for one attempt."""
        plain = max(0, usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens)
        cached = self.input if self.cached is None else self.cached
        written = self.input if self.cache_write is None else self.cache_write
        total = plain * self.input + usage.cached_tokens * cached + usage.cache_write_tokens * written
        return (total + usage.output_tokens * self.output) / _MILLION


def _is_price(given: object) -> bool:
    return isinstance(given, (int, float)) and not isinstance(given, bool) and 0 <= given < math.inf
