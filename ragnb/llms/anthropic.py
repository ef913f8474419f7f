"""Anthropic's models, with the citations that they report themselves."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from ragnb.documents import Hit
from ragnb.errors import ProviderError
from ragnb.llms import anthropic_cache, prompt
from ragnb.llms.base import Block, Citation, Delta, Partial, Request, Stop, Strategy, Text, Usage
from ragnb.llms.price import Price
from ragnb.providers.clients import PerLoop, api_key, drain, limits, load, sse, ssl_context
from ragnb.providers.faults import Provider, from_event, from_exception
from ragnb.sentences import sentences

if TYPE_CHECKING:
    import httpx2
    from anthropic import AsyncAnthropic

Spans = list[tuple[int, int]]

# claude-3-5-haiku-20241022, claude-opus-4-6, claude-sonnet-4-20250514; a date is no version
_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")


class AnthropicLLM:
    """A model behind Anthropic's Messages API.

    Each passage is sent as a ``search_result`` with one content block a sentence, so that the
    model's own citations come back as sentences of the passage. The turns of a long chat are kept in the
    provider's cache; see `ragnb.llms.anthropic_cache`.

    Parameters
    ----------
    model
        Such as ``claude-opus-4-6``.
    base_url
        Another server that speaks the protocol.
    api_key
        Else ``ANTHROPIC_API_KEY`` from the environment when the first request is made.
    max_tokens
        The most tokens an answer may have.
    stall_timeout
        Seconds without a byte after which the stream counts as broken.
    options
        Further parameters of the request, as the provider documents them.
    price
        What it costs, where the list of prices does not know it or you pay another one.
    """

    citing = True
    provider = "anthropic"
    key_variable = "ANTHROPIC_API_KEY"

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        max_tokens: int = 1024,
        temperature: float | None = None,
        stall_timeout: float = 20.0,
        options: dict[str, Any] | None = None,
        price: Price | None = None,
    ) -> None:
        self.model = model
        self.base_url = base_url
        self.max_tokens = max_tokens
        self.temperature = temperature
        self.stall_timeout = stall_timeout
        self.options = options or {}
        self.price = price
        self._api_key = api_key
        self._clients = PerLoop(self._connect, self.warm_up)

    def __repr__(self) -> str:
        return f"AnthropicLLM({self.name!r})"

    @property
    def name(self) -> str:
        return f"{self.provider}:{self.model}"

    def warm_up(self) -> None:
        load("anthropic.resources.messages")

    def connect(self) -> None:
        """Begin to open a connection; see `ragnb.llms.base.Connecting`."""
        self._clients.open()

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._clients.aclose()

    def strategies(self, partial: Partial) -> tuple[Strategy, ...]:
        """How it can go on with this text; see `ragnb.llms.base.Continuing`.

        Up to version 4.5 a model goes on with its own turn; later ones, and those that think first, refuse
        that and have to be told.

        Cut between a sentence and its citations, a model that goes on with its own turn is shown less, and
        says the sentence again. One that says something else goes on with all that is out: that citation is
        then missing, as it is where an instructed model does not begin with the last words. And cut exactly
        between two cited parts of one sentence, it is not known that the first one was whole: the citations
        of the second count for both.
        """
        return ("prefill", "instruction") if self._takes_prefill() else ("instruction",)

    def _takes_prefill(self) -> bool:
        if (self.options.get("thinking") or {}).get("type", "disabled") != "disabled":
            return False
        found = _VERSION.search(self.model)
        return found is not None and (int(found[1]), int(found[2] or 0)) <= (4, 5)

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """The answer's deltas; see `ragnb.llms.base.LLM.stream`."""
        client = self._clients.get()
        provider = Provider(self.provider, self.model, str(client.base_url), self.key_variable)
        blocks = [sentences(hit.chunk.text) for hit in request.passages]
        rules = prompt.system(request, citing=True)
        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": request.partial.left(self.max_tokens) if request.partial else self.max_tokens,
            "system": rules,
            "messages": [
                *anthropic_cache.turns(request, rules),
                {"role": "user", "content": _content(request, blocks)},
                *_turns(request.partial),
            ],
            "stream": True,
        }
        if self.temperature is not None:
            body["temperature"] = self.temperature
        try:
            async with (
                client.messages.with_streaming_response.create(**body, **self.options) as response,
                aclosing(sse(response.http_response, self.stall_timeout)) as events,
                aclosing(_read(events, blocks, provider)) as deltas,
            ):
                async for delta in deltas:
                    if isinstance(delta, Stop):
                        await drain(events)
                    yield delta
        except ProviderError:
            raise
        except Exception as error:
            raise from_exception(error, provider) from error

    def _connect(self) -> tuple[AsyncAnthropic, httpx2.AsyncClient]:
        self.warm_up()
        import httpx2
        from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

        http = DefaultAsyncHttpxClient(verify=ssl_context(), limits=limits())
        client = AsyncAnthropic(
            api_key=api_key(self._api_key, self.key_variable, self.base_url, self.provider),
            base_url=self.base_url,
            max_retries=0,  # the engine retries, and tells
            timeout=httpx2.Timeout(self.stall_timeout, connect=10.0),
            http_client=http,
        )
        return client, http


