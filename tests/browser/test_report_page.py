"""The report's page in a browser without a network: it asks nobody for anything, and reads well anywhere."""

from __future__ import annotations

import itertools
import json

import pytest
from playwright.sync_api import expect

from ragnb import Document, RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.simulator import Simulator, Status
from tests.browser.conftest import SHOTS
from tests.browser.test_look import AXE, needs_axe

DOCUMENTS = {
    "refunds.md": "Refunds are paid within five working days, to the card or account that paid.",
    "dogs.md": "Larger dogs are welcome in sleeper cabins that are booked as a whole, for 29 euros a night.",
    "hostile.md": 'A shower <script>fetch("https://evil.example")</script><img src="https://evil.example/a.png">.',
}
QUESTIONS = [
    "How long does a refund take?",
    "May my dog sleep in my cabin?",
    "Is there a shower?",
    "And a pool?",
]
SMUGGLED = (
    "There is one [1].\n\n![seen](https://evil.example/b.png) <img src='https://evil.example/c.png'>"
    '<link rel="stylesheet" href="https://evil.example/d.css"> <style>@import "https://evil.example/e.css"</style>'
)
VIEWS = {
    "light": {"viewport": {"width": 1000, "height": 1400}},
    "dark": {"viewport": {"width": 1000, "height": 1400}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 390, "height": 1400}},
    "print": {"viewport": {"width": 794, "height": 1123}},
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The page of the second of two runs, with an answer that changed and one that failed."""
    folder = tmp_path_factory.mktemp("report")
    days = ["five"]

    def answer(request):
        asked = str(request["messages"]).rpartition("Question: ")[2]
        if "shower" in asked:
            return SMUGGLED
        return (
            f"Refunds are paid within **{days[0]} working days** [1]. " + "The night train rolls on. " * 20
        )

    with Simulator(answer) as sim, Simulator() as vectors:
        rag = RAGPipeline(
            OpenAILLM("gpt-4.1-mini", base_url=sim.url, api_key="test"),
            OpenAIEmbeddings(base_url=vectors.url, api_key="test"),
            "memory",
            home=folder / "home",
        )
        rag.add([Document(text, source=name) for name, text in DOCUMENTS.items()])
        rows = [{"id": f"q{n}", "question": question} for n, question in enumerate(QUESTIONS)]
        (folder / "nightly.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        rag.report(folder / "nightly.jsonl", run="monday", concurrency=1)
        days[0] = "six"
        sim.faults.extend([None, None, None, Status(400)])
        rag.report(
            folder / "nightly.jsonl", run="tuesday", concurrency=1, output=folder, alerts=["failed > 5%"]
        )
        rag.close()
    return folder / "report.html"


@pytest.mark.parametrize("view", VIEWS)
def test_without_a_network(browser, written, view):
    """Nothing but the file itself is asked for, nothing is refused, and no line is wider than the page."""
    context = browser.new_context(offline=True, **VIEWS[view])
    page = context.new_page()
    requests, said = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    try:
        page.goto(written.as_uri())
        if view == "print":
            page.emulate_media(media="print")
        expect(page.get_by_text("3", exact=True).first).to_be_visible()
        expect(page.get_by_role("heading", name="2. May my dog sleep in my cabin?")).to_be_visible()
        page.wait_for_load_state("networkidle")
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / f"report-{view}.png", full_page=True)
        assert [url for url in requests if not url.startswith("data:")] == [written.as_uri()] and said == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 100)")
    finally:
        context.close()


def test_read_by_a_manager(browser, written):
    """The summary comes first, a question leads to its answer, a citation opens its source, and what changed
    since the day before is marked."""
    context = browser.new_context(offline=True, viewport={"width": 1000, "height": 1400})
    page = context.new_page()
    try:
        page.goto(written.as_uri())
        headings = page.locator("h2").all_text_contents()
        assert headings == ["Summary", "Questions", "Answers", "Time and cost"]
        expect(page.get_by_text("Threshold passed. failed > 5%: it is 0.25.")).to_be_visible()
        changed = page.locator(".ragnb-changes")
        expect(changed.locator("del").first).to_have_text("five")
        expect(changed.locator("ins").first).to_have_text("six")
        page.get_by_role("link", name="And a pool?").click()
        expect(page.locator("#question-4")).to_be_in_viewport()
        first = page.locator("#question-1")
        quoted = first.locator("mark").first
        expect(quoted).to_be_hidden()
        first.locator(".ragnb-chip a").first.click()
        expect(quoted).to_be_visible()
        expect(page.locator("#question-3")).to_contain_text("[image: seen]")
        assert page.locator("script, link, iframe, main style").count() == 0
    finally:
        context.close()


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, written, scheme):
    """Not in the whole page, by day and by night."""
    context = browser.new_context(offline=True, bypass_csp=True, color_scheme=scheme)
    page = context.new_page()
    try:
        page.goto(written.as_uri())
        page.add_script_tag(content=AXE.read_text())
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] != "minor"] == []
    finally:
        context.close()


def test_accessible(browser, written):
    """Headings go down by one step, each picture has a text, and each colour has a word beside it."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    try:
        page.goto(written.as_uri())
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(one => +one.tagName[1])")
        assert levels[0] == 1 and all(b - a <= 1 for a, b in itertools.pairwise(levels))
        assert page.evaluate("[...document.images].every(one => one.alt.length > 20)")
        assert page.evaluate("document.documentElement.lang") == "en"
        marks = page.locator("nav b").evaluate_all("all => all.map(one => one.title + one.textContent)")
        assert marks == ["answered✓", "answered✓", "answered✓", "failed✗"]
    finally:
        context.close()
