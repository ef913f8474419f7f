"""What each provider can do wrong, and what is done about it: every row goes over the wire, by the real SDK."""

from __future__ import annotations

import anthropic
import httpx2
import openai
import pytest

from ragnb.errors import ProviderError
from ragnb.llms.anthropic import AnthropicLLM
from ragnb.llms.base import Request, Text
from ragnb.llms.openai import OpenAILLM
from ragnb.providers.faults import Provider, from_event, from_exception
from ragnb.resumption.ladder import Ladder
from ragnb.simulator import (
    CleanEnd,
    Cut,
    ErrorEvent,
    Garbage,
    Html,
    NeverAnswer,
    Simulator,
    Stall,
    Status,
)
from tests.conftest import hits

REQUEST = Request("Why?", hits("Because."))
LADDER = Ladder()
PROVIDER = Provider("openai", "m", "http://localhost", "OPENAI_API_KEY")


def openai_error(message, kind=None, code=None):
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic_error(kind, message):
    return {"type": "error", "error": {"type": kind, "message": message}}


def make(protocol, sim, **options):
    if protocol == "anthropic":
        return AnthropicLLM("claude-haiku-4-5", base_url=sim.anthropic_url, api_key="test", **options)
    return OpenAILLM("m", api=protocol, base_url=sim.url, api_key="test", **options)


async def met(protocol, fault, **options):
    """The error that a fault becomes, and whether some of the answer had come."""
    with Simulator("one two three four five six", faults=[fault]) as sim:
        llm = make(protocol, sim, **options)
        deltas = []
        with pytest.raises(ProviderError) as caught:
            async for delta in llm.stream(REQUEST):
                deltas.append(delta)
        await llm.aclose()
        assert len(sim.requests) == 1  # the SDK does not try again by itself
    return caught.value, any(isinstance(delta, Text) for delta in deltas)


EVERYWHERE = [
    # fault, its class, what is done
    (Status(400), "bad_request", "another"),
    (Status(401), "authentication", "another"),
    (Status(402), "quota", "another"),
    (Status(403), "authentication", "another"),
    (Status(404), "not_found", "another"),
    (Status(408), "stalled", "at once"),
    (Status(409), "server", "later"),
    (Status(413), "window", "larger"),
    (Status(422), "bad_request", "another"),
    (Status(429, retry_after=7), "rate_limit", "later"),
    (Status(500), "server", "later"),
    (Status(502), "server", "later"),
    (Status(503), "overloaded", "later"),
    (Status(504), "server", "later"),
    (Status(529), "overloaded", "later"),
    (Html(), "garbage", "another"),
    (Garbage(0), "cut", "at once"),
    (Cut(0), "cut", "at once"),
    (Cut(0, "rst"), "cut", "at once"),
    (NeverAnswer(), "stalled", "at once"),
    (Stall(0), "stalled", "at once"),
    (Cut(3), "cut", "at once"),
    (Cut(3, "rst"), "cut", "at once"),
    (Cut(99), "cut", "at once"),
    (CleanEnd(3), "cut", "at once"),
    (CleanEnd(99), "cut", "at once"),
    (Stall(3), "stalled", "at once"),
]


@pytest.mark.parametrize("protocol", ["chat", "responses", "anthropic"])
@pytest.mark.parametrize(("fault", "kind", "done"), EVERYWHERE, ids=lambda value: repr(value))
async def test_everywhere(protocol, fault, kind, done):
    """The same fault is the same class in each protocol, with advice, and with the wait that was asked for."""
    waits = isinstance(fault, (Stall, NeverAnswer))
    error, began = await met(protocol, fault, **({"stall_timeout": 0.1} if waits else {}))
    assert error.fault == kind
    assert LADDER.after(error.fault, began=began) == done
    assert error.advice
    assert error.retry_after == getattr(fault, "retry_after", None)
    assert began == (getattr(fault, "after", 0) > 0)


