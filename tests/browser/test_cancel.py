"""The stop button of the cell and that of the notebook, by how the answer was asked for."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import HOSTS, QUESTION, SHOTS
from tests.browser.stopping import click_stop

CALLS = {
    "await rag.aask": f"answer = await rag.aask({QUESTION!r})",
    "rag.ask, wait=False": f"answer = rag.ask({QUESTION!r}, wait=False)",
    "rag.ask": f"answer = rag.ask({QUESTION!r})",
}
SAID = "Cancelled after 5 tokens; the text so far is kept."
MOST = 5_000  # ms, on a machine that does much else; benchmarks/cell.py tells how fast it is


@pytest.mark.parametrize("host", HOSTS)
def test_the_stop_button_ends_an_answer(notebook, simulator, page, shot, host):
    """However it was asked for, the model's connection is closed, the text is kept, the cell says so, and there is
    no error in it."""
    sims = [simulator() for _ in CALLS]
    opened = notebook(sims[0], *CALLS.values(), host=host)
    times = {}
    for index, (call, sim) in enumerate(zip(CALLS, sims, strict=True), start=1):
        if index > 1:
            opened.execute(f"rag = pipeline({sim.url!r})")
        opened.start(index)
        sim.release(5)
        output = opened.outputs(index)
        expect(output.locator(".ragnb-text")).to_contain_text("Refunds are")
        times[call] = asdict(click_stop(page, sim))
        opened.wait_for_end(index)
        expect(output.locator(".ragnb-live")).to_have_count(0)
        expect(output.locator(".ragnb-status")).to_have_text(SAID)
        expect(output.locator(".ragnb-text")).to_contain_text("Refunds are")
        expect(output).to_have_count(1)
        assert opened.evaluate("answer.status") == "cancelled"
    (SHOTS / f"cancel-{host}.json").write_text(json.dumps(times, indent=1))
    assert max(time for each in times.values() for time in each.values()) < MOST
    shot("cancelled")


def test_interrupting_the_kernel_ends_an_answer(notebook, simulator, page, shot):
    """The notebook's own stop button does what the cell's does, where a cell waits for the answer."""
    calls = ["rag.ask", "await rag.aask"]
    sims = [simulator() for _ in calls]
    opened = notebook(sims[0], *(CALLS[call] for call in calls))
    for index, (call, sim) in enumerate(zip(calls, sims, strict=True), start=1):
        opened.execute(f"rag = pipeline({sim.url!r})")
        opened.start(index)
        sim.release(5)
        expect(opened.outputs(index).locator(".ragnb-text")).to_contain_text("Refunds are")
        page.get_by_title("Interrupt the kernel").click()
        opened.wait_for_end(index)
        sim.wait_for_disconnect()
        expect(opened.outputs(index).locator(".ragnb-status")).to_have_text(SAID)
        if call == "rag.ask":  # who awaits is told by asyncio that the task was cancelled
            expect(opened.outputs(index)).to_have_count(1)
    shot("interrupted")
