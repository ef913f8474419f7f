"""The form of ``rag.ui()`` in a real JupyterLab: asked by keyboard, saved, and opened without its kernel."""

from __future__ import annotations

from playwright.sync_api import expect

ASKED = ["How are refunds paid?", "And what about dogs, or bicycles?"]


def test_asking_in_the_form(notebook, simulator, page, jupyter, shot):
    """Enter or a click asks what was typed to the last key, one answer after another stands below the box, and
    the notebook that is opened without its kernel shows all answers and no error in the form's place."""
    sim = simulator("Refunds are paid within five days [1].", gate=False)
    opened = notebook(sim, "rag.ui()", fresh=True)
    opened.run(1)
    expect(page.get_by_text("Ask 10 documents")).to_be_visible()
    box, ask = page.locator(".ragnb-form-question"), page.locator(".ragnb-form-ask")
    record = page.locator(".ragnb-record")
    expect(ask).to_be_disabled()
    expect(record).to_be_hidden()

    for count, question in enumerate(ASKED, start=1):
        box.click()
        page.keyboard.type(question)
        if count == 1:
            page.keyboard.press("Enter")
        else:
            ask.click()
        expect(record.locator(".ragnb-answer")).to_have_count(count)
    assert record.locator(".ragnb-question").all_text_contents() == ASKED
    expect(box).to_have_value("")
    expect(page.locator(".ragnb-answer:visible")).to_have_count(1)
    expect(record).to_be_hidden()
    shot("form")

    box.fill("why " * 9000)
    box.press("Enter")
    expect(page.get_by_text("The question has 36,000 characters")).to_be_visible()
    expect(box).to_have_value("why " * 9000)

    saved = opened.save()
    assert "widgets" not in saved.metadata
    assert "2 questions were asked here" in saved.cells[1].outputs[0].data["text/plain"]

    for session in jupyter.call("GET", "sessions"):
        if session["path"] == opened.path.name:
            jupyter.call("DELETE", f"sessions/{session['id']}")
    opened.open()
    expect(record.locator(".ragnb-answer")).to_have_count(2)
    lost = page.locator(".jp-OutputArea-output.jupyter-widgets")
    expect(lost).to_contain_text("model not found")
    expect(lost).to_be_hidden()
    expect(record).to_be_visible()
    shot("form-reopened")
