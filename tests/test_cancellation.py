"""Whoever stops reading stops the answer: the connection closes, the log ends, nothing leaks."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import textwrap
import threading
import warnings

import pytest

from ragnb import background
from ragnb.events import Cancelled

TOKENS = ["One", " two [1]", " three", " four", " five", " never let out"]
EVENTS = 9  # Started, Retrieved, Routed, five tokens and a citation


def check(rag, sim, text):
    answer = rag.answers()[-1]
    assert answer.wait(timeout=10)
    assert isinstance(answer.events[-1], Cancelled)
    assert "".join(TOKENS).startswith(answer.text)
    assert answer.text.startswith(text)
    if sim.requests:
        sim.wait_for_disconnect()


@pytest.mark.parametrize("stop", range(EVENTS))
async def test_break_at_any_event(wired, stop):
    """Breaking out of the iterator at any event cancels the answer and keeps what was said."""
    rag, sim = wired(answer=TOKENS, gate=True)
    sim.release(5)
    text = ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async for event in rag.aevents("How?"):
            text += getattr(event, "text", "")
            if event.seq == stop:
                break
        gc.collect()
        await asyncio.sleep(0)
    await asyncio.to_thread(check, rag, sim, text)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("stop", range(EVENTS))
def test_break_in_a_plain_loop(wired, stop):
    """Breaking out of the plain iterator does the same."""
    rag, sim = wired(answer=TOKENS, gate=True)
    sim.release(5)
    for event in rag.events("How?"):
        if event.seq == stop:
            break
    gc.collect()
    check(rag, sim, "")


async def test_cancelling_the_task(wired):
    """Cancelling the task that reads cancels the answer before the task ends."""
    rag, sim = wired(answer=TOKENS, gate=True)
    reading = asyncio.Event()

    async def consume():
        async for _ in rag.astream("How?"):
            reading.set()

    task = asyncio.create_task(consume())
    sim.release(2)
    await reading.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert rag.answers()[-1].status == "cancelled"
    await asyncio.to_thread(check, rag, sim, "One")
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_cancel_from_anywhere(wired):
    """answer.cancel() from another thread ends it; a second call does nothing."""
    rag, sim = wired(answer=TOKENS, gate=True)
    answer = rag.start("How?")
    sim.release(2)
    assert answer.wait(start=4, timeout=10)
    answer.cancel()
    answer.cancel()
    check(rag, sim, "One")
    assert answer.usage.estimated


def test_cancel_at_once(wired):
    """An answer that is cancelled before it did anything ends all the same."""
    rag, _ = wired(answer=TOKENS)
    for _ in range(20):
        answer = rag.start("How?")
        answer.cancel()
        assert answer.wait(timeout=10)
        assert answer.status in ("cancelled", "finished")


def test_interrupted_before_the_first_step(monkeypatch):
    """An interrupt that falls between the start of the task that reads and its first step ends it all the same."""
    begun, go_on = [], threading.Event()
    loop = background._loop().loop
    spawn, schedule = background.spawn, loop.call_soon_threadsafe

    @background.plain_iterator
    async def numbers():
        begun.append(True)
        yield 1
        await asyncio.Event().wait()

    async def hold():
        go_on.wait()

    def interrupted(work):
        spawn(hold())
        spawn(work)
        raise KeyboardInterrupt

    def scheduled(callback, *args, **context):
        schedule(callback, *args, **context)
        if getattr(callback, "__name__", "") == "cancel":
            go_on.set()

    monkeypatch.setattr(background, "spawn", interrupted)
    monkeypatch.setattr(loop, "call_soon_threadsafe", scheduled)
    with pytest.raises(KeyboardInterrupt):
        next(numbers())
    assert not begun


SCRIPT = textwrap.dedent(
    """
    import signal
    import sys
    from ragnb import RAGPipeline
    from ragnb.embeddings.openai import OpenAIEmbeddings
    from ragnb.llms.openai import OpenAILLM

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent that ignores it hands that down
    url = sys.argv[1]
    rag = RAGPipeline(OpenAILLM("m", base_url=url), OpenAIEmbeddings(base_url=url), "memory", home=None)
    rag.add("A text.")
    try:
        for token in rag.stream("How?"):
            print(token, flush=True)
    except KeyboardInterrupt:
        print(rag.answers()[-1].status, rag.answers()[-1].text, flush=True)
    """
)


def test_interrupting_a_script(wired):
    """Ctrl-C in a script ends the answer with its text kept, closes the connection, and warns of nothing."""
    _, sim = wired(answer=TOKENS, gate=True)
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT, sim.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    sim.release(1)
    assert process.stdout.readline() == "One\n", process.communicate(timeout=60)[1]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert out == "cancelled One\n", err
    assert [line for line in err.splitlines() if "ragnb" in line or "Warning" in line] == []
    sim.wait_for_disconnect()