def _turns(partial: Partial | None) -> list[dict[str, Any]]:
    """The turns after the question that make the model go on with its own."""
    if partial is None or not partial.sent:
        return []
    own = {"role": "assistant", "content": partial.sent}
    if partial.strategy == "prefill":
        return [own]
    return [own, {"role": "user", "content": prompt.go_on(partial)}]


def _content(request: Request, blocks: list[Spans]) -> list[dict[str, Any]]:
    content = [_search_result(hit, spans) for hit, spans in zip(request.passages, blocks, strict=True)]
    return [*content, {"type": "text", "text": request.question}]


def _search_result(hit: Hit, spans: Spans) -> dict[str, Any]:
    chunk = hit.chunk
    return {
        "type": "search_result",
        "source": chunk.source or chunk.document,
        "title": chunk.context or "Untitled",
        "content": [{"type": "text", "text": chunk.text[start:end]} for start, end in spans],
        "citations": {"enabled": True},
    }


class _CacheCreation(Struct):
    ephemeral_1h_input_tokens: int | None = None


class _Usage(Struct):
    """``input_tokens`` leaves out what is read from the cache and put into it."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: _CacheCreation | None = None

    def delta(self) -> Usage:
        cached, written = self.cache_read_input_tokens or 0, self.cache_creation_input_tokens or 0
        for_an_hour = (self.cache_creation and self.cache_creation.ephemeral_1h_input_tokens) or 0
        read = (self.input_tokens or 0) + cached + written
        return Usage(read, self.output_tokens or 0, cached, written, for_an_hour)


class _Message(Struct):
    usage: _Usage | None = None


class _Citation(Struct):
    type: str
    search_result_index: int = 0
    start_block_index: int = 0
    end_block_index: int = 0


class _Delta(Struct):
    type: str | None = None
    text: str = ""
    citation: _Citation | None = None
    stop_reason: str | None = None


class _Error(Struct):
    type: str = ""
    message: str = ""


class _ContentBlock(Struct):
    citations: list[msgspec.Raw] | None = None


class _Event(Struct):
    type: str
    content_block: _ContentBlock | None = None
    message: _Message | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: _Error | None = None


_event = msgspec.json.Decoder(_Event)
_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


async def _read(
    events: AsyncIterator[Any], blocks: list[Spans], provider: Provider
) -> AsyncGenerator[Delta, None]:
    """Deltas of a Messages stream. A citation speaks of the whole content block it stands in, so it
    is passed on when that block ends."""
    counted = _Usage()
    position = block_start = 0
    cited: list[_Citation] = []
    reason: str | None = None
    async for event in events:
        data = _event.decode(event.data)
        delta = data.delta or _Delta()
        match data.type:
            case "message_start" if data.message is not None and data.message.usage is not None:
                counted = data.message.usage
                yield counted.delta()  # billed whatever becomes of the stream
            case "content_block_start":
                block_start, cited = position, []
                yield Block(data.content_block is not None and data.content_block.citations is not None)
            case "content_block_delta" if delta.type == "text_delta":
                position += len(delta.text)
                if delta.text:
                    yield Text(delta.text)
            case "content_block_delta" if delta.citation is not None:
                cited.append(delta.citation)
            case "content_block_stop":
                for citation in cited:
                    resolved = _resolve(citation, blocks, block_start, position)
                    if resolved is not None:
                        yield resolved
                yield Block(is_cited=False)
            case "message_delta":
                reason = delta.stop_reason or reason
                if data.usage is not None:
                    counted = _merge(counted, data.usage)
            case "message_stop":
                yield counted.delta()
                yield Stop(_REASONS.get(reason or "end_turn", reason or "stop"))
                return
            case "error" if data.error is not None:
                raise from_event(data.error.type, data.error.message, provider)
    raise provider.error("cut")


def _merge(older: _Usage, newer: _Usage) -> _Usage:
    """The newer count where there is one: the provider's counts are cumulative."""
    new = {name: value for name, value in msgspec.structs.asdict(newer).items() if value is not None}
    return msgspec.structs.replace(older, **new)


def _resolve(citation: _Citation, blocks: list[Spans], start: int, end: int) -> Citation | None:
    """The citation in characters of the passage; None if it names what was not sent."""
    if citation.type != "search_result_location":
        return None
    if not 0 <= citation.search_result_index < len(blocks):
        return None
    spans = blocks[citation.search_result_index][citation.start_block_index : citation.end_block_index]
    if not spans:
        return None
    return Citation(start, end, citation.search_result_index + 1, spans[0][0], spans[-1][1])
