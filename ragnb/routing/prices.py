"""What an attempt cost: by one's own prices, else by the dated price list of genai-prices (no network)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ragnb.llms.base import LLM, Usage
from ragnb.llms.price import Price

USUAL = Usage(1_000, 100)
"""What an answer from passages takes, about."""
_FREE = ("extractive", "transformers", "ollama")


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of the models of a pipeline: ``own`` by the name of the model, before the list."""

    own: Mapping[str, Price] = field(default_factory=dict)

    def cost(self, llm: LLM | str, usage: Usage) -> float | None:
        """USD for one attempt of a model, or of its name; None if the price is unknown. What runs on one's
        own machine costs 0."""
        name = llm if isinstance(llm, str) else llm.name
        price = self.own.get(name) or getattr(llm, "price", None)
        return price.of(usage) if isinstance(price, Price) else _listed(name, usage)

    def is_less(self, llm: LLM, other: LLM) -> bool:
        """Whether a model costs less than the other for a usual answer, as far as that is known."""
        own, most = self.cost(llm, USUAL), self.cost(other, USUAL)
        return own is None or most is None or own < most


def _listed(model: str, usage: Usage) -> float | None:
    provider, _, name = model.partition(":")
    if provider in _FREE:
        return 0.0
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    counted = Counted(
        input_tokens=max(usage.input_tokens, usage.cached_tokens + usage.cache_write_tokens),
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=min(usage.cache_write_1h_tokens, usage.cache_write_tokens),
    )
    try:
        return float(calc_price(counted, name, provider_id=provider).total_price)
    except LookupError:
        return None
