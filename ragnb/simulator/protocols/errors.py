"""The providers' error bodies."""

from __future__ import annotations

from typing import Protocol

from ragnb.simulator.wire import Json


class Errors(Protocol):
    """How a provider words what is wrong with a request."""

    def body(self, status: int, message: str | None = None) -> Json:
        """The body for a status, with the provider's usual message unless one is given."""

    def key(self, headers: dict[str, str]) -> str | None:
        """The API key that a request brings."""

    def wrong_key(self, key: str | None) -> Json: ...

    def unknown_model(self, model: str) -> Json: ...

    def unknown_path(self, method: str, path: str) -> Json: ...

    def wrong_method(self, method: str, path: str) -> Json: ...


class OpenAIErrors:
    """``{"error": {"message", "type", "param", "code"}}``"""

    _usual: dict[int, tuple[str, str, str | None]] = {
        400: ("Invalid request.", "invalid_request_error", None),
        401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
        404: ("The requested resource was not found.", "invalid_request_error", None),
        429: ("Rate limit reached for requests per min (RPM): Limit 3, Used 3, Requested 1. "
              "Please try again in 20s.", "requests", "rate_limit_exceeded"),
        500: ("The server had an error while processing your request. Sorry about that!",
              "server_error", None),
        503: ("The engine is currently overloaded, please try again later",
              "service_unavailable_error", None),
    }  # fmt: skip

    def body(self, status: int, message: str | None = None) -> Json:
        fallback = self._usual[500 if status >= 500 else 400]
        text, kind, code = self._usual.get(status, fallback)
        return _openai(message or text, kind, code)

    def key(self, headers: dict[str, str]) -> str | None:
        return _bearer(headers)

    def wrong_key(self, key: str | None) -> Json:
        if not key:
            message = (
                "You didn't provide an API key. You need to provide your API key in an "
                "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
            )
            return _openai(message, "invalid_request_error", None)
        shown = key if len(key) < 12 else f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"
        message = (
            f"Incorrect API key provided: {shown}. You can find your API key at "
            "https://platform.openai.com/account/api-keys."
        )
        return _openai(message, "invalid_request_error", "invalid_api_key")

    def unknown_model(self, model: str) -> Json:
        message = f"The model `{model}` does not exist or you do not have access to it."
        return _openai(message, "invalid_request_error", "model_not_found")

    def unknown_path(self, method: str, path: str) -> Json:
        return _openai(f"Invalid URL ({method} {path})", "invalid_request_error", None)

    def wrong_method(self, method: str, path: str) -> Json:
        message = (
            f"Not allowed to {method} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)"
        )
        return _openai(message, "invalid_request_error", "method_not_supported")


class AnthropicErrors:
    """``{"type": "error", "error": {"type", "message"}, "request_id"}``"""

    _usual: dict[int, tuple[str, str]] = {
        400: ("invalid_request_error", "Invalid request."),
        401: ("authentication_error", "invalid x-api-key"),
        404: ("not_found_error", "Not Found"),
        429: ("rate_limit_error", "This request would exceed your organization's rate limit of "
              "50 requests per minute."),
        500: ("api_error", "Internal server error"),
        503: ("api_error", "Service unavailable"),
        529: ("overloaded_error", "Overloaded"),
    }  # fmt: skip

    def body(self, status: int, message: str | None = None) -> Json:
        kind, text = self._usual.get(status, self._usual[500 if status >= 500 else 400])
        return _anthropic(kind, message or text)

    def key(self, headers: dict[str, str]) -> str | None:
        return headers.get("x-api-key") or _bearer(headers)

    def wrong_key(self, key: str | None) -> Json:
        return _anthropic("authentication_error", "invalid x-api-key")

    def unknown_model(self, model: str) -> Json:
        return _anthropic("not_found_error", f"model: {model}")

    def unknown_path(self, method: str, path: str) -> Json:
        return _anthropic("not_found_error", "Not Found")

    def wrong_method(self, method: str, path: str) -> Json:
        return _anthropic("invalid_request_error", "Method Not Allowed")


def _openai(message: str, kind: str, code: str | None) -> Json:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _anthropic(kind: str, message: str) -> Json:
    error = {"type": kind, "message": message}
    return {"type": "error", "error": error, "request_id": "req_simulated"}


def _bearer(headers: dict[str, str]) -> str | None:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None
