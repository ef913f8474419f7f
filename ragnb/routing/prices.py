"""What an attempt cost, by the dated price list of the genai-prices package (no network)."""

from __future__ import annotations

from ragnb.llms.base import Usage

_FREE = ("extractive", "transformers", "ollama")


def cost(model: str, usage: Usage) -> float | None:
    """USD for one attempt of ``provider:model``; None if the price is unknown. What runs on one's own
    machine costs 0."""
    provider, _, name = model.partition(":")
    if provider in _FREE:
        return 0.0
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    counted = Counted(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens,
    )
    try:
        return float(calc_price(counted, name, provider_id=provider).total_price)
    except LookupError:
        return None
