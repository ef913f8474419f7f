"""Every golden log, live and static, side by side in one notebook."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from tests.conftest import ROOT

GOLDEN = ROOT / "tests" / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.jsonl"))
A_CELL = 20  # logs: JupyterLab shows no more than 50 outputs of a cell
_SHOW = f"""from pathlib import Path
from IPython.display import display
from ragnb.answer import Answer
from ragnb.widget.answer import AnswerWidget
from ragnb.widget.still import display_static

def show(names):
    for name in names:
        answer = Answer.from_jsonl((Path({str(GOLDEN)!r}) / f"{{name}}.jsonl").read_bytes())
        display(AnswerWidget(answer).view()[0], raw=True)
        display_static(answer)
"""
# The text as the golden files have it: one blank between two blocks or cells.
_VISIBLE = """cards => cards.map(card => {
  const text = card.querySelector(".ragnb-text")?.cloneNode(true);
  if (!text) return "";
  for (const block of text.querySelectorAll(
    "p, h1, h2, h3, h4, h5, h6, ul, ol, li, pre, blockquote, table, thead, tbody, tr, th, td, hr, br, div"
  )) { block.prepend(" "); block.after(" "); }
  return text.textContent;
})"""
_SAID = "cards => cards.map(card => card.querySelector('.ragnb-status')?.textContent ?? '')"
_FACTS = "cards => cards.map(card => card.querySelector('.ragnb-facts summary')?.textContent ?? '')"


def test_live_and_static_show_the_same(notebook, simulator, page, shot):
    """Text with its citations, trouble, and figures of each log are what the golden files say, in both renderings."""
    cells = [f"show({NAMES[start : start + A_CELL]!r})" for start in range(0, len(NAMES), A_CELL)]
    opened = notebook(simulator(), _SHOW, *cells)
    page.set_viewport_size({"width": 1000, "height": 15_000})  # JupyterLab draws only cells in sight
    for index in range(len(cells) + 1):
        opened.run(index + 1)
    live, static = page.locator(".ragnb-live"), page.locator(".ragnb-answer:not(.ragnb-live)")
    expect(live).to_have_count(len(NAMES))
    expect(static).to_have_count(len(NAMES))
    expect(live.locator(".ragnb-question").last).not_to_be_empty()
    golden = [json.loads((GOLDEN / f"{name}.json").read_text()) for name in NAMES]
    for cards in (live, static):
        texts = [re.sub(r"\s+", " ", text).strip() for text in cards.evaluate_all(_VISIBLE)]
        for name, text, wanted in zip(NAMES, texts, golden, strict=True):
            # What is being written is shown as what it becomes: a word behind one asterisk as emphasised.
            if cards is static or wanted["state"] != "running":
                assert text == wanted["visible"], name
        facts = cards.evaluate_all(_FACTS)
        assert facts == [" · ".join(wanted["summary"]) for wanted in golden]
    for name, said, wanted in zip(NAMES, static.evaluate_all(_SAID), golden, strict=True):
        assert said == wanted["status"], name
    shot("alike")
