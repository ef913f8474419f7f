"""What is counted: the tokens and the cost of a request, as reported or estimated."""

from __future__ import annotations

from dataclasses import replace

from ragnb.events import Used
from ragnb.llms.base import LLM, Request, Usage
from ragnb.routing.prices import Prices

CHARACTERS_PER_TOKEN = 4  # the usual estimate for English, where a provider reports nothing


def reported(llm: LLM | str, usage: Usage, prices: Prices) -> Used:
    """What the provider says."""
    return _used(llm, usage, prices, is_estimated=False)


def estimated(
    llm: LLM | str, request: Request, prices: Prices, *, sent: int, written: int, usage: Usage | None = None
) -> Used:
    """What a request consumed that was sent so many characters of the answer and wrote so many.

    ``usage`` is what the provider had said when it broke off.
    """
    asked = len(request.rules) + len(request.question) + sent
    asked += sum(len(hit.chunk.text) for hit in request.passages)
    asked += sum(len(turn.question) + len(turn.answer) for turn in request.history)
    counted = Usage(asked // CHARACTERS_PER_TOKEN, -(-written // CHARACTERS_PER_TOKEN))
    if usage is not None:
        counted = replace(usage, output_tokens=max(usage.output_tokens, counted.output_tokens))
    return _used(llm, counted, prices, is_estimated=True)


def _used(llm: LLM | str, usage: Usage, prices: Prices, *, is_estimated: bool) -> Used:
    return Used(
        model=llm if isinstance(llm, str) else llm.name,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cost=prices.cost(llm, usage),
        estimated=is_estimated,
    )
