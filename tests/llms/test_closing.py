"""Whoever stops reading closes all that was opened for it, at once."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from contextlib import aclosing, suppress

import pytest

import ragnb
from ragnb.errors import ProviderError
from ragnb.llms.base import Request, Text
from ragnb.simulator import Cut, Simulator
from tests.resumption.cases import PROTOCOLS


@pytest.mark.parametrize("fault", [None, Cut(3)], ids=["left", "cut"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_no_generator_is_left_to_the_garbage_collector(protocol, fault):
    """Each one is closed by its reader: the collector would close it later, and perhaps on another loop."""
    left, package = [], os.path.dirname(ragnb.__file__)
    of_the_loop = sys.get_asyncgen_hooks()

    def collected(generator):
        left.append(generator.ag_code.co_filename)
        of_the_loop.finalizer(generator)

    with Simulator("One two three four five", gate=True, faults=[fault] if fault else []) as sim:
        llm = PROTOCOLS[protocol](sim)
        sim.release(3)
        sys.set_asyncgen_hooks(of_the_loop.firstiter, collected)
        try:
            with suppress(ProviderError):
                async with aclosing(llm.stream(Request("How?"))) as deltas:
                    async for delta in deltas:
                        if isinstance(delta, Text) and fault is None:
                            break
            gc.collect()
        finally:
            sys.set_asyncgen_hooks(*of_the_loop)
        await llm.aclose()
        for cancelling in [thread for thread in threading.enumerate() if thread.name == "ragnb-cancel"]:
            await asyncio.to_thread(cancelling.join)
    assert [file for file in left if package in file] == []
