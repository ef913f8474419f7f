"""What a person sees while an answer streams into a cell, in JupyterLab and in Notebook 7."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ANSWER, HOSTS, QUESTION, VIEW, readings

_SELECT = """paragraph => {
  getSelection().setBaseAndExtent(paragraph.firstChild, 0, paragraph.firstChild, 7);
}"""


@pytest.mark.parametrize("host", HOSTS)
def test_an_answer_streams_into_the_cell_and_is_frozen(notebook, simulator, page, shot, host):
    """Sources before the first token, text that only grows, and at the end one output without the widget."""
    sim = simulator()
    opened = notebook(sim, f"answer = rag.ask({QUESTION!r})", host=host)
    opened.start(1)
    card = page.locator(".ragnb-live")
    text = card.locator(".ragnb-text")
    expect(card.locator(".ragnb-status")).to_contain_text("waiting for openai:gpt-4o-mini")
    expect(card.locator(".ragnb-source")).to_have_count(5)
    expect(text).to_have_text("")
    expect(card).to_have_attribute("aria-busy", "true")
    shot("waiting")

    seen = readings(sim, text, 3, 4, 10)
    paragraph = text.locator("p").first.element_handle()
    paragraph.evaluate(_SELECT)
    seen += readings(sim, text, 6, 8)
    assert seen[-1].startswith(seen[0])
    assert paragraph.evaluate("p => p.isConnected && getSelection().toString()") == "Refunds"
    expect(card.locator(".ragnb-status")).to_contain_text("Writing")
    assert len(seen[-1]) < len(ANSWER) / 2
    shot("streaming")

    sim.release_all()
    opened.wait_for_end(1)
    frozen = opened.outputs(1).locator(".ragnb-answer")
    expect(page.locator(".ragnb-live")).to_have_count(0)
    expect(frozen).to_have_count(1)
    expect(opened.outputs(1)).to_have_count(1)
    whole = frozen.locator(".ragnb-text").text_content()
    assert "".join(whole.split()).startswith("".join(seen[-1].split()))
    assert whole.count("The night train rolls on.") == 8
    expect(frozen.locator(".ragnb-status")).to_have_count(0)
    frozen.locator(".ragnb-source summary").first.click()
    expect(frozen.locator(".ragnb-source mark").first).to_be_visible()
    frozen.locator(".ragnb-facts summary").click()
    expect(frozen.locator(".ragnb-waterfall")).to_contain_text("wait for the first token")
    shot("frozen")

    saved = opened.save()
    assert "widgets" not in saved.metadata
    assert [set(output.data) for output in saved.cells[1].outputs] == [
        {"text/html", "text/markdown", "text/plain"}
    ]


@pytest.mark.parametrize("host", HOSTS)
def test_an_answer_that_is_kept_live(notebook, simulator, page, shot, host):
    """The widget stays, its copy button gives the Markdown, and another answer takes its place when asked for.

    The notebook's file holds the static rendering of the answer that is shown."""
    answers = [ANSWER, "A refund goes to the account that paid [1]."]
    sim = simulator(lambda _: answers.pop(0), gate=False)
    opened = notebook(sim, f"answer = await rag.aask({QUESTION!r}, keep_live=True)", host=host)
    opened.run(1)
    card = page.locator(".ragnb-live")
    expect(card).to_have_attribute("aria-busy", "false")
    expect(card.locator(".ragnb-text")).to_contain_text("The night train rolls on.")
    assert VIEW in opened.save().cells[1].outputs[0].data

    card.get_by_role("button", name="Copy", exact=True).click()
    expect(card.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(ANSWER.rstrip()) and "**Sources**" in copied
    assert "> Refunds are paid within five working days, to the card or account that paid." in copied
    shot("kept-live")

    card.get_by_role("button", name="Ask again").click()
    expect(card.locator(".ragnb-text")).to_have_text(
        "A refund goes to the account that paid [1].", use_inner_text=True
    )
    expect(card.get_by_role("button", name="Ask again")).to_be_visible()
    (output,) = opened.save().cells[1].outputs
    assert VIEW in output.data and "A refund goes to the account" in output.data["text/html"]
    shot("asked-again")


def test_two_cells_stream_at_once(notebook, simulator, page, shot):
    """Each shows its own answer, and each is frozen where it stands."""
    cells = [f"{name} = rag.ask('About {name}?', wait=False)" for name in ("dogs", "bicycles")]

    def answer(request):
        about = "Dogs" if "About dogs?" in str(request["messages"][-1]) else "Bicycles"
        return f"{about} may travel [1]. " + f"{about} roll on. " * 20

    sim = simulator(answer)
    opened = notebook(sim, *cells)
    opened.run(1)
    opened.run(2)
    texts = [opened.outputs(index).locator(".ragnb-text") for index in (1, 2)]
    sim.release(24)
    for text, about in zip(texts, ("Dogs", "Bicycles"), strict=True):
        expect(text).to_contain_text(f"{about} may travel")
    assert page.locator(".ragnb-live[aria-busy=true]").count() == 2
    shot("two-cells")
    sim.release_all()
    for index, (text, about) in enumerate(zip(texts, ("Dogs", "Bicycles"), strict=True), start=1):
        expect(opened.outputs(index).locator(".ragnb-live")).to_have_count(0)
        expect(text).to_contain_text(f"{about} roll on. " * 19)
        expect(opened.outputs(index)).to_have_count(1)


def test_a_second_view_of_the_output(notebook, simulator, page, shot):
    """A second view shows the text so far, both grow alike, and both are frozen."""
    sim = simulator()
    opened = notebook(sim, f"answer = rag.ask({QUESTION!r}, wait=False)")
    opened.run(1)
    first = page.locator(".ragnb-live")
    sim.release(30)
    expect(first.locator(".ragnb-chip")).to_have_count(1)
    opened.command("notebook:create-output-view")
    texts = page.locator(".ragnb-live .ragnb-text")
    expect(texts).to_have_count(2)
    expect(texts.nth(1)).to_contain_text("within five working days")
    sim.release(25)
    expect(texts.nth(1)).to_contain_text("free of charge")
    assert texts.nth(0).text_content() == texts.nth(1).text_content()
    second = page.locator(".jp-LinkedOutputView .ragnb-live")
    second.locator(".ragnb-chip").first.click()
    expect(page.locator(".ragnb-passage")).to_have_count(1)
    shot("second-view")
    sim.release_all()
    expect(page.locator(".ragnb-live")).to_have_count(0)
    expect(page.locator(".ragnb-answer .ragnb-facts")).to_have_count(2)


def test_the_wait_for_the_next_attempt_is_counted_down(notebook, simulator, page, shot):
    """While a provider refuses, the cell says why and when it is tried again; then the answer comes."""
    from ragnb.simulator import Status

    sim = simulator(faults=[Status(429, retry_after=3)], gate=False)
    opened = notebook(sim, f"answer = await rag.aask({QUESTION!r}, keep_live=True)")
    opened.start(1)
    status = page.locator(".ragnb-live .ragnb-status")
    expect(status).to_contain_text("Trying again in 3 s")
    shot("retrying")
    expect(status).to_contain_text("Trying again in 2 s")
    opened.wait_for_end(1)
    expect(page.locator(".ragnb-live .ragnb-text")).to_contain_text("within five working days")
    page.locator(".ragnb-facts summary").click()
    expect(page.locator(".ragnb-waterfall")).to_contain_text("wait before the next attempt")
    shot("retried")
