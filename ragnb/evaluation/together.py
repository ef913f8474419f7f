"""Many questions, some of them at once: what an evaluation and a report have in common."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import TypeVar

from ragnb.answer import Answer
from ragnb.answering import Taken
from ragnb.askable import settle
from ragnb.documents import Hit
from ragnb.engine import Engine
from ragnb.events import Reranked, Retrieved, Routed

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


async def each(
    items: Sequence[ItemT],
    work: Callable[[ItemT], Awaitable[ResultT]],
    at_once: int,
    tell: Callable[[ItemT, ResultT], None],
) -> list[ResultT]:
    """The results in the order of the items; ``tell`` hears of each when it is there. The first error ends
    the others and is raised."""
    results: dict[int, ResultT] = {}
    rest: Iterator[tuple[int, ItemT]] = iter(enumerate(items))

    async def one_by_one() -> None:
        for place, item in rest:
            results[place] = await work(item)
            tell(item, results[place])

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(items))):
                group.create_task(one_by_one())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [results[place] for place in range(len(items))]


async def ended(taken: Taken) -> Answer:
    """The answer when its log has ended; cancelled with the task that waits for it, if it is ours."""
    answer, is_ours = taken
    try:
        async with aclosing(answer.follow()) as events:
            async for _ in events:
                pass
    finally:
        if is_ours:
            await settle(answer)
    return answer


async def found_now(
    engine: Engine, question: str, depth: int, so_far: Answer | None = None
) -> tuple[tuple[Hit, ...], float]:
    """What the engine finds for a question, in its final order, and in how many seconds; it is stopped
    before it calls the model. What ``so_far`` searched for in place of the question is searched for."""
    begin, hits = time.perf_counter(), tuple[Hit, ...]()
    async with aclosing(engine.events(question, depth, so_far=so_far)) as events:
        async for event in events:
            if isinstance(event, (Retrieved, Reranked)):
                hits = event.hits
            elif isinstance(event, Routed):
                break
    return hits, time.perf_counter() - begin
