"""One Jupyter server and one Chromium for all browser tests; a page, notebooks and models for each."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from ragnb.simulator import Simulator
from tests.browser.notebook import Host, Jupyter, Notebook
from tests.conftest import ROOT

CHROMIUM = shutil.which("chromium")
SHOTS = ROOT / "build" / "screenshots"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ANSWER = (
    "Refunds are paid **within five working days**, to the card or account that paid [1]. Then:\n\n"
    "- a name that was misspelt is corrected *free of charge* [4],\n"
    "- under the rules of 2024 it took 21 days [5].\n\n" + "The night train rolls on. " * 8
)
QUESTION = "How do refunds work?"
HOSTS: list[Host] = ["lab", "notebook"]
VIEW = "application/vnd.jupyter.widget-view+json"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.timeout(300))
            item.add_marker(
                pytest.mark.skipif(
                    CHROMIUM is None, reason="needs Debian's chromium, which make test installs"
                )
            )


@pytest.fixture(scope="package")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """A server whose folder, settings and signatures are its own."""
    home = tmp_path_factory.mktemp("jupyter")
    folder = home / "notebooks"
    folder.mkdir()
    news = home / "settings" / "@jupyterlab" / "apputils-extension"
    news.mkdir(parents=True)
    (news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    (home / "config").mkdir()
    (home / "config" / "jupyter_notebook_config.py").write_text(
        "c.JupyterNotebookApp.expose_app_in_browser = True\n"
    )
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
    }
    port = free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += [
        "--IdentityProvider.token=",
        "--ServerApp.disable_check_xsrf=True",
        "--expose-app-in-browser",
    ]
    command += ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with server(command, f"http://127.0.0.1:{port}/api", folder, env, home / "log"):
        yield Jupyter(f"http://127.0.0.1:{port}", folder)


@contextmanager
def server(command: list[str], url: str, folder: Path, env: dict[str, str], log: Path) -> Iterator[None]:
    """A process that serves ``url`` within the block."""
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, env=env)
    deadline = time.monotonic() + 90
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            break
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)  # a server that starts tells nobody
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="package")
def kernel(jupyter: Jupyter) -> str:
    """A kernel that tests share which need no fresh one."""
    return jupyter.start_kernel()


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def context(browser: Any) -> Any:
    """A browser's context whose cache all pages share."""
    context = browser.new_context(
        viewport={"width": 1000, "height": 800}, permissions=["clipboard-read", "clipboard-write"]
    )
    context.set_default_timeout(20_000)
    return context


@pytest.fixture
def page(context: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    opened = context.new_page()
    opened.on("console", lambda said: print(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: print(error.stack))
    yield opened
    SHOTS.mkdir(parents=True, exist_ok=True)
    opened.screenshot(path=SHOTS / f"last-{request.node.name}.png")
    opened.close()


@pytest.fixture
def shot(page: Any, request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keeps what the page looks like; the host's name is added where a test runs in several."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    params = getattr(request.node, "callspec", None)
    host = params.params.get("host") if params else None

    def take(name: str) -> None:
        page.screenshot(path=SHOTS / f"{name}{f'-{host}' if host else ''}.png", animations="disabled")

    return take


@pytest.fixture
def theme(page: Any) -> Iterator[Callable[[str], None]]:
    """Switches JupyterLab's theme, and back at the end."""

    def switch(name: str) -> None:
        page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", name
        )
        expect(page.locator("body")).to_have_attribute("data-jp-theme-name", name)

    yield switch
    switch("JupyterLab Light")


def readings(sim: Simulator, text: Any, *tokens: int) -> list[str]:
    """What a text reads like after so many tokens more, time after time: it only grows."""
    seen: list[str] = []
    for count in tokens:
        before = text.text_content()
        sim.release(count)
        expect(text).not_to_have_text(before)
        seen.append(text.text_content())
    assert all(later.startswith(earlier) for earlier, later in pairwise(seen))
    return seen


@pytest.fixture
def simulator() -> Iterator[Callable[..., Simulator]]:
    """Starts models whose tokens wait behind a gate, unless told otherwise."""
    running: list[Simulator] = []

    def start(answer: Any = ANSWER, *, gate: bool = True, **more: Any) -> Simulator:
        running.append(Simulator(answer, gate=gate, **more).start())
        return running[-1]

    yield start
    for sim in running:
        sim.stop()


@pytest.fixture
def notebook(
    page: Any, jupyter: Jupyter, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Notebook]]:
    """Opens a notebook on the shared kernel, or on a fresh one, and runs its first cell, which makes ``rag``."""
    opened: list[tuple[Notebook, bool]] = []

    def open_notebook(
        sim: Simulator,
        *cells: str,
        host: Host = "lab",
        fresh: bool = False,
        texts: list[str] | None = None,
        name: str = "refunds",
    ) -> Notebook:
        name = f"{name}-{len(list(jupyter.folder.iterdir()))}.ipynb"
        made = Notebook(page, jupyter, name, host)
        more = "" if texts is None else f", {texts!r}"
        made.write(
            f"from tests.browser.handbook import pipeline\nrag = pipeline({sim.url!r}{more})", *cells
        )
        made.open(jupyter.start_kernel() if fresh else request.getfixturevalue("kernel"))
        opened.append((made, fresh))
        made.run(0)
        expect(made.outputs(0)).to_have_count(0)
        return made

    yield open_notebook
    for made, fresh in opened:
        if not fresh:  # the next page on this kernel would draw its widgets too
            made.execute("__import__('ipywidgets').Widget.close_all()")
