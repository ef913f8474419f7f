"""What Markdown becomes, of many kinds; the front end is tested against the same file."""

from __future__ import annotations

import json
from pathlib import Path

from ragnb.display.markup import to_html

CORPUS = Path(__file__).with_name("markdown.json")


def rendered(texts: list[str]) -> str:
    """The texts with their HTML, as the file has them."""
    snippets = [{"markdown": text, "html": to_html(text, [])} for text in texts]
    return json.dumps(snippets, ensure_ascii=False, indent=1) + "\n"


def test_corpus() -> None:
    """The HTML of each snippet is the one that the front end draws alike.

    ``python -m tests.display.test_markdown`` renews it.
    """
    kept = CORPUS.read_text()
    assert rendered([snippet["markdown"] for snippet in json.loads(kept)]) == kept


if __name__ == "__main__":
    CORPUS.write_text(rendered([snippet["markdown"] for snippet in json.loads(CORPUS.read_text())]))
