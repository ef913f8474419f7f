"""A thousand answers with faults leave nothing behind: no task, thread, file, socket or warning."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import warnings

from ragnb.simulator import CleanEnd, Cut, ErrorEvent, Garbage, Simulator, Status
from tests.resumption.cases import ask, chat, claude

ANSWER = "Refunds are paid within five days [1]."
FAULTS = [
    Cut(2),
    Cut(1, "rst"),
    CleanEnd(3),
    ErrorEvent(2),
    Garbage(1),
    Status(503),
    Status(429, retry_after=0),
    Cut(after_bytes=900),
    CleanEnd(after_bytes=700),
]


def _open() -> tuple[int, int]:
    gc.collect()
    return len(os.listdir("/proc/self/fd")), threading.active_count()


async def _answers(count: int) -> None:
    """So many answers of each model, the faults in turn."""
    with Simulator(ANSWER) as sim:
        for llm in (
            chat(sim),
            chat(sim, continuation="exact"),
            chat(sim, api="responses"),
            chat(sim, api="responses", background=True),
            claude(sim, "claude-haiku-4-5"),
        ):
            for n in range(count):
                sim.faults.append(FAULTS[n % len(FAULTS)])
                answer = await ask(llm)
                assert answer.text.startswith("Refunds are paid within five days")
            await llm.aclose()
    while (
        len(asyncio.all_tasks()) > 1
    ):  # the SDKs leave generators to the loop, which closes them at its next turns
        await asyncio.sleep(0)


async def test_a_thousand_answers():
    """Nothing is open after that was not before, however the answers were disturbed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await _answers(1)  # the loop's own thread for looking up addresses
        before = _open()
        await _answers(200)
        after = _open()
        # Fewer is no leak: what pipelines of other tests kept is closed meanwhile.
        assert all(now <= then for now, then in zip(after, before, strict=True)), (before, after)
