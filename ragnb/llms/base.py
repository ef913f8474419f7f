"""What the engine asks of a model, and what a model gives back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from ragnb.documents import Hit

Strategy = Literal["cursor", "exact", "prefill", "instruction", "replay"]
"""How a model goes on with a text, strongest first: the provider counts what it sent; the model goes on
from the tokens themselves; it goes on with the beginning of its own turn; it is told to; it is
deterministic and says all of it again."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A delta without text: the answer is kept by the provider under this id, and can be read again from
    any position. None is its beginning, or unknown where some of it is out."""

    id: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Partial:
    """An answer that broke off, and how to go on with it.

    ``tokens`` is about how many it has, ``model`` the name of the one that wrote it last, ``cursor`` where
    that one keeps it, ``block`` where the block begins in it whose citations were still to come. ``anchor``
    is its last words, with which an instructed model is asked to begin. From ``again`` on a model that goes
    on with its own turn is not shown the text, and says it once more. ``ids`` are the token ids of the
    whole text where one local model, ``model``, wrote it all; else none.
    """

    text: str
    tokens: int = 0
    model: str = ""
    cursor: Cursor | None = None
    block: int | None = None
    strategy: Strategy = "instruction"
    anchor: str = ""
    again: int | None = None
    ids: tuple[int, ...] = ()

    @property
    def sent(self) -> str:
        """The text as it is sent to be continued. White space at its end is refused or dropped."""
        shown = self.text[: self.again]
        return shown if self.strategy == "exact" else shown.rstrip()

    def left(self, max_tokens: int) -> int:
        """How many of so many tokens are left for the rest, the repeated last words included."""
        repeated = self.anchor if self.strategy == "instruction" else self.text[len(self.sent) :]
        return max(1, max_tokens - self.tokens + len(repeated) // 2)


@dataclass(frozen=True, slots=True)
class Turn:
    """What was asked and answered before; ``query`` is the question as it was searched for. ``is_first``
    says that it has none before it, so that the next question will have the same beginning."""

    question: str
    answer: str
    query: str = ""
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A question and the passages to answer it from; passage number n is ``passages[n - 1]``.

    ``partial`` is what is out already: the model goes on with it and does not begin again. ``history`` are
    the turns before the question, oldest first, and ``query`` is the question as it can be understood
    without them, if it has any. ``rules`` take the place of those for answers from passages.
    """

    question: str
    passages: tuple[Hit, ...] = ()
    partial: Partial | None = None
    history: tuple[Turn, ...] = ()
    query: str = ""
    rules: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer, as the provider sent it, its position where the provider counts, and its token
    ids where a local model made it."""

    text: str
    position: int | None = None
    ids: tuple[int, ...] = ()


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
    """Tokens so far in this attempt, cumulative. ``input_tokens`` includes ``cached_tokens``, read from the
    provider's cache, and ``cache_write_tokens``, put into it, of which ``cache_write_1h_tokens`` to stay
    for an hour."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Stop:
    """The provider's end marker: ``stop``, ``length`` (max_tokens reached), ``content_filter``, …"""

    reason: str


@dataclass(frozen=True, slots=True)
class Block:
    """A delta without text: here a block begins, and the one before it ends. ``is_cited`` says that the
    citations of the whole block come at its end."""

    is_cited: bool


Delta = Text | Citation | Usage | Stop | Cursor | Block


@runtime_checkable
class LLM(Protocol):
    """A model. ``name`` is how it is written as a short string, such as ``openai:gpt-4.1-mini``."""

    @property
    def name(self) -> str:
        """As the log and the card name it: ``provider:model``."""
        ...

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


@runtime_checkable
class Connecting(Protocol):
    """A model behind a network."""

    def connect(self) -> None:
        """Begin to open a connection, since a request will come soon. Returns at once, and raises nothing;
        needs a running event loop."""
        ...


@runtime_checkable
class Keeping(Protocol):
    """A model whose provider may go on with an answer when nobody reads it."""

    def let_go(self, cursor: Cursor) -> None:
        """Have the provider stop making the answer. Returns at once, and raises nothing."""
        ...


@runtime_checkable
class Continuing(Protocol):
    """A model that can go on with an answer that broke off. One that is not is never asked to."""

    def strategies(self, partial: Partial) -> tuple[Strategy, ...]:
        """How it can go on with this text, best first; none where it cannot. Its ``stream`` then gets the
        partial with one of them."""
        ...
