"""What the engine asks of a model, and what a model gives back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ragnb.documents import Hit


@dataclass(frozen=True, slots=True)
class Request:
    """A question and the passages to answer it from; passage number n is ``passages[n - 1]``."""

    question: str
    passages: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer, as the provider sent it."""

    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """The provider's own statement that characters ``[start, end)`` of its output rest on characters
    ``[quote_start, quote_end)`` of passage ``number`` (from 1). ``marker`` is where it also wrote the
    number into the output, if it did."""

    start: int
    end: int
    number: int
    quote_start: int
    quote_end: int
    marker: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens so far in this attempt, cumulative. ``input_tokens`` includes the cached ones."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Stop:
    """The provider's end marker: ``stop``, ``length`` (max_tokens reached), ``content_filter``, …"""

    reason: str


Delta = Text | Citation | Usage | Stop


@runtime_checkable
class LLM(Protocol):
    """A model. ``name`` is how it is written as a short string, such as ``openai:gpt-4.1-mini``."""

    @property
    def name(self) -> str: ...

    @property
    def citing(self) -> bool:
        """True where the model reports citations itself; else it is asked to write ``[n]``."""
        ...

    def stream(self, request: Request) -> AsyncIterator[Delta]:
        """The answer's deltas, `Stop` last. Closing the iterator closes the connection.

        Raises `ragnb.errors.ProviderError` for every failure, also for a stream that ends without
        the provider's end marker.
        """
        ...

    def warm_up(self) -> None:
        """Import and load what the first request would wait for. Runs in a thread of its own."""
        ...
