"""In a script: answers are printed as they come, one after another, whichever way they were asked."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap

import pytest

TEXT = "Refunds are paid within five days [1]."


def test_each_way_of_asking_prints_the_answer_once(wired, capsys):
    """ask, aask and wait=False print the same: sources, text, quotes and facts."""
    rag, _ = wired(answer=TEXT)
    rag.ask("How?")
    said = [capsys.readouterr().out]
    asyncio.run(rag.aask("How?"))
    said.append(capsys.readouterr().out)

    async def soon():
        return await rag.ask("How?", wait=False)

    assert asyncio.run(soon()).status == "finished"
    said.append(capsys.readouterr().out)
    for out in said:
        assert out.count(TEXT) == 1 and "openai:gpt-4o-mini" in out
        assert [line.split()[0] for line in out.splitlines() if line.startswith("  [")][:3] == [
            "[1]",
            "[2]",
            "[3]",
        ]


def test_two_at_once_are_printed_one_after_the_other(wired, capsys):
    """Answers that stream side by side do not mix; the one that was asked first comes first."""
    slow, gate = wired(answer="One two three.", gate=True)
    fast, _ = wired(answer=TEXT)

    async def both():
        first, second = slow.ask("Slow?", wait=False), fast.ask("Fast?", wait=False)
        await asyncio.to_thread(second.wait)
        gate.release_all()
        await asyncio.gather(first, second)

    asyncio.run(both())
    out = capsys.readouterr().out
    assert out.index("One two three.") < out.index(TEXT)


async def test_cancelling_aask_cancels_the_answer(wired, capsys):
    """A cancelled task ends its answer, which says so and keeps its text, and is cancelled itself."""
    rag, sim = wired(answer=TEXT, gate=True)
    task = asyncio.create_task(rag.aask("How?"))
    sim.release(2)
    while not rag.answers() or not rag.answers()[0].text.endswith("are"):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert rag.answers()[0].status == "cancelled"
    assert "Cancelled after 2 tokens" in capsys.readouterr().out


SCRIPT = textwrap.dedent(
    """
    import sys
    from ragnb import RAGPipeline
    from ragnb.embeddings.openai import OpenAIEmbeddings
    from ragnb.llms.openai import OpenAILLM

    url = sys.argv[1]
    rag = RAGPipeline(OpenAILLM("m", base_url=url), OpenAIEmbeddings(base_url=url), "memory", home=None)
    rag.add("A text.")
    rag.ask("How?", wait=False)
    """
)


def test_a_script_that_does_not_wait_prints_all(wired):
    """A script that ends with ask(wait=False) prints the whole answer before it is gone, and no warning."""
    _, sim = wired(answer=TEXT)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, sim.url], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and done.stderr == ""
    assert TEXT in done.stdout and "openai:m" in done.stdout
