"""The cell in a marimo notebook: a shadow root around it, and no messages for a page that comes late."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import QUESTION, free_port, readings, server
from tests.conftest import ROOT

_APP = """import marimo

app = marimo.App()


@app.cell
def _():
    from tests.browser.handbook import pipeline

    rag = pipeline({url!r})
    return (rag,)


@app.cell
{begin}def _(rag):
    answer = {call}
    return
"""


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """marimo's editor on a folder; its address and the folder."""
    folder = tmp_path_factory.mktemp("marimo")
    (folder / "marimo").mkdir()
    (folder / "marimo" / "marimo.toml").write_text("[runtime]\nauto_instantiate = true\n")
    port = free_port()
    command = [sys.executable, "-m", "marimo", "edit", "--headless", "--no-token", "--skip-update-check"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    url = f"http://127.0.0.1:{port}"
    with server([*command, f"--port={port}", str(folder)], f"{url}/health", folder, env, folder / "log"):
        yield url, folder


@pytest.fixture
def run_app(editor, page, request) -> Callable[[str, str], None]:
    """Opens a notebook with a pipeline and a call in its cells, which run at once."""

    def run(url: str, call: str) -> None:
        address, folder = editor
        begin = "async " if call.startswith("await ") else ""
        file = folder / f"{request.node.name}.py"
        file.write_text(_APP.format(url=url, call=call, begin=begin))
        page.goto(f"{address}/?file={file.name}")

    return run


def test_an_answer_streams_into_a_marimo_cell(run_app, simulator, page, shot):
    """Sources before tokens, text that only grows, a chip that opens its quote, and static HTML at the end."""
    sim = simulator()
    run_app(sim.url, f"rag.ask({QUESTION!r})")
    card = page.locator(".ragnb-live")
    text = card.locator(".ragnb-text")
    expect(card.locator(".ragnb-status")).to_contain_text("waiting for openai:gpt-4o-mini", timeout=40_000)
    expect(card.locator(".ragnb-source")).to_have_count(5)
    expect(text).to_have_text("")
    shot("marimo-waiting")
    readings(sim, text, 3, 4, 10, 6)
    sim.release(8)

    chip = card.get_by_role("button", name="[1] Refunds and changes")
    chip.focus()
    page.keyboard.press("Enter")
    panel = card.locator(".ragnb-passage")
    expect(panel.locator("mark")).to_have_text(
        "Refunds are paid within five working days, to the card or account that paid."
    )
    shot("marimo-streaming")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(chip).to_be_focused()

    sim.release_all()
    expect(card).to_have_count(0)
    frozen = page.locator(".ragnb-answer")
    expect(frozen).to_have_count(1)
    expect(frozen.locator(".ragnb-text")).to_contain_text("The night train rolls on. " * 7)
    frozen.locator(".ragnb-source summary").first.click()
    expect(frozen.locator(".ragnb-source mark").first).to_be_visible()
    shot("marimo-frozen")


def test_a_marimo_page_reloaded_in_mid_stream(run_app, simulator, page, shot):
    """The answer is there and goes on; kept live, it stays with its buttons."""
    sim = simulator()
    run_app(sim.url, f"await rag.aask({QUESTION!r}, keep_live=True)")
    text = page.locator(".ragnb-live .ragnb-text")
    sim.release(30)
    expect(text.locator(".ragnb-chip")).to_have_count(1, timeout=40_000)
    before = text.text_content()
    page.reload()
    expect(text).to_contain_text(before, timeout=40_000)
    sim.release(20)
    expect(text).to_contain_text("free of charge")
    sim.release_all()
    expect(page.locator(".ragnb-live .ragnb-facts")).to_contain_text("total")
    expect(text).to_contain_text("The night train rolls on. " * 7)
    expect(page.get_by_role("button", name="Ask again")).to_be_visible()
    shot("marimo-kept-live")


def begun(run_app, simulator, page, cell):
    """The model behind a cell whose answer has its first words."""
    sim = simulator()
    run_app(sim.url, cell)
    sim.release(5)
    expect(page.locator(".ragnb-live .ragnb-text")).to_contain_text("Refunds are", timeout=40_000)
    return sim


def test_the_stop_button_in_marimo(run_app, simulator, page, shot):
    """It ends an answer whose cell has returned."""
    sim = begun(run_app, simulator, page, f"rag.ask({QUESTION!r}, wait=False)")
    page.locator(".ragnb-stop").click()
    sim.wait_for_disconnect()
    expect(page.locator(".ragnb-status")).to_contain_text("Cancelled after 5 tokens")
    shot("marimo-cancelled")


def test_interrupting_a_marimo_cell(run_app, simulator, page, shot):
    """marimo hears nothing from a page while a cell runs: its own stop button ends the answer, which is kept."""
    sim = begun(run_app, simulator, page, f"rag.ask({QUESTION!r})")
    page.get_by_test_id("interrupt-button").last.click()
    sim.wait_for_disconnect()
    expect(page.locator(".ragnb-status")).to_contain_text("Cancelled after 5 tokens")
    expect(page.locator(".ragnb-text")).to_contain_text("Refunds are")
    shot("marimo-interrupted")


def test_interrupting_a_marimo_cell_that_awaits(run_app, simulator, page):
    """There the connection is closed too; marimo puts its own word in the place of the cell's output."""
    sim = begun(run_app, simulator, page, f"await rag.aask({QUESTION!r})")
    page.get_by_test_id("interrupt-button").last.click()
    sim.wait_for_disconnect()
    expect(page.get_by_text("This cell was interrupted")).to_be_visible()
