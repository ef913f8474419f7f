"""One executed notebook, looked at where there is no kernel, no trust, no network, or no style."""

from __future__ import annotations

from pathlib import Path

import nbformat
import nh3
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import expect

from tests.browser.conftest import QUESTION, SHOTS
from tests.browser.notebook import Notebook

# What GitHub keeps of HTML (github.com/gjtorikian/html-pipeline's allow list), as far as it concerns a card.
_KEPT_BY_GITHUB = {
    "b", "blockquote", "br", "code", "details", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li",
    "mark", "ol", "p", "pre", "s", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead",
    "tr", "ul", "a",
}  # fmt: skip


@pytest.fixture
def executed(notebook, simulator) -> Path:
    """A notebook that was run and saved in JupyterLab, which trusts it."""
    opened = notebook(simulator(gate=False), f"answer = await rag.aask({QUESTION!r})", name="executed")
    opened.run(1)
    expect(opened.outputs(1).locator(".ragnb-answer:not(.ragnb-live)")).to_have_count(1)
    opened.save()
    return opened.path


def tells_all(page, answer) -> None:
    """The answer, its citations with their quotes, and its times are there and can be read."""
    expect(answer).to_contain_text(
        "Refunds are paid within five working days, to the card or account that paid"
    )
    for number in (1, 4, 5):
        expect(answer.get_by_text(f"[{number}]", exact=True).first).to_be_visible()
    expect(answer).to_contain_text("first token")
    answer.locator("summary").filter(has_text="How to ask for a refund").click()
    quote = answer.locator("mark").filter(has_text="Refunds are paid within five working days")
    expect(quote).to_be_visible()
    answer.locator("summary").filter(has_text="first token").click()
    expect(answer.locator("tr").filter(has_text="wait for the first token")).to_contain_text("ms")
    expect(page.get_by_text("model not found")).to_have_count(0)


def test_in_jupyterlab_without_its_kernel(executed, page, jupyter, shot):
    """Trusted or not, it reads as it did; the untrusted page has lost only the finer styles."""
    notebook = nbformat.read(executed, 4)
    trusted = Notebook(page, jupyter, "reopened.ipynb")
    executed.rename(trusted.path)
    trusted.open()
    expect(page.locator(".jp-StatusBar-TrustedItem, [title*='trusted' i]").first).to_be_visible()
    tells_all(page, page.locator(".ragnb-answer"))
    shot("saved-trusted")

    notebook.cells[0].source += "  # changed elsewhere"
    notebook.cells[1].outputs[0].data["text/html"] += "<p>changed elsewhere</p>"
    untrusted = Notebook(page, jupyter, "untrusted.ipynb")
    nbformat.write(notebook, untrusted.path)
    untrusted.open()
    tells_all(page, page.locator(".ragnb-answer"))
    shot("saved-untrusted")


def test_as_html_without_network_and_without_styles(executed, browser, tmp_path):
    """nbconvert's page reads well offline, and so does what GitHub leaves of the output."""
    page = browser.new_page(viewport={"width": 1000, "height": 1200}, offline=True)
    try:
        html, _ = HTMLExporter().from_filename(str(executed))
        (tmp_path / "page.html").write_text(html)
        page.goto((tmp_path / "page.html").as_uri(), wait_until="commit")
        answer = page.locator(".ragnb-answer")
        tells_all(page, answer)
        page.screenshot(path=SHOTS / "saved-nbconvert.png")
        source = answer.locator(".ragnb-source").nth(1)
        expect(source.locator("blockquote")).to_be_hidden()
        answer.locator(".ragnb-chip a").nth(1).click()
        expect(source.locator("blockquote")).to_be_visible()

        output = nbformat.read(executed, 4).cells[1].outputs[0].data["text/html"]
        bare = nh3.clean(output, tags=_KEPT_BY_GITHUB, attributes={"a": {"href"}})
        assert "style=" not in bare and "class=" not in bare and "id=" not in bare
        (tmp_path / "bare.html").write_text(f"<!doctype html><meta charset=utf-8><main>{bare}</main>")
        page.goto((tmp_path / "bare.html").as_uri())
        tells_all(page, page.locator("main"))
        page.screenshot(path=SHOTS / "saved-bare.png")
    finally:
        page.close()
