"""OpenAI's models, and every server that speaks the same protocol.

Both protocols are read from the SDK's raw streaming response: the SDK makes the request (keys,
headers, addresses), and each server-sent event is decoded here, into just the fields that are used.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING, Any, Literal

from ragnb.errors import ConfigurationError, ProviderError
from ragnb.llms import openai_chat, openai_kept, openai_responses, prompt
from ragnb.llms.base import Cursor, Delta, Partial, Request, Stop, Strategy
from ragnb.llms.price import Price
from ragnb.providers.clients import PerLoop, api_key, drain, limits, load, sse, ssl_context
from ragnb.providers.faults import Provider, from_exception

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI


Reader = Callable[[AsyncIterator[Any], Provider], AsyncGenerator[Delta, None]]


class OpenAILLM:
    """A model behind OpenAI's chat completions or Responses API.

    What stays the same is sent first: the rules, then the turns of a chat, then passages and question.
    Providers that keep the beginnings of prompts by themselves bill those turns less, OpenAI from 1,024
    tokens on.

    Parameters
    ----------
    model
        The provider's name for it, such as ``gpt-4.1-mini``.
    api
        ``"chat"``, which all compatible servers speak, or ``"responses"``.
    background
        Responses only: the provider keeps the answer and goes on with it when the connection is lost, until
        it is read again or cancelled.
    base_url
        Another server that speaks the protocol, such as ``http://localhost:8000/v1``.
    api_key
        Else taken from ``key_variable`` in the environment when the first request is made; a server of
        one's own may need none.
    max_tokens
        The most tokens an answer may have, reasoning included.
    stall_timeout
        Seconds without a byte after which the stream counts as broken.
    poll_interval
        Seconds between two looks at an answer in the background that can no longer be streamed.
    continuation
        How chat completions go on with an answer that broke off: ``"exact"`` for a server that knows vLLM's
        ``continue_final_message``, ``"prefill"`` for one that continues a last turn of the assistant marked
        with ``prefix`` (Mistral's), else ``"instruction"``.
    provider
        The provider's name in errors, prices and `name`.
    options
        Further parameters of the request, as the provider documents them.
    price
        What it costs, where the list of prices does not know it or you pay another one.
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
        poll_interval: float = 1.0,
        continuation: Literal["exact", "prefill", "instruction"] = "instruction",
        provider: str = "openai",
        key_variable: str = "OPENAI_API_KEY",
        options: dict[str, Any] | None = None,
        price: Price | None = None,
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
        self.poll_interval = poll_interval
        self.continuation = continuation
        self.echoes = continuation == "prefill"  # Mistral's server repeats the prefix
        self.provider = provider
        self.key_variable = key_variable
        self.options = options or {}
        self.price = price
        self._api_key = api_key
        self._clients = PerLoop(self._connect, self.warm_up)

    def __repr__(self) -> str:
        return f"OpenAILLM({self.name!r})"

    @property
    def name(self) -> str:
        return f"{self.provider}:{self.model}"

    def warm_up(self) -> None:
        load(f"openai.resources.{self.api}")

    def connect(self) -> None:
        """Begin to open a connection; see `ragnb.llms.base.Connecting`."""
        self._clients.open()

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

    def let_go(self, cursor: Cursor) -> None:
        """Cancel an answer in the background; see `ragnb.llms.base.Keeping`. Needs a running event loop."""
        openai_kept.cancel(self._clients.get(), cursor.id)

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """The answer's deltas; see `ragnb.llms.base.LLM.stream`."""
        client = self._clients.get()
        provider = Provider(self.provider, self.model, str(client.base_url), self.key_variable)
        try:
            if self.api == "chat":
                answer = self._streamed(self._chat(client, request), openai_chat.read, provider)
            else:
                answer = self._read_responses(client, request, provider)
            async with aclosing(answer) as deltas:
                async for delta in deltas:
                    yield delta
        except ProviderError:
            raise
        except Exception as error:
            raise from_exception(error, provider) from error

    def _connect(self) -> tuple[AsyncOpenAI, httpx2.AsyncClient]:
        self.warm_up()
        import httpx2
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        http = DefaultAsyncHttpxClient(verify=ssl_context(), limits=limits())
        client = AsyncOpenAI(
            api_key=api_key(self._api_key, self.key_variable, self.base_url, self.provider),
            base_url=self.base_url,
            max_retries=0,  # the engine retries, and tells
            timeout=httpx2.Timeout(self.stall_timeout, connect=10.0),
            http_client=http,
        )
        return client, http

    async def _streamed(
        self, call: AbstractAsyncContextManager[Any], read: Reader, provider: Provider
    ) -> AsyncGenerator[Delta, None]:
        async with (
            call as response,
            aclosing(sse(response.http_response, self.stall_timeout)) as events,
            aclosing(read(events, provider)) as deltas,
        ):
            async for delta in deltas:
                if isinstance(delta, Stop):
                    await drain(events)
                yield delta

    async def _read_responses(
        self, client: AsyncOpenAI, request: Request, provider: Provider
    ) -> AsyncGenerator[Delta, None]:
        partial, cursor = request.partial, None
        if partial is not None and partial.strategy == "cursor" and (cursor := partial.cursor):
            times = {"patience": self.stall_timeout, "poll_interval": self.poll_interval}
            answer = openai_kept.again(client, cursor, partial, provider, **times)
        else:
            answer = self._streamed(self._responses(client, request), openai_responses.read, provider)
        try:
            async with aclosing(answer) as deltas:
                async for delta in deltas:
                    if isinstance(delta, Cursor):
                        cursor = delta
                    elif isinstance(delta, Stop):
                        cursor = None  # made to its end
                    yield delta
        except (GeneratorExit, asyncio.CancelledError):  # nobody wants more; a fault leaves it running
            if cursor is not None:
                self.let_go(cursor)
            raise

    def _chat(self, client: AsyncOpenAI, request: Request) -> AbstractAsyncContextManager[Any]:
        # Only OpenAI itself refuses the older name for its newer models.
        limit = "max_completion_tokens" if self.base_url is None else "max_tokens"
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": prompt.system(request, citing=False)},
                *prompt.turns(request),
                {"role": "user", "content": prompt.user(request)},
                *_turns(request.partial),
            ],
            "stream": True,
            limit: request.partial.left(self.max_tokens) if request.partial else self.max_tokens,
        }
        if self.continuation != "prefill":  # Mistral's server refuses it, and reports usage unasked
            body["stream_options"] = {"include_usage": True}
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
        asked = prompt.user(request)
        turns = [*prompt.turns(request), {"role": "user", "content": asked}, *_turns(partial)]
        body: dict[str, Any] = {
            "model": self.model,
            "instructions": prompt.system(request, citing=False),
            "input": turns if len(turns) > 1 else asked,
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
