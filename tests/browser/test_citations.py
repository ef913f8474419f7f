"""Chips in a real page: by mouse and by keyboard, while the answer grows, and when it is frozen."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import HOSTS, QUESTION

QUOTE = "Refunds are paid within five working days, to the card or account that paid."


@pytest.mark.parametrize("host", HOSTS)
def test_a_chip_opens_its_quote(notebook, simulator, page, shot, host):
    """A click or Enter opens the passage with the quote marked, Esc gives the focus back, and the chip and its
    source light each other up."""
    sim = simulator()
    opened = notebook(sim, f"answer = await rag.aask({QUESTION!r}, keep_live=True)", host=host)
    opened.start(1)
    sim.release(30)
    card = page.locator(".ragnb-live")
    chip = card.get_by_role("button", name="[1] Refunds and changes")
    chip.click()
    panel = card.locator(".ragnb-passage")
    expect(panel.locator("mark")).to_have_text(QUOTE)
    expect(panel.locator("mark")).to_be_in_viewport()
    expect(panel).to_contain_text("How to ask for a refund, lines 35–41")
    expect(chip).to_have_attribute("aria-expanded", "true")
    assert chip.get_attribute("aria-controls") == panel.get_attribute("id")
    node = panel.element_handle()
    sim.release(20)
    expect(card.locator(".ragnb-text")).to_contain_text("free of charge")
    assert node.evaluate("panel => panel.isConnected")
    shot("passage")

    sim.release_all()
    opened.wait_for_end(1)
    expect(card.get_by_role("button", name="Ask again")).to_be_visible()
    expect(panel.locator("mark")).to_have_text(QUOTE)  # though the host has drawn the view anew
    chip.click()
    expect(panel).to_have_count(0)
    expect(chip).to_have_attribute("aria-expanded", "false")
    chip.focus()
    page.keyboard.press("Enter")
    expect(panel.locator("mark")).to_be_visible()
    panel.locator("blockquote").focus()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(chip).to_be_focused()
    page.keyboard.press("Space")
    panel.get_by_role("button", name="Close the passage").click()
    expect(panel).to_have_count(0)
    expect(chip).to_be_focused()

    chip.hover()
    row = card.locator(".ragnb-source[data-number='1']")
    expect(row).to_have_class("ragnb-source ragnb-lit")
    other = card.locator(".ragnb-source[data-number='4']")
    other.locator("summary").focus()
    expect(card.get_by_role("button", name="[4] Refunds and changes")).to_have_class("ragnb-chip ragnb-lit")


@pytest.mark.parametrize("host", HOSTS)
def test_a_frozen_chip_leads_to_its_source(notebook, simulator, page, shot, host):
    """Its link brings the source into sight, without leaving the notebook."""
    sim = simulator(
        "Paid within five working days [1]. " + "The night train rolls on.\n\n" * 40, gate=False
    )
    opened = notebook(sim, f"answer = rag.ask({QUESTION!r})", host=host)
    opened.run(1)
    source = page.locator(".ragnb-source").first
    page.locator(".ragnb-chip a").scroll_into_view_if_needed()
    expect(source).not_to_be_in_viewport()
    page.locator(".ragnb-chip a").click()
    expect(source).to_be_in_viewport()
    shot("frozen-chip")
