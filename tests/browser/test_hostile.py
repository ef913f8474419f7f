"""What a document, a model or a question says is shown, and is never obeyed."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import expect

from tests.conftest import ROOT

_STRINGS: list[str] = json.loads((ROOT / "tests" / "golden" / "hostile.json").read_text())
CORPUS = [
    text.encode("utf-8", "replace").decode() for text in _STRINGS
]  # a wire carries no half characters
_OPEN_ALL = """card => {
  for (const details of card.querySelectorAll("details")) details.open = true;
  for (const chip of card.querySelectorAll("button.ragnb-chip")) chip.click();
}"""
_ALIVE = """card => [...card.querySelectorAll("*")].filter(node =>
  /^(script|style|link|meta|base|img|image|svg|math|iframe|frame|object|embed|form|input|video|audio|source|template|dialog|portal)$/i
    .test(node.localName)
  || node.getAttributeNames().some(name => /^(on|src|srcset|srcdoc|ping|background|formaction|xlink:)/i.test(name))
  || /url\\(|expression|position:\\s*fixed/i.test(node.getAttribute("style") ?? "")
).map(node => node.outerHTML)"""
_LINKS = """card => [...card.querySelectorAll("a")].map(link => ({
  href: link.getAttribute("href"), target: link.target, rel: link.rel.split(" "), host: link.hostname,
  shown: link.textContent + link.nextSibling?.textContent,
}))"""


def test_hostile_text_is_inert(notebook, simulator, page, jupyter, shot):
    """As question, answer, and passage: no request leaves, nothing runs, no element but the cell's own is made."""
    asked: list[str] = []
    dialogs: list[str] = []
    cited = [f"Run <script>alert(1)</script> [{number}]." for number in range(1, 11)]
    answer = "\n\n".join([*cited, *CORPUS])
    sim = simulator(answer, gate=False)
    ask = f"answer = await rag.aask({CORPUS[14]!r}, k={len(CORPUS)}"
    opened = notebook(sim, f"{ask}, keep_live=True)", f"{ask})", texts=CORPUS)
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.evaluate("() => { window.alert = window.print = window.open = () => { window.hasRun = true; }; }")
    for index, kind in ((1, ".ragnb-live"), (2, ".ragnb-answer:not(.ragnb-live)")):
        opened.run(index)
        card = opened.outputs(index).locator(kind)
        expect(card.locator(".ragnb-facts")).to_contain_text("total")
        expect(card.locator(".ragnb-text")).to_contain_text("Run <script>alert(1)</script>")
        card.evaluate(_OPEN_ALL)
        assert card.locator(".ragnb-source").count() > 100
        assert card.locator(".ragnb-chip").count() >= 10
        for link in card.locator("a, .ragnb-chip").all()[:40]:
            link.dispatch_event("pointerenter")
            link.dispatch_event("focus")
        assert card.evaluate(_ALIVE) == []
        check_links(card.evaluate(_LINKS), is_live=index == 1)
        card.locator(".ragnb-text").scroll_into_view_if_needed()
        shot(f"hostile-{'live' if index == 1 else 'frozen'}")
    opened.save()  # what a picture would have asked for has been asked for by now
    assert page.evaluate("window.hasRun") is None and dialogs == []
    own = tuple(
        f"{jupyter.url}/{path}" for path in ("api/", "lab/api/", "lab/extensions/", "static/", "lsp/")
    )
    assert [url for url in asked if not url.startswith((*own, "blob:"))] == []
    assert asked and [url for url in asked if "evil" in url or "secret" in url] == []
    assert page.url.startswith(opened.url)


def check_links(links: list[dict[str, Any]], *, is_live: bool) -> None:
    """Each leads to the web or a mailbox, in another tab, and says where; or to a source of the answer."""
    for link in links:
        if link["href"] is None or link["href"].startswith("#ragnb-"):
            continue
        assert link["href"].startswith(("https://", "http://", "mailto:")), link
        assert link["host"] in link["shown"], link
        # JupyterLab writes its own attributes into links of HTML.
        wanted = {"noopener", "noreferrer", "nofollow"} if is_live else {"noopener"}
        assert link["target"] == "_blank" and wanted <= set(link["rel"]), link
