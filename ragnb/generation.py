"""Generation: a model's deltas become events, and an answer that breaks off is gone on with."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing

from ragnb import consumption
from ragnb.attempt import Attempt, OtherwiseError
from ragnb.errors import ProviderError
from ragnb.events import AnyEvent, Retrying, Routed, Token
from ragnb.llms.base import LLM, Keeping, Request
from ragnb.providers import faults
from ragnb.resumption.deployments import Deployments
from ragnb.resumption.policy import Trouble
from ragnb.resumption.resilience import Resilience
from ragnb.resumption.seam import DivergedError
from ragnb.resumption.strategies import Way, Ways
from ragnb.routing.budgets import Purse, Reservation
from ragnb.routing.hold import DeclinedError, Hold
from ragnb.writing import Written

_AGAIN = ("at once", "later")
_REFUSALS = frozenset(("bad_request", "not_found"))


async def generate(
    llms: Sequence[LLM],
    request: Request,
    care: Resilience,
    out: Written | None = None,
    purse: Purse | None = None,
    holds: Mapping[str, Hold] | None = None,
) -> AsyncGenerator[AnyEvent, None]:
    """The events of the answer, `Finished` last, by the first of the models that is able to.

    Where an attempt fails, the next one goes on with the text that is out: the joined texts of all `Token`
    events are the answer. ``out`` is what is out before the first one, of a process that has ended.
    ``purse`` is what it is paid from, ``holds`` are for the models, by name, whose refusal the next one may
    do better than. Raises `ProviderError` when there is no further attempt.
    """
    clock = asyncio.get_running_loop().time
    trouble = Trouble(care.retry)
    failed: dict[str, str] = {}
    out = out or Written(request.passages)
    purse, holds = purse or Purse(), holds or {}

    def attempted(way: Way, begun: int | None, reserved: Reservation | None = None) -> Attempt:
        hold = holds.get(way.llm.name)
        return Attempt(way, out, trouble, purse, begun, hold, care.hedging, reserved)

    llms = _from_the_one_that_wrote(llms, out.model)
    ways = Ways(llms, request, care)
    way = ways.first() if out.is_empty else ways.same(out.partial()) or ways.other(out.partial())
    begun = out.accounted if way and way.strategy == "cursor" else out.length
    for event in _owed(out, request, begun, purse, llms):
        yield event
    if way is None:
        raise ProviderError(
            "bad_request",
            f"{llms[0].name} cannot go on with an answer that was interrupted.",
            "Ask the question again, or use a model that can.",
        )
    if way.llm.name != (out.model or llms[0].name):
        yield Routed(model=way.llm.name, reason=_why(llms[0], out))
    attempt = attempted(way, begun)
    fault: ProviderError
    while True:
        try:
            async with aclosing(attempt.events()) as events:
                async for event in events:
                    if type(event) is Token and not attempt.is_answering:
                        attempt.is_answering = True
                        trouble.end(clock())
                        ways.breaker().succeeded()
                    yield event
            return
        except asyncio.CancelledError:
            if attempt.is_billed:
                for used in attempt.paid():
                    yield used
            raise
        except DivergedError:
            fault = OtherwiseError(way.llm, "did not say the same again")
        except ProviderError as error:
            fault = error
        failed[way.llm.name] = fault.message
        trouble.begin(clock())
        if not attempt.is_answering and fault.fault in faults.PASSING:
            ways.breaker().failed()
        tried = trouble.attempts
        planned = _next(ways, attempt, fault, trouble, care, clock())
        follows = planned is not None and planned[0].strategy == "cursor" and planned[0].llm is way.llm
        # A provider that goes on by itself counts the whole at its end.
        if not follows and (attempt.is_billed or isinstance(fault, OtherwiseError)):
            for used in attempt.paid():
                yield used
        elif not follows:
            attempt.free()
        if planned is None:
            raise fault if len(failed) == 1 else _all_failed(failed, fault)
        before, (way, wait) = way, planned
        if isinstance(fault, DeclinedError):
            yield Routed(model=way.llm.name, reason=f"{before.llm.name} would not answer")
        else:
            yield Retrying(fault=fault.fault, message=fault.message, attempt=tried, wait=wait)
            if way.llm is not before.llm:
                yield Routed(model=way.llm.name, reason=f"{before.llm.name} failed: {fault.message}")
        if way.llm is not before.llm:
            trouble.attempts = 0
        since = attempt.begun if follows else None
        try:
            await asyncio.sleep(wait)
        except asyncio.CancelledError:
            if out.cursor is not None and isinstance(way.llm, Keeping):
                way.llm.let_go(out.cursor)
            if follows and attempt.is_billed:
                for used in attempt.paid():
                    yield used
            raise
        attempt = attempted(way, since, attempt.reserved if follows else None)


def _from_the_one_that_wrote(llms: Sequence[LLM], model: str) -> Sequence[LLM]:
    """The models that are left: those before the one that wrote last were given up; all if it is gone."""
    return [*itertools.dropwhile(lambda llm: llm.name != model, llms)] or llms


def _owed(
    out: Written, request: Request, begun: int, purse: Purse, llms: Sequence[LLM]
) -> Iterator[AnyEvent]:
    """What an ended process did not come to tell: citations, and what the text up to ``begun`` cost."""
    yield from out.owed
    if begun > out.accounted:
        written = begun - out.accounted
        writer = next((llm for llm in llms if llm.name == out.model), out.model)
        used = consumption.estimated(writer, request, purse.prices, sent=out.accounted, written=written)
        purse.spend(used.cost)
        yield used


def _why(first: LLM, out: Written) -> str:
    """Why another model than the one that is due answers."""
    if out.model and first.name != out.model:
        return f"the process that used {out.model} ended, and this pipeline has another model"
    if out.is_empty:
        return f"{first.name} failed repeatedly and is left alone"
    return f"{first.name} cannot go on with an answer that was interrupted"


def _all_failed(failed: Mapping[str, str], last: ProviderError) -> ProviderError:
    """What each of the models said, in the order in which they were asked."""
    said = " ".join(f"{name}: {message}" for name, message in failed.items())
    return ProviderError(last.fault, f"None of the models could answer. {said}", last.advice)


def _next(
    ways: Ways, attempt: Attempt, error: ProviderError, trouble: Trouble, care: Resilience, now: float
) -> tuple[Way, float] | None:
    """The next attempt and the seconds to wait before it, None if there is none."""
    partial, llm = attempt.out.partial(), attempt.way.llm
    step = care.ladder.after(error.fault, began=attempt.is_answering)
    is_refused = attempt.way.strategy is not None and error.fault in _REFUSALS
    if is_refused and attempt.way.loses is not None and isinstance(error, OtherwiseError):
        ways.lost(attempt.way.loses)
    elif is_refused:
        ways.refuse(attempt.way)
    elif _has_another_deployment(attempt, error) and (way := ways.same(partial)) is not None:
        trouble.attempts -= 1  # of that one, not of the model
        return way, 0.0
    elif (
        step in ("at once", "later") and trouble.attempts < care.retry.attempts and not ways.is_left_alone()
    ):
        wait = care.retry.wait(trouble.attempts, error.retry_after, step)
        if wait <= trouble.left(now) and (way := ways.same(partial)) is not None:
            return way, wait
    if step == "stop" or trouble.left(now) <= 0:
        return None
    if is_refused and (way := ways.same(partial)) is not None:
        return way, 0.0
    match step:
        case "larger":
            other = ways.other(partial, lambda one: care.windows.is_larger(one, llm))
        case "cheaper":
            other = ways.other(partial, lambda one: attempt.purse.prices.is_less(one, llm))
        case _:
            other = ways.other(partial)
    return None if other is None else (other, 0.0)


def _has_another_deployment(attempt: Attempt, error: ProviderError) -> bool:
    llm = attempt.way.llm
    is_its_own = error.fault in faults.PASSING | faults.OF_KEY
    return is_its_own and not attempt.is_answering and isinstance(llm, Deployments) and llm.has_another()
