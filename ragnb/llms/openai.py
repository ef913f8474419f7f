"""OpenAI's models, and every server that speaks the same protocol.

Both protocols are read from the SDK's raw streaming response: the SDK makes the request (keys,
headers, addresses), and each server-sent event is decoded once, into just the fields used here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from ragnb.errors import ConfigurationError, ProviderError
from ragnb.llms import prompt
from ragnb.llms.base import Cursor, Delta, Partial, Request, Stop, Strategy, Text, Usage
from ragnb.providers.clients import PerLoop, api_key, sse
from ragnb.providers.faults import Provider, from_event, from_exception
from ragnb.providers.numbering import in_order

if TYPE_CHECKING:
    from openai import AsyncOpenAI


class OpenAILLM:
    """A model behind OpenAI's chat completions or Responses API.

    Parameters
    ----------
    model
        The provider's name for it, such as ``gpt-4.1-mini``.
    api
        ``"chat"``, which all compatible servers speak, or ``"responses"``.
    background
        Responses only: the provider goes on answering when the connection is lost.
    base_url
        Another server that speaks the protocol, such as ``http://localhost:8000/v1``.
    api_key
        Else taken from ``key_variable`` in the environment when the first request is made; a server of
        one's own may need none.
    max_tokens
        The most tokens an answer may have, reasoning included.
    stall_timeout
        Seconds without a byte after which the stream counts as broken.
    continuation
        How chat completions go on with an answer that broke off: ``"exact"`` for a server that knows vLLM's
        ``continue_final_message``, ``"prefill"`` for one that continues a last turn of the assistant marked
        with ``prefix`` (Mistral's), else ``"instruction"``.
    provider
        The provider's name in errors, prices and `name`.
    options
        Further parameters of the request, as the provider documents them.
    """

    citing = False

    def __init__(
        self,
        model: str,
        *,
        api: Literal["chat", "responses"] = "chat",
        background: bool = False,
        base_url: str | None = None,
        api_key: str | None = None,
        max_tokens: int = 1024,
        temperature: float | None = None,
        reasoning_effort: str | None = None,
        stall_timeout: float = 20.0,
        continuation: Literal["exact", "prefill", "instruction"] = "instruction",
        provider: str = "openai",
        key_variable: str = "OPENAI_API_KEY",
        options: dict[str, Any] | None = None,
    ) -> None:
        if api not in ("chat", "responses"):
            raise ConfigurationError(f"There is no api={api!r}.", 'Use "chat" or "responses".')
        if background and api != "responses":
            raise ConfigurationError("background=True needs the Responses API.", 'Add api="responses".')
        if continuation not in ("exact", "prefill", "instruction"):
            raise ConfigurationError(
                f"There is no continuation={continuation!r}.", 'Use "exact", "prefill" or "instruction".'
            )
        self.model = model
        self.api = api
        self.background = background
        self.base_url = base_url
        self.max_tokens = max_tokens
        self.temperature = temperature
        self.reasoning_effort = reasoning_effort
        self.stall_timeout = stall_timeout
        self.continuation = continuation
        self.echoes = continuation == "prefill"  # Mistral's server repeats the prefix
        self.provider = provider
        self.key_variable = key_variable
        self.options = options or {}
        self._api_key = api_key
        self._clients = PerLoop(self._connect)

    def __repr__(self) -> str:
        return f"OpenAILLM({self.name!r})"

    @property
    def name(self) -> str:
        return f"{self.provider}:{self.model}"

    def warm_up(self) -> None:
        import openai  # noqa: F401

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._clients.aclose()

    def strategies(self, partial: Partial) -> tuple[Strategy, ...]:
        """How it can go on with this text; see `ragnb.llms.base.Continuing`."""
        if self.api == "chat":
            weaker: tuple[Strategy, ...] = () if self.continuation == "instruction" else ("instruction",)
            return (self.continuation, *weaker)
        is_kept = partial.cursor is not None and partial.model == self.name
        return ("cursor", "instruction") if is_kept else ("instruction",)

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """The answer's deltas; see `ragnb.llms.base.LLM.stream`."""
        client = self._clients.get()
        call = self._chat(client, request) if self.api == "chat" else self._responses(client, request)
        read = _read_chat if self.api == "chat" else _read_responses
        provider = Provider(self.provider, self.model, str(client.base_url), self.key_variable)
        try:
            async with call as response:
                async for delta in read(sse(response.http_response, self.stall_timeout), provider):
                    yield delta
        except ProviderError:
            raise
        except Exception as error:
            raise from_exception(error, provider) from error

    def _connect(self) -> AsyncOpenAI:
        import httpx2
        from openai import AsyncOpenAI

        return AsyncOpenAI(
            api_key=api_key(self._api_key, self.key_variable, self.base_url, self.provider),
            base_url=self.base_url,
            max_retries=0,  # the engine retries, and tells
            timeout=httpx2.Timeout(self.stall_timeout, connect=10.0),
        )

    def _chat(self, client: AsyncOpenAI, request: Request) -> AbstractAsyncContextManager[Any]:
        # Only OpenAI itself refuses the older name for its newer models.
        limit = "max_completion_tokens" if self.base_url is None else "max_tokens"
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": prompt.system(citing=False)},
                {"role": "user", "content": prompt.user(request)},
                *_turns(request.partial),
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
            limit: request.partial.left(self.max_tokens) if request.partial else self.max_tokens,
        }
        extra: dict[str, Any] = {}
        if request.partial is not None and request.partial.strategy == "exact":
            extra = {"extra_body": {"continue_final_message": True, "add_generation_prompt": False}}
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if self.reasoning_effort is not None:
            body["reasoning_effort"] = self.reasoning_effort
        return client.chat.completions.with_streaming_response.create(
            **body, **_merged(extra, self.options)
        )

    def _responses(self, client: AsyncOpenAI, request: Request) -> AbstractAsyncContextManager[Any]:
        partial = request.partial
        if partial is not None and partial.strategy == "cursor" and partial.cursor is not None:
            return client.responses.with_streaming_response.retrieve(
                partial.cursor.id, stream=True, starting_after=partial.cursor.position or 0
            )
        asked = prompt.user(request)
        body: dict[str, Any] = {
            "model": self.model,
            "instructions": prompt.system(citing=False),
            "input": [{"role": "user", "content": asked}, *_turns(partial)] if partial else asked,
            "stream": True,
            "max_output_tokens": partial.left(self.max_tokens) if partial else self.max_tokens,
        }
        if self.background:
            body["background"] = True
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if self.reasoning_effort is not None:
            body["reasoning"] = {"effort": self.reasoning_effort}
        return client.responses.with_streaming_response.create(**body, **self.options)


