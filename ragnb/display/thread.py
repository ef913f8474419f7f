"""The turns of a chat as they stay in a saved notebook."""

from __future__ import annotations

from collections.abc import Sequence

from ragnb.answer import Answer
from ragnb.display import static, words
from ragnb.display.card import html
from ragnb.display.markup import to_markdown
from ragnb.display.words import readable

_SHOWN = 50
_EMPTY = "Nothing has been asked yet."


def mimebundle(answers: Sequence[Answer]) -> dict[str, str]:
    """``text/html``, ``text/markdown`` and ``text/plain`` of the latest 50 turns, oldest first."""
    turns = list(answers[-_SHOWN:])
    older = len(answers) - len(turns)
    said = f"{older:,} earlier turns are not shown." if older else "" if turns else _EMPTY
    before = f'<p style="font-size:0.85em;opacity:0.75">{said}</p>' if said else ""
    return {
        "text/html": f'<div class="ragnb-chat">{before}{"".join(map(html, turns))}</div>',
        "text/markdown": "\n\n---\n\n".join(filter(None, [said, *map(_markdown, turns)])),
        "text/plain": "\n\n".join(filter(None, [said, *map(_plain, turns)])),
    }


def _markdown(answer: Answer) -> str:
    asked = " ".join(words.question(answer).split())
    return to_markdown(f"**{asked}**", ()) + f"\n\n{static.markdown(answer)}"


def _plain(answer: Answer) -> str:
    return f"> {readable(words.question(answer))}\n\n{static.plain(answer)}"
