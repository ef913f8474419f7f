"""Every error that ragnb raises on purpose: what happened, and what to do about it."""

from __future__ import annotations

from typing import Literal, cast

Fault = Literal[
    "authentication",  # the key is missing, wrong or not allowed
    "not_found",  # no such model or no such address
    "bad_request",  # the provider refuses this request as it is
    "window",  # the request is longer than the model can read
    "content_filter",  # the provider does not want to have this answered
    "quota",  # no credit left
    "rate_limit",  # too many requests or tokens
    "overloaded",  # the provider has no room now
    "server",  # the provider failed
    "unreachable",  # no connection
    "stalled",  # connected, but nothing came for too long
    "cut",  # the stream ended without the provider's end marker
    "garbage",  # the answer is not of the protocol
    "budget",  # the request might have cost more than is left, and was not made
    "declined",  # the model refused before anything was shown, and a larger one may not
]


class RagnbError(Exception):
    """The root of all errors that ragnb raises on purpose.

    ``message`` says what happened, ``advice`` what to do next; ``str()`` joins them.
    """

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message, advice)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()

    def _render_traceback_(self) -> list[str]:
        """IPython shows this sentence in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class ConfigurationError(RagnbError):
    """A pipeline was asked for with parts that do not exist or are not installed."""


class InvalidInputError(RagnbError, ValueError):
    """A question, a path or a parameter that cannot be used as it is."""


class EmptyIndexError(RagnbError):
    """There is nothing to search: no document was added, or none fits the filter."""


class HomeInUseError(RagnbError):
    """Another process holds the home folder."""


class AnswerInUseError(RagnbError):
    """Somebody else writes this answer, or answers with this key, at the moment."""


class JournalError(RagnbError):
    """The journal cannot be written, or an answer in it cannot be read."""


class RunInUseError(RagnbError):
    """A run of a report with this id is under way."""


class UnansweredError(RagnbError):
    """A report was made, but a question has no answer, or a threshold was passed."""


class EmbeddingMismatchError(RagnbError):
    """The index was made with another embedding model."""


class IngestError(RagnbError):
    """A document could not be read."""


class ProviderError(RagnbError):
    """A model provider refused, failed or fell silent.

    ``fault`` is the class of the failure, ``retry_after`` the provider's own wish in seconds.
    """

    def __init__(
        self, fault: Fault, message: str, advice: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, advice)
        self.fault = fault
        self.retry_after = retry_after


class BudgetError(ProviderError):
    """A request was not made, because it might have passed a budget."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__("budget", message, advice)


def from_failure(name: str, message: str, advice: str, fault: str) -> RagnbError:
    """The error that ended an answer, made again from what its log says."""
    kind = globals().get(name)
    if kind is ProviderError:
        return ProviderError(cast(Fault, fault), message, advice)
    if isinstance(kind, type) and issubclass(kind, RagnbError):
        return kind(message, advice)
    return RagnbError(message, advice)