def _turns(partial: Partial | None) -> list[dict[str, Any]]:
    """The turns after the question that make the model go on with its own."""
    if partial is None:
        return []
    own: dict[str, Any] = {"role": "assistant", "content": partial.sent}
    match partial.strategy:
        case "exact":
            return [own]
        case "prefill":
            return [{**own, "prefix": True}]
        case _:
            return [own, {"role": "user", "content": prompt.go_on(partial)}]


def _merged(extra: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """The caller's options, and in their ``extra_body`` what is added to it."""
    if not extra:
        return options
    return {**options, "extra_body": {**options.get("extra_body", {}), **extra["extra_body"]}}


# ---- chat completions -------------------------------------------------------------------------


class _PromptDetails(Struct):
    cached_tokens: int | None = 0


class _ChatUsage(Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None

    def delta(self) -> Usage:
        details = self.prompt_tokens_details
        cached = (details.cached_tokens or 0) if details else 0
        return Usage(self.prompt_tokens, self.completion_tokens, cached)


class _ChatDelta(Struct):
    content: str | None = None


class _Choice(Struct):
    delta: _ChatDelta | None = None
    finish_reason: str | None = None


class _GroqExtra(Struct):
    usage: _ChatUsage | None = None


class _Error(Struct):
    message: str | None = None
    type: str | None = None
    code: str | int | None = None


class _ChatChunk(Struct):
    choices: list[_Choice] = []
    usage: _ChatUsage | None = None
    x_groq: _GroqExtra | None = None
    error: _Error | str | None = None


_chat_chunk = msgspec.json.Decoder(_ChatChunk)


async def _read_chat(events: AsyncIterator[Any], provider: Provider) -> AsyncIterator[Delta]:
    """Deltas of a chat stream. Servers differ in where usage stands and whether ``[DONE]`` comes, so
    the last usage counts, and the finish reason is the end marker."""
    usage: _ChatUsage | None = None
    reason: str | None = None
    async for event in events:
        if event.data.startswith("[DONE]"):
            break
        chunk = _chat_chunk.decode(event.data)
        if chunk.error is not None:
            error = chunk.error if isinstance(chunk.error, _Error) else _Error(chunk.error)
            raise from_event(str(error.code or error.type), error.message or "", provider)
        usage = chunk.usage or (chunk.x_groq and chunk.x_groq.usage) or usage
        for choice in chunk.choices:
            if choice.delta is not None and choice.delta.content:
                yield Text(choice.delta.content)
            reason = choice.finish_reason or reason
    if usage is not None:
        yield usage.delta()
    if reason is None:
        raise provider.error("cut")
    yield Stop(reason)


# ---- Responses --------------------------------------------------------------------------------


class _InputDetails(Struct):
    cached_tokens: int | None = 0


class _ResponsesUsage(Struct):
    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_details: _InputDetails | None = None


class _Incomplete(Struct):
    reason: str | None = None


class _Response(Struct):
    id: str = ""
    background: bool | None = None
    usage: _ResponsesUsage | None = None
    error: _Error | None = None
    incomplete_details: _Incomplete | None = None


class _ResponsesEvent(Struct):
    type: str
    sequence_number: int | None = None
    delta: str | None = None
    response: _Response | None = None
    message: str | None = None
    code: str | None = None
    error: _Error | None = None


_responses_event = msgspec.json.Decoder(_ResponsesEvent)
_REASONS = {"max_output_tokens": "length"}


async def _read_responses(events: AsyncIterator[Any], provider: Provider) -> AsyncIterator[Delta]:
    """Deltas of a Responses stream; its failures come as events, which are raised here."""
    async for event in in_order(events):
        if event.event not in _RESPONSES_USED:
            continue
        data = _responses_event.decode(event.data)
        match data.type:
            case "response.output_text.delta" | "response.refusal.delta":
                yield Text(data.delta or "", data.sequence_number)
            case "response.created":
                if data.response is not None and data.response.background:
                    yield Cursor(data.response.id, data.sequence_number)
            case "error":
                nested = data.error or _Error(data.message, code=data.code)  # both forms are sent
                raise from_event(str(nested.code or nested.type), nested.message or "", provider)
            case _:
                final = data.response or _Response()
                if final.usage is not None:
                    details = final.usage.input_tokens_details
                    cached = (details.cached_tokens or 0) if details else 0
                    yield Usage(final.usage.input_tokens, final.usage.output_tokens, cached)
                if data.type == "response.failed":
                    error = final.error or _Error()
                    raise from_event(str(error.code), error.message or "", provider)
                incomplete = final.incomplete_details
                reason = (incomplete.reason if incomplete else None) or "stop"
                yield Stop(_REASONS.get(reason, reason))
                return
    raise provider.error("cut")


_RESPONSES_USED = frozenset(
    (
        "response.created",
        "response.output_text.delta",
        "response.refusal.delta",
        "response.completed",
        "response.failed",
        "response.incomplete",
        "error",
    )
)
