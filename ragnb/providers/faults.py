"""What went wrong at a provider: one place that turns every client's exceptions into faults."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from ragnb.errors import Fault, ProviderError

PASSING: frozenset[Fault] = frozenset(
    ("rate_limit", "overloaded", "server", "unreachable", "stalled", "cut")
)
"""The faults of a provider that may be over a little later."""
OF_KEY: frozenset[Fault] = frozenset(("authentication", "quota"))
"""The faults that another key may not have."""

_BY_STATUS: dict[int, Fault] = {
    401: "authentication",
    402: "quota",
    403: "authentication",
    404: "not_found",
    408: "stalled",
    409: "server",
    413: "window",
    425: "server",
    429: "rate_limit",
    498: "overloaded",  # Groq's flex tier
    503: "overloaded",
    529: "overloaded",
}
_BY_CODE: dict[str, Fault] = {  # what is certain, whatever the status
    "invalid_api_key": "authentication",
    "account_deactivated": "authentication",
    "insufficient_quota": "quota",
    "billing_error": "quota",
    "billing_not_active": "quota",
    "billing_hard_limit_reached": "quota",
    "model_not_found": "not_found",
    "model_decommissioned": "not_found",
    "context_length_exceeded": "window",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "overloaded_error": "overloaded",
    "server_is_overloaded": "overloaded",
    "slow_down": "overloaded",
}
_BY_TYPE: dict[str, Fault] = {  # where there is no status, as inside a stream
    "authentication_error": "authentication",
    "permission_error": "authentication",
    "not_found_error": "not_found",
    "invalid_request_error": "bad_request",
    "invalid_prompt": "bad_request",
    "BadRequestError": "bad_request",
    "request_too_large": "window",
    "bio_policy": "content_filter",
    "misalignment_policy_violation": "content_filter",
    "data_residency_mismatch": "bad_request",
    "rate_limit_error": "rate_limit",
    "rate_limit_exceeded": "rate_limit",
    "service_unavailable_error": "overloaded",
    "timeout_error": "stalled",
    "vector_store_timeout": "stalled",
}
# Some say only in words what it is.
_BY_WORDS: tuple[tuple[str, str], ...] = (
    ("credit balance is too low", "billing_error"),
    ("prompt is too long", "context_length_exceeded"),
    ("maximum context length", "context_length_exceeded"),
    ("context window", "context_length_exceeded"),
)


class SentError(msgspec.Struct):
    """An error as OpenAI and most others send it, in a body or inside a stream."""

    message: str | None = None
    type: str | None = None
    code: str | int | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """Who is spoken to, for the words of an error."""

    name: str
    model: str
    address: str
    key_variable: str = ""

    def error(self, fault: Fault, detail: str = "", retry_after: float | None = None) -> ProviderError:
        """The fault in a sentence, with the next step. ``detail`` is the provider's own text."""
        said = f" It said: “{_short(detail)}”" if detail else ""
        message, advice = _SENTENCES[fault]
        words = {
            "name": self.name,
            "model": self.model,
            "address": self.address,
            "key": self.key_variable or "the API key",
        }
        return ProviderError(fault, message.format(**words) + said, advice.format(**words), retry_after)


_SENTENCES: dict[Fault, tuple[str, str]] = {
    "authentication": (
        "{name} did not accept the API key.",
        "Check {key}, or pass api_key=….",
    ),
    "quota": (
        "{name} refuses because the account has no credit left.",
        "Add credit at the provider, or use another model.",
    ),
    "not_found": (
        "{name} has no model “{model}” at {address}.",
        "Check the model's name and base_url.",
    ),
    "bad_request": ("{name} refused the request to {model}.", "Change what it complains about."),
    "window": (
        "The request is longer than {model} can read.",
        "Pass a smaller k, or use a model with a larger context.",
    ),
    "content_filter": (
        "The content filter of {name} does not let {model} answer this.",
        "Ask in other words, or use another model.",
    ),
    "rate_limit": (
        "{name} limits the rate of requests to {model}.",
        "Wait a little and ask again, or raise the limit at the provider.",
    ),
    "overloaded": ("{name} is overloaded.", "Ask again later, or use another model."),
    "server": ("{name} failed while answering.", "Ask again, or use another model."),
    "unreachable": (
        "{name} could not be reached at {address}.",
        "Check the network, the address and any proxy; is the server running?",
    ),
    "stalled": (
        "{name} stopped sending without ending the answer.",
        "Ask again; raise stall_timeout if this model needs longer.",
    ),
    "cut": (
        "{name} closed the connection before the answer was complete.",
        "Ask again; the text so far is kept.",
    ),
    "garbage": (
        "What answers at {address} does not speak the protocol of {name}.",
        "Check base_url: it usually ends in /v1.",
    ),
    "budget": ("The budget has no room for {model}.", "Raise it, or use a cheaper model."),
    "declined": ("{model} would not answer.", "Ask in other words, or use another model."),
}


