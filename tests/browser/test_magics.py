"""Asking without Python: ``%ask`` in a cell."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import QUESTION


def test_asking_with_a_magic(notebook, simulator, page, shot):
    """The line's words are the question, and the cell streams as that of ``rag.ask`` does."""
    sim = simulator()
    opened = notebook(sim, "%load_ext ragnb", f"%ask {QUESTION}", f"%%ask -k 3 --keep-live\n{QUESTION}")
    opened.run(1)
    opened.start(2)
    card = page.locator(".ragnb-live")
    expect(card.locator(".ragnb-question")).to_have_text(QUESTION)
    expect(card.locator(".ragnb-source")).to_have_count(5)
    sim.release(5)
    expect(card.locator(".ragnb-text")).to_contain_text("Refunds are")
    shot("magic")
    sim.release_all()
    opened.wait_for_end(2)
    expect(card).to_have_count(0)
    expect(opened.outputs(2)).to_have_count(1)
    expect(opened.outputs(2).locator(".ragnb-text")).to_contain_text("within five working days")
    opened.run(3)
    expect(opened.outputs(3).locator(".ragnb-source")).to_have_count(3)
    expect(opened.outputs(3).get_by_role("button", name="Ask again")).to_be_visible()