SENT = [
    # protocol, status, body, its class, what is done, what is advised
    ("chat", 429, openai_error("You exceeded your quota.", "insufficient_quota", "insufficient_quota"), "quota", "credit"),
    ("chat", 429, openai_error("Not active.", "billing_not_active", "billing_not_active"), "quota", "credit"),
    ("chat", 400, openai_error("Limit.", "invalid_request_error", "billing_hard_limit_reached"), "quota", "credit"),
    ("chat", 429, openai_error("Slow down.", "requests", "rate_limit_exceeded"), "rate_limit", "Wait"),
    ("chat", 413, openai_error("Too large.", "tokens", "rate_limit_exceeded"), "window", "smaller k"),
    ("chat", 400, openai_error("Too long.", "invalid_request_error", "context_length_exceeded"), "window", "smaller k"),
    ("chat", 400, openai_error("This model's maximum context length is 10.", "BadRequestError", 400), "window", "smaller k"),
    ("chat", 400, openai_error("Filtered.", None, "content_filter"), "content_filter", "other words"),
    ("chat", 401, openai_error("Who are you?", "invalid_request_error", None), "authentication", "OPENAI_API_KEY"),
    ("chat", 400, openai_error("Gone.", "invalid_request_error", "model_decommissioned"), "not_found", "name"),
    ("chat", 503, openai_error("Slow.", "service_unavailable_error", "slow_down"), "overloaded", "later"),
    ("chat", 500, {"detail": [{"loc": ["body"]}]}, "server", "Ask again"),
    ("chat", 422, {"message": "Extra inputs are not permitted", "type": "invalid_request_error"}, "bad_request", "complains"),
    ("anthropic", 400, anthropic_error("invalid_request_error", "Your credit balance is too low to access it."), "quota", "credit"),
    ("anthropic", 400, anthropic_error("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), "window", "smaller k"),
    ("anthropic", 403, anthropic_error("permission_error", "No."), "authentication", "ANTHROPIC_API_KEY"),
    ("anthropic", 402, anthropic_error("billing_error", "No."), "quota", "credit"),
    ("anthropic", 529, anthropic_error("overloaded_error", "Overloaded"), "overloaded", "later"),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "status", "body", "kind", "advice"), SENT)
async def test_bodies(protocol, status, body, kind, advice):
    """What a body says counts more than its status, where it is certain; the provider's words are kept."""
    error, _ = await met(protocol, Status(status, body=body))
    assert error.fault == kind
    assert advice in error.advice
    said = (body.get("error") or body).get("message")
    assert said is None or said in error.message


IN_STREAM = [
    # protocol, the event, its class, what is done
    ("chat", b'data: {"error":{"message":"x","type":"server_error","code":null}}\n\n', "server"),
    ("chat", b'data: {"error":{"message":"x","type":"BadRequestError","code":400}}\n\n', "bad_request"),
    ("chat", b'data: {"error":{"message":"x","code":502}}\n\n', "server"),
    ("chat", b'data: {"error":{"message":"x","code":429}}\n\n', "rate_limit"),
    ("chat", b'data: {"error":"it broke"}\n\n', "server"),
    ("chat", b'data: {"choices":[{"delta":{},"finish_reason":"error"}]}\n\n', "server"),
    ("chat", b"data: {not json\n\n", "garbage"),
    ("responses", b'event: error\ndata: {"type":"error","code":"server_error","message":"x"}\n\n', "server"),
    ("responses", b'event: error\ndata: {"type":"error","error":{"type":"rate_limit_exceeded"}}\n\n', "rate_limit"),
    ("responses", b'event: error\ndata: {"type":"error","code":"context_length_exceeded"}\n\n', "window"),
    ("responses", b"event: error\ndata: {not json\n\n", "garbage"),
    *(
        (
            "responses",
            b'event: response.failed\ndata: {"type":"response.failed","response":{"id":"r","error":{"code":"%s"}}}\n\n'
            % code,
            fault,
        )
        for code, fault in [
            (b"server_error", "server"),
            (b"rate_limit_exceeded", "rate_limit"),
            (b"invalid_prompt", "bad_request"),
            (b"bio_policy", "content_filter"),
            (b"misalignment_policy_violation", "content_filter"),
            (b"data_residency_mismatch", "bad_request"),
            (b"vector_store_timeout", "stalled"),
            (b"image_file_too_large", "server"),
        ]
    ),
    ("responses", b'event: response.failed\ndata: {"type":"response.failed"}\n\n', "server"),
    ("responses", b'event: response.cancelled\ndata: {"type":"response.cancelled"}\n\n', "bad_request"),
    *(
        ("anthropic", b'event: error\ndata: {"type":"error","error":{"type":"%s","message":"x"}}\n\n' % name, fault)
        for name, fault in [
            (b"overloaded_error", "overloaded"),
            (b"api_error", "server"),
            (b"rate_limit_error", "rate_limit"),
            (b"timeout_error", "stalled"),
            (b"invalid_request_error", "bad_request"),
            (b"authentication_error", "authentication"),
            (b"permission_error", "authentication"),
            (b"not_found_error", "not_found"),
            (b"request_too_large", "window"),
            (b"billing_error", "quota"),
        ]
    ),
    ("anthropic", b"event: error\ndata: {not json\n\n", "garbage"),
]  # fmt: skip


@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize(("protocol", "data", "kind"), IN_STREAM)
async def test_in_the_stream(protocol, data, kind, after):
    """An error that comes as an event is raised, with what came before it passed on."""
    error, began = await met(protocol, Garbage(after, data))
    assert error.fault == kind
    assert began == (after > 0)
    assert error.advice


@pytest.mark.parametrize("protocol", ["chat", "responses", "anthropic"])
async def test_the_protocols_own_error(protocol):
    """The simulator's error event is a fault that passes."""
    error, began = await met(protocol, ErrorEvent(2))
    assert (error.fault, began) == ("overloaded" if protocol == "anthropic" else "server", True)
    assert LADDER.after(error.fault, began=began) == "later"


async def test_garbage_in_the_middle_passes():
    """After a good beginning garbage is damage on the way, and tried again at once."""
    assert LADDER.after("garbage", began=True) == "at once"
    assert LADDER.after("garbage", began=False) == "another"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(Cut(2), "cut"), (Cut(2, "rst"), "cut"), (Stall(2), "stalled"), (ErrorEvent(2), "server")],
)
async def test_openais_own_stream(fault, kind):
    """What OpenAI's SDK itself raises while it streams is classified too."""
    with Simulator("one two three", faults=[fault]) as sim:
        async with openai.AsyncOpenAI(base_url=sim.url, api_key="x", max_retries=0, timeout=0.1) as client:
            with pytest.raises(Exception) as caught:
                turns = [{"role": "user", "content": "x"}]
                async for _ in await client.chat.completions.create(model="m", messages=turns, stream=True):
                    pass
    assert from_exception(caught.value, PROVIDER).fault == kind


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(Cut(2), "cut"), (Cut(2, "rst"), "cut"), (Stall(2), "stalled"), (ErrorEvent(2), "overloaded")],
)
async def test_anthropics_own_stream(fault, kind):
    """What Anthropic's SDK itself raises while it streams, also with status 200, is classified too."""
    with Simulator("one two three", faults=[fault]) as sim:
        async with anthropic.AsyncAnthropic(
            base_url=sim.anthropic_url, api_key="x", max_retries=0, timeout=0.1
        ) as client:
            with pytest.raises(Exception) as caught:
                turns = [{"role": "user", "content": "x"}]
                async for _ in await client.messages.create(
                    model="m", max_tokens=9, messages=turns, stream=True
                ):
                    pass
    assert from_exception(caught.value, PROVIDER).fault == kind


def test_what_is_no_fault_of_a_provider():
    """Any other exception stays what it is."""
    with pytest.raises(ZeroDivisionError):
        from_exception(ZeroDivisionError(), PROVIDER)


def test_transport():
    """Errors of the connection, with and without a connection."""
    assert from_exception(httpx2.ConnectError("refused"), PROVIDER).fault == "unreachable"
    assert from_exception(httpx2.PoolTimeout("full"), PROVIDER).fault == "stalled"
    assert from_exception(httpx2.ReadError("reset"), PROVIDER).fault == "cut"
    assert from_event("something new", "x", PROVIDER).fault == "server"
