"""How the cell looks and is heard: themes, high contrast, a narrow page, and what axe-core finds."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import QUESTION
from tests.conftest import ROOT

AXE = ROOT / "ragnb" / "widget" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
needs_axe = pytest.mark.skipif(not AXE.exists(), reason="needs npm ci in ragnb/widget/frontend")
KEPT = f"answer = await rag.aask({QUESTION!r}, keep_live=True)"
FROZEN = f"answer = await rag.aask({QUESTION!r})"
TEXTS = ".ragnb-text p, .ragnb-question, .ragnb-chip, mark, .ragnb-source summary, .ragnb-facts summary"

_CONTRAST = """node => {
  const channels = colour => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  let behind = node;
  while (behind && channels(getComputedStyle(behind).backgroundColor)[3] < 255) behind = behind.parentElement;
  const [a, b] = [light(channels(getComputedStyle(node).color)),
                  light(channels(getComputedStyle(behind).backgroundColor))].sort();
  return (b + 0.05) / (a + 0.05);
}"""


def findings(page) -> list[str]:
    """What axe-core calls serious or critical in the answers on the page."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run('.ragnb-answer', { resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {node['html']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@needs_axe
def test_axe_finds_nothing_serious(notebook, simulator, page, theme):
    """Waiting, streaming, with an open passage, finished, frozen, and all of them in the dark."""
    sim = simulator()
    opened = notebook(sim, KEPT, FROZEN)
    found: dict[str, list[str]] = {}

    def look(state: str) -> None:
        for name in ("JupyterLab Dark", "JupyterLab Light"):
            theme(name)
            found[f"{state}, {name}"] = findings(page)

    opened.start(1)
    card = page.locator(".ragnb-live")
    expect(card.locator(".ragnb-status")).to_contain_text("waiting for")
    look("waiting")
    sim.release(30)
    expect(card.locator(".ragnb-chip")).to_have_count(1)
    look("streaming")
    sim.release_all()
    opened.wait_for_end(1)
    look("finished")
    card.locator(".ragnb-chip").first.click()
    card.locator(".ragnb-source summary").first.click()
    card.locator(".ragnb-facts summary").click()
    look("all open")
    opened.run(2)
    opened.outputs(2).locator(".ragnb-source summary").first.click()
    opened.outputs(2).locator(".ragnb-facts summary").click()
    look("frozen")
    assert {state: each for state, each in found.items() if each} == {}


def test_the_dark_themes(notebook, simulator, page, shot, theme):
    """Live and frozen follow the host's theme at once, and all text stands out from what is behind it."""
    sim = simulator()
    opened = notebook(sim, KEPT, FROZEN)
    opened.start(1)
    sim.release(30)
    card = page.locator(".ragnb-live")
    expect(card.locator(".ragnb-chip")).to_have_count(1)
    expect(card).to_have_attribute("data-theme", "light")
    theme("JupyterLab Dark")
    expect(card).to_have_attribute("data-theme", "dark")
    card.locator(".ragnb-chip").click()
    shot("dark-streaming")
    sim.release_all()
    opened.wait_for_end(1)
    opened.run(2)
    frozen = opened.outputs(2).locator(".ragnb-answer")
    frozen.locator(".ragnb-source summary").first.click()
    frozen.locator(".ragnb-facts summary").click()
    for name in ("JupyterLab Dark", "JupyterLab Dark High Contrast"):
        theme(name)
        for part in [*card.locator(TEXTS).all(), *frozen.locator(TEXTS).all()]:
            if part.is_visible():
                assert part.evaluate(_CONTRAST) >= 4.5, part.evaluate("node => node.outerHTML")
        frozen.scroll_into_view_if_needed()
        shot(f"{name.removeprefix('JupyterLab ').replace(' ', '-').lower()}-frozen")


def test_forced_colours_and_reduced_motion(notebook, simulator, page, shot):
    """With the reader's own colours every control still has an edge, and nothing moves where that is not wished."""
    sim = simulator()
    opened = notebook(sim, KEPT)
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    opened.start(1)
    sim.release(30)
    card = page.locator(".ragnb-live")
    card.locator(".ragnb-chip").click()
    moving = card.evaluate("card => card.getAnimations({ subtree: true }).length")
    assert moving == 0
    edges = card.locator(".ragnb-chip, .ragnb-stop, .ragnb-passage").evaluate_all(
        "all => all.map(node => getComputedStyle(node).borderTopStyle)"
    )
    assert len(edges) == 3 and set(edges) == {"solid"}
    mark = card.locator(".ragnb-passage mark")
    assert mark.evaluate("mark => getComputedStyle(mark).backgroundColor") != "rgba(0, 0, 0, 0)"
    shot("forced-colours")
    sim.release_all()
    opened.wait_for_end(1)
    card.locator(".ragnb-facts summary").click()
    card.locator(".ragnb-facts").scroll_into_view_if_needed()
    shot("forced-colours-facts")


def test_a_page_of_320_pixels(notebook, simulator, page, shot):
    """Nothing sticks out of the card, and no line must be scrolled to be read."""
    sim = simulator(gate=False)
    opened = notebook(sim, KEPT, FROZEN, host="notebook")
    page.set_viewport_size({"width": 320, "height": 900})
    for index in (1, 2):
        opened.run(index)
        card = opened.outputs(index).locator(".ragnb-answer")
        if index == 1:
            card.locator(".ragnb-chip").first.click()
        card.locator(".ragnb-facts summary").click()
        card.scroll_into_view_if_needed()
        out = card.evaluate(
            """card => {
              const edge = card.getBoundingClientRect().right;
              const text = card.querySelectorAll("p, li, summary, button, td, mark, .ragnb-question");
              return [...text].filter(node => node.getBoundingClientRect().right > edge + 1).map(n => n.outerHTML);
            }"""
        )
        assert out == []
        assert card.evaluate("card => card.getBoundingClientRect().right") <= 320
        shot(f"narrow-{'live' if index == 1 else 'frozen'}")
