"""How much a model can read: as its tier says, else by the list of genai-prices (no network)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ragnb.llms.base import LLM


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of models, in tokens: ``own`` by the name of the model, before the list."""

    own: Mapping[str, int] = field(default_factory=dict)

    def of(self, llm: LLM | str) -> int | None:
        """The most tokens that a model, or that of this name, can read and write; None where that is not
        known."""
        name = llm if isinstance(llm, str) else llm.name
        return self.own.get(name) or _listed(name)

    def is_larger(self, llm: LLM, other: LLM) -> bool:
        """Whether a model may read what is too long for the other, as far as that is known."""
        own, least = self.of(llm), self.of(other)
        return own is None or least is None or own > least


def _listed(model: str) -> int | None:
    from genai_prices.data_snapshot import get_snapshot

    provider, _, name = model.partition(":")
    try:
        _, info = get_snapshot().find_provider_model(name, None, provider, None)
    except LookupError:
        return None
    window: int | None = info.context_window
    return window