def from_exception(error: Exception, provider: Provider) -> ProviderError:
    """The fault behind an exception of openai, anthropic, httpx2 or a JSON decoder.

    An exception that is none of these is not a provider's fault and is raised again as it is.
    """
    import httpx2

    if isinstance(error, ProviderError):
        return error
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return _from_status(error, status, provider)
    cause = error
    if type(error).__name__ in ("APIConnectionError", "APITimeoutError"):
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    match cause:
        case httpx2.ConnectTimeout() | httpx2.ConnectError() | httpx2.UnsupportedProtocol():
            return provider.error("unreachable", str(cause))
        case httpx2.TimeoutException() | TimeoutError():
            return provider.error("stalled")
        case httpx2.SSEError() | httpx2.DecodingError():
            return provider.error("garbage")
        case httpx2.TransportError():
            return provider.error("cut")
        case json.JSONDecodeError() | UnicodeDecodeError() | msgspec.DecodeError():
            return provider.error("garbage")
    if type(error).__name__ == "APITimeoutError":
        return provider.error("stalled")
    if type(error).__name__ == "APIConnectionError":
        return provider.error("unreachable", str(error))
    if type(error).__name__ == "APIResponseValidationError":
        return provider.error("garbage")
    if type(error).__name__ == "APIError":  # OpenAI's SDK, for an error inside a stream
        return _from_status(error, 0, provider)
    raise error


def from_event(kind: str, message: str, provider: Provider) -> ProviderError:
    """The fault behind an error that was sent inside a stream, by its type or code."""
    return from_sent(SentError(message, kind), provider)


def from_sent(error: SentError, provider: Provider) -> ProviderError:
    """The fault behind an error that was sent inside a stream, or that ended a response."""
    code = str(error.code or "")
    status = int(code) if code.isdecimal() else 0  # what a server would have answered before the stream
    return _from_sent(error, status, provider)


def _from_status(error: Exception, status: int, provider: Provider) -> ProviderError:
    body = getattr(error, "body", None)
    detail = body.get("error", body) if isinstance(body, dict) else {}
    detail = detail if isinstance(detail, dict) else {"message": str(detail)}
    message = str(detail.get("message") or detail.get("detail") or f"HTTP {status}")
    sent = SentError(message, str(detail.get("type") or ""), str(detail.get("code") or ""))
    # An error inside a stream comes from the SDK with the stream's own status, which is 200.
    return _from_sent(sent, status if status >= 400 else 0, provider, _retry_after(error))


def _from_sent(
    error: SentError, status: int, provider: Provider, retry_after: float | None = None
) -> ProviderError:
    message = error.message or ""
    names = [name for name in (str(error.code or ""), error.type or "") if name]
    names += [name for words, name in _BY_WORDS if words in message.lower()]
    by_status: Fault = _BY_STATUS.get(status, "server" if status >= 500 else "bad_request")
    by_type: Fault = next((_BY_TYPE[name] for name in names if name in _BY_TYPE), "server")
    usual = by_status if status else by_type
    fault = next((_BY_CODE[name] for name in names if name in _BY_CODE), usual)
    return provider.error(fault, message, retry_after)


def _retry_after(error: Any) -> float | None:
    """Seconds from the Retry-After header, which may be a date (or from its milliseconds form)."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return float(headers[name]) / scale
        except (KeyError, ValueError):
            continue
    try:
        until = parsedate_to_datetime(headers["retry-after"])
        return max(0.0, (until - datetime.now(UTC)).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None


def _short(text: str, limit: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
