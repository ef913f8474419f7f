"""The notebook in a real JupyterLab in Chromium: what a person sees while an answer streams."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest

from tests.conftest import ROOT

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium, which make test installs"),
]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SHOTS = ROOT / "build" / "screenshots"

SETUP = f"""
from ragnb import RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.simulator import Simulator
sim = Simulator("Refunds are paid **within five working days** [1]. " + "The train rolls on. " * 40, gate=True).start()
vectors = Simulator().start()
rag = RAGPipeline(
    OpenAILLM("gpt-4o-mini", base_url=sim.url), OpenAIEmbeddings(base_url=vectors.url), home=None
)
rag.ingest({str(ROOT / "data" / "handbook")!r});

# While a cell blocks, files say when tokens may come.
import pathlib, threading, time
def let_out():
    for count in (8, 30, 1000):
        while not pathlib.Path(f"release{{count}}").exists():
            time.sleep(0.02)
        sim.release(count)
threading.Thread(target=let_out, daemon=True).start()
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab server on a folder of its own; its address and the folder."""
    folder = tmp_path_factory.mktemp("lab")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True"]
    command += ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    settings = folder / ".settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    env = {**os.environ, "JUPYTERLAB_SETTINGS_DIR": str(folder / ".settings")}
    log = (folder / "lab.log").open("w")
    server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=env)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 90
    while True:
        try:
            urllib.request.urlopen(f"{url}/api", timeout=5).close()
            break
        except (urllib.error.URLError, ConnectionError):
            assert server.poll() is None and time.monotonic() < deadline, (folder / "lab.log").read_text()
            time.sleep(0.2)
    yield url, folder
    server.terminate()
    server.wait()
    log.close()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser, request):
    opened = browser.new_page(viewport={"width": 1200, "height": 900})
    yield opened
    SHOTS.mkdir(parents=True, exist_ok=True)
    opened.screenshot(path=SHOTS / f"last-{request.node.name}.png")
    opened.close()


def open_notebook(page, lab, name, *cells):
    url, folder = lab
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / name)
    page.goto(f"{url}/lab/tree/{name}?reset")
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=40_000)
    page.locator(".jp-Cell .cm-content").first.click()
    page.wait_for_timeout(1000)  # JupyterLab takes keys a moment after it looks ready


def run_cell(page):
    page.keyboard.press("Shift+Enter")


def wait_idle(page, count):
    """Until cell number ``count`` has ended."""
    page.wait_for_function(
        "n => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]"
        ".filter(p => /\\[\\d+\\]/.test(p.textContent)).length >= n",
        arg=count,
        timeout=40_000,
    )


def test_an_answer_streams_into_the_cell(lab, page):
    """Sources show before the first token, tokens as they come, and at the end one static output."""
    open_notebook(page, lab, "stream.ipynb", SETUP, "answer = rag.ask('How do refunds work?', k=3)")
    run_cell(page)
    wait_idle(page, 1)
    run_cell(page)
    card = page.locator(".ragnb-answer")
    page.wait_for_function(
        "() => document.querySelector('.ragnb-status')?.textContent.includes('waiting for openai:gpt-4o-mini')"
    )
    assert page.locator(".ragnb-source").count() == 3
    assert page.locator(".ragnb-text").inner_text() == ""
    page.screenshot(path=SHOTS / "waiting.png")

    _, folder = lab
    (folder / "release8").touch()
    page.wait_for_function("() => document.querySelector('.ragnb-text').textContent.includes('Refunds')")
    first = page.locator(".ragnb-text").inner_text()
    (folder / "release30").touch()
    page.wait_for_function(
        "n => document.querySelector('.ragnb-text').textContent.length > n + 20", arg=len(first)
    )
    second = page.locator(".ragnb-text").inner_text()
    assert len(first) < len(second) < 800
    assert page.locator(".ragnb-text strong").inner_text() == "within five working days"
    page.screenshot(path=SHOTS / "writing.png")
    (folder / "release1000").touch()
    wait_idle(page, 2)
    for step in folder.glob("release*"):
        step.unlink()
    assert card.count() == 1
    assert page.locator(".ragnb-status").count() == 0
    assert page.locator(".ragnb-chip").inner_text() == "[1]"
    page.locator(".ragnb-source summary").first.click()
    assert page.locator(".ragnb-source mark").first.is_visible()
    page.locator(".ragnb-facts summary").click()
    page.screenshot(path=SHOTS / "finished.png")


def test_the_stop_button_ends_an_answer(lab, page):
    """Interrupting the kernel ends the answer in words, keeps its text, and the cell without an error."""
    open_notebook(
        page,
        lab,
        "stop.ipynb",
        SETUP,
        "sim.release(5); answer = rag.ask('How?')",
        "answer.status, answer.text",
    )
    run_cell(page)
    wait_idle(page, 1)
    run_cell(page)
    page.wait_for_function(
        "() => document.querySelector('.ragnb-text')?.textContent.includes('Refunds are')"
    )
    page.locator("[data-command='notebook:interrupt-kernel'], [title*='Interrupt']").first.click()
    wait_idle(page, 2)
    assert "Cancelled after 5 tokens" in page.locator(".ragnb-status").inner_text()
    run_cell(page)
    wait_idle(page, 3)
    assert "cancelled" in page.locator(".jp-OutputArea-output").last.inner_text()
    assert page.locator(".jp-RenderedText[data-mime-type*=stderr]").count() == 0
    page.screenshot(path=SHOTS / "cancelled.png")


def test_the_quickstart(lab, page):
    """The quickstart runs from top to bottom in a JupyterLab, each answer shown once."""
    url, folder = lab
    shutil.copytree(ROOT / "data", folder / "data", dirs_exist_ok=True)
    (folder / "notebooks").mkdir(exist_ok=True)
    notebook = nbformat.read(ROOT / "notebooks" / "01_quickstart.ipynb", 4)
    asks = sum(".ask(" in cell.source for cell in notebook.cells if cell.cell_type == "code")
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, folder / "notebooks" / "01_quickstart.ipynb")
    page.set_viewport_size({"width": 1200, "height": 2600})
    page.goto(f"{url}/lab/tree/notebooks/01_quickstart.ipynb?reset")
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=40_000)
    page.get_by_text("Run", exact=True).first.click()
    page.get_by_text("Run All Cells", exact=True).first.click()
    wait_idle(page, cells)
    assert page.locator(".ragnb-answer").count() == asks
    assert page.locator(".jp-RenderedText[data-mime-type*=error]").count() == 0
    page.screenshot(path=SHOTS / "quickstart.png")
    last = page.locator(".ragnb-answer").last
    last.locator(".ragnb-source summary").first.click()
    last.locator(".ragnb-facts summary").click()
    last.screenshot(path=SHOTS / "answer.png")
