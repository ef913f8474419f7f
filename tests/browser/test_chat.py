"""A chat's form in a real JupyterLab: a question, a follow-up, the thread, and the page loaded again."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.test_chat import ALONE, replying

ASKED = ["How do refunds work?", "And for dogs?"]


def test_a_chat_by_keyboard(notebook, simulator, page, shot, theme):
    """Turns stand one below the other above the box, which keeps focus and words while an answer comes; the
    thread as a value has them all, and after a reload the chat goes on."""
    sim = simulator(replying)
    opened = notebook(sim, "chat = rag.chat()\nchat.ui(['How do refunds work?'])", "chat")
    opened.run(1)
    box, ask = page.locator(".ragnb-form-question"), page.locator(".ragnb-form-ask")
    turns = opened.cell(1).locator(".ragnb-answer:visible")
    page.get_by_role("button", name=ASKED[0]).click()
    expect(box).to_be_focused()
    page.keyboard.press("Enter")
    expect(turns).to_have_count(1)
    sim.release(3)
    expect(turns.locator(".ragnb-text")).to_contain_text("They are")
    expect(ask).to_have_text("Answering …")
    shot("chat-answering")

    page.keyboard.type(ASKED[1])
    page.keyboard.press("Enter")  # not yet: one answer at a time
    expect(box).to_have_value(ASKED[1])
    sim.release_all()
    expect(ask).to_be_enabled()
    expect(box).to_be_focused()
    page.keyboard.press("Enter")
    expect(turns).to_have_count(2)
    expect(turns.nth(1).locator(".ragnb-text")).to_contain_text("It is 29 euros")
    expect(box).to_have_value("")
    expect(box).to_be_focused()
    turns.nth(1).locator(".ragnb-facts summary").click()
    expect(turns.nth(1)).to_contain_text(f"Searched for “{ALONE}”")
    tops = [place.bounding_box()["y"] for place in (turns.nth(0), turns.nth(1), box)]
    assert tops == sorted(tops)
    assert turns.locator(".ragnb-question").all_text_contents() == ASKED
    shot("chat")

    opened.run(2)
    assert opened.outputs(2).locator(".ragnb-question").all_text_contents() == ASKED
    shot("chat-thread")
    theme("JupyterLab Dark")
    shot("chat-dark")
    opened.command("application:toggle-left-area")
    page.set_viewport_size({"width": 420, "height": 800})
    theme("JupyterLab Light")
    box.scroll_into_view_if_needed()
    shot("chat-narrow")
    widths = "nodes => nodes.map(node => node.scrollWidth - node.clientWidth)"
    assert opened.cell(1).locator(".ragnb-form, .ragnb-live").evaluate_all(widths) == [0, 0, 0]
    page.set_viewport_size({"width": 1000, "height": 800})
    opened.command("application:toggle-left-area")

    opened.save()
    opened.reload()
    opened.wait_until_ready()
    expect(turns).to_have_count(2)
    expect(page.get_by_text("model not found")).to_have_count(0)
    box.fill("Why?")
    page.keyboard.press("Enter")
    expect(turns).to_have_count(3)
    expect(turns.nth(2).locator(".ragnb-text")).to_contain_text("So it is")
    shot("chat-reloaded")
