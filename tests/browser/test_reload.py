"""What is left of an answer when the page goes, or the kernel."""

from __future__ import annotations

import os
import signal

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import QUESTION


@pytest.mark.parametrize(
    "call", [f"await rag.aask({QUESTION!r})", f"rag.ask({QUESTION!r}, wait=False)"], ids=["aask", "no-wait"]
)
def test_a_page_reloaded_in_mid_stream(notebook, simulator, page, shot, call):
    """The answer is there whole and goes on, and when it has ended it stays."""
    sim = simulator()
    opened = notebook(sim, f"answer = {call}")
    opened.start(1)
    text = page.locator(".ragnb-answer .ragnb-text")
    sim.release(30)
    expect(text.locator(".ragnb-chip")).to_have_count(1)
    opened.save()
    sim.release(12)
    expect(text).to_contain_text("a name that was misspelt")
    opened.reload()
    live = page.locator(".ragnb-live")
    expect(live.locator(".ragnb-text")).to_contain_text("a name that was misspelt", timeout=40_000)
    expect(live).to_have_attribute("aria-busy", "true")
    sim.release(12)
    expect(text).to_contain_text("free of charge")
    shot("reloaded")
    sim.release_all()
    expect(page.locator(".ragnb-answer .ragnb-facts")).to_contain_text("total")
    expect(text).to_contain_text("The night train rolls on. " * 7)
    opened.wait_until_ready()
    assert opened.evaluate("answer.status") == "finished"
    page.locator(".ragnb-answer .ragnb-chip").first.click()
    expect(page.locator(".ragnb-answer mark").first).to_be_visible()
    expect(page.get_by_text("model not found")).to_have_count(0)
    shot("reloaded-ended")


def test_a_kernel_that_dies_in_mid_stream(notebook, simulator, page, shot):
    """The cell says that the kernel stopped, and keeps its text."""
    sim = simulator()
    opened = notebook(sim, f"answer = await rag.aask({QUESTION!r})", fresh=True)
    process = opened.evaluate("__import__('os').getpid()")
    opened.start(1)
    card = page.locator(".ragnb-live")
    sim.release(30)
    expect(card.locator(".ragnb-chip")).to_have_count(1)
    os.kill(process, signal.SIGKILL)
    expect(card.locator(".ragnb-status")).to_have_text(
        "The kernel stopped; the answer ends here. Its text is kept.", timeout=40_000
    )
    expect(card).to_have_attribute("aria-busy", "false")
    expect(card.locator(".ragnb-text")).to_contain_text("within five working days")
    expect(card.locator(".ragnb-stop")).to_be_hidden()
    page.get_by_role("button", name="Ok", exact=True).click()
    shot("kernel-died")
