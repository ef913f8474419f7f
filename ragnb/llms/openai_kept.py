"""Responses in the background, which the provider keeps: read again from any position, polled, cancelled.

https://platform.openai.com/docs/guides/background
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

import msgspec

from ragnb.errors import ProviderError
from ragnb.llms.base import Cursor, Delta, Partial, Text
from ragnb.llms.openai_responses import Place, Response, read
from ragnb.providers.clients import sse, ssl_context
from ragnb.providers.faults import Provider

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_CANCEL_TIMEOUT = 3.0  # seconds; the process may wait for it as it ends
_MADE = ("completed", "incomplete", "failed", "cancelled")

_response = msgspec.json.Decoder(Response)


async def again(
    client: AsyncOpenAI,
    cursor: Cursor,
    partial: Partial,
    provider: Provider,
    *,
    patience: float,
    poll_interval: float,
) -> AsyncGenerator[Delta, None]:
    """What follows in a kept response: streamed, as long as the provider does that, then polled.

    ``patience`` is that of a stream, ``poll_interval`` between two looks, in seconds. Raises
    `ProviderError` (``not_found``) where the response is no longer kept.
    """
    import openai

    try:
        if cursor.position is not None or not partial.text:
            place = Place(cursor.position)
            try:
                after = openai.omit if cursor.position is None else cursor.position
                call = client.responses.with_streaming_response.retrieve(
                    cursor.id, stream=True, starting_after=after
                )
                async with (
                    call as response,
                    aclosing(sse(response.http_response, patience)) as events,
                    aclosing(read(events, provider, place)) as deltas,
                ):
                    async for delta in deltas:
                        yield delta
                return
            except openai.BadRequestError:
                pass  # too old to be streamed
            except ProviderError as error:
                # A stream that ends before it began, as that of a cancelled response does.
                if error.fault != "cut" or place.number != cursor.position:
                    raise
        async with aclosing(_poll(client, cursor.id, partial.text, provider, poll_interval)) as deltas:
            async for delta in deltas:
                yield delta
    except openai.NotFoundError:
        raise ProviderError(
            "not_found", f"{provider.name} no longer keeps this answer.", "Ask again for a new one."
        ) from None


async def _poll(
    client: AsyncOpenAI, response_id: str, said: str, provider: Provider, interval: float
) -> AsyncGenerator[Delta, None]:
    """The rest of a response that has to begin with what is out already. From here on its position is
    unknown, and the text alone says what is new."""
    yield Cursor(response_id)
    while True:
        raw = await client.responses.with_raw_response.retrieve(response_id)
        response = _response.decode(raw.http_response.content)
        is_made = response.status in _MADE
        text = response.text
        if text.startswith(said):
            if len(text) > len(said):
                yield Text(text[len(said) :])
                said = text
        elif is_made or not said.startswith(text):
            raise ProviderError(
                "bad_request",
                f"The answer that {provider.name} keeps does not begin with what is out.",
                "Ask again for a new one.",
            )
        if is_made:
            for delta in response.end(response.status, provider):
                yield delta
            return
        await asyncio.sleep(interval)


def cancel(client: AsyncOpenAI, response_id: str) -> None:
    """Have the provider stop making a response, and billing for it, without waiting for that.

    A thread does it, so that neither the cancellation that is under way nor the end of the event loop is in
    its way. Where it fails, the provider stops at its own limit.
    """

    def call() -> None:
        from openai import DefaultHttpxClient, OpenAI

        with (
            suppress(Exception),
            OpenAI(
                api_key=client.api_key,
                base_url=client.base_url,
                timeout=_CANCEL_TIMEOUT,
                max_retries=1,
                http_client=DefaultHttpxClient(verify=ssl_context()),
            ) as connected,
        ):
            connected.responses.cancel(response_id)

    with suppress(RuntimeError):  # the interpreter is ending
        threading.Thread(target=call, name="ragnb-cancel").start()
