"""What is counted: the tokens and the cost of a request, as reported or estimated."""

from __future__ import annotations

from dataclasses import replace

from ragnb.events import Used
from ragnb.llms.base import Request, Usage
from ragnb.routing.prices import cost

CHARACTERS_PER_TOKEN = 4  # the usual estimate for English, where a provider reports nothing


def reported(model: str, usage: Usage) -> Used:
    """What the provider says."""
    return _used(model, usage, is_estimated=False)


def estimated(model: str, request: Request, *, sent: int, written: int, usage: Usage | None = None) -> Used:
    """What a request consumed that was sent so many characters of the answer and wrote so many.

    ``usage`` is what the provider had said when it broke off.
    """
    asked = len(request.rules) + len(request.question) + sent
    asked += sum(len(hit.chunk.text) for hit in request.passages)
    asked += sum(len(turn.question) + len(turn.answer) for turn in request.history)
    counted = Usage(asked // CHARACTERS_PER_TOKEN, -(-written // CHARACTERS_PER_TOKEN))
    if usage is not None:
        counted = replace(counted, input_tokens=usage.input_tokens)
    return _used(model, counted, is_estimated=True)


def _used(model: str, usage: Usage, *, is_estimated: bool) -> Used:
    return Used(
        model=model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cost=cost(model, usage),
        estimated=is_estimated,
    )
