"""Tiers: the models that a router chooses among."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ragnb.errors import ConfigurationError
from ragnb.llms.base import LLM
from ragnb.llms.price import Price
from ragnb.routing.prices import USUAL, Prices
from ragnb.routing.windows import Windows


@dataclass(frozen=True, slots=True)
class Tier:
    """A model under a name.

    ``price`` is needed where neither the model nor the list of prices has one. ``window`` is the most
    tokens it can read, where that list does not say it. ``lacks`` are the kinds of questions that it is
    not able to answer, such as ``("comparison",)``: signals of `ragnb.routing.signals.NAMES`.
    """

    name: str
    llm: LLM | str
    price: Price | None = None
    window: int | None = None
    lacks: tuple[str, ...] = ()

    def is_able(self, signals: Mapping[str, float], tokens: int, window: int | None) -> bool:
        """Whether so many tokens fit into its model's window, if that is known, and it lacks nothing that
        the question has."""
        fits = tokens <= (window or tokens)
        return fits and not any(signals.get(lack, 0.0) > 0 for lack in self.lacks)


@dataclass(frozen=True, slots=True)
class Tiers:
    """Tiers from the smallest to the largest, with their models in the same order, and ``own`` prices of
    models by their names.

    Raises `ConfigurationError` where there is none, a name or a model comes twice, or one has no price.
    """

    tiers: tuple[Tier, ...]
    models: tuple[LLM, ...]
    own: Mapping[str, Price] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names, models = [tier.name for tier in self.tiers], [model.name for model in self.models]
        if not names or len(set(names)) < len(names) or len(set(models)) < len(models):
            raise ConfigurationError(
                f"There is nothing to choose among in the tiers {list(zip(names, models, strict=True))}.",
                "Give one or more, each with a name and a model of its own.",
            )
        for tier, model in zip(self.tiers, self.models, strict=True):
            if self.prices.cost(model, USUAL) is None:
                raise ConfigurationError(
                    f"The tier “{tier.name}” has no price: {model.name} is not in the list.",
                    "Give it one in USD per million tokens: Tier(…, price=Price(0.40, 1.60)).",
                )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(tier.name for tier in self.tiers)

    @property
    def prices(self) -> Prices:
        """What models cost; that of a tier comes before the others."""
        pairs = zip(self.tiers, self.models, strict=True)
        of_tiers = {model.name: tier.price for tier, model in pairs if tier.price is not None}
        return Prices({**self.own, **of_tiers})

    @property
    def windows(self) -> Windows:
        """How much the tiers' models can read."""
        pairs = zip(self.tiers, self.models, strict=True)
        return Windows({model.name: tier.window for tier, model in pairs if tier.window is not None})

    def able(self, signals: dict[str, float], tokens: int) -> list[str]:
        """The tiers that can read so many tokens and lack nothing that the question has; all of them where
        none is so."""
        windows = self.windows
        found = [
            tier.name
            for tier, model in zip(self.tiers, self.models, strict=True)
            if tier.is_able(signals, tokens, windows.of(model))
        ]
        return found or list(self.names)

    def order(self, first: str) -> tuple[LLM, ...]:
        """The models in the order in which they are asked: that tier, the larger ones, the smaller ones."""
        place = self.names.index(first)
        return (*self.models[place:], *reversed(self.models[:place]))
