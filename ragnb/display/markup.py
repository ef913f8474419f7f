"""An answer's Markdown as HTML that cannot do anything: no script, no remote image, no hidden link.

Citations become chips. Before Markdown is parsed, each citation's place is taken by characters of the
private use area, which are first removed from the text itself; after the HTML is sanitised they
become the chips. So neither can the text forge a chip, nor can Markdown take one apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape, unescape
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, emphasis
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from ragnb.events import Cited

_OPEN, _CLOSE = "\ue000", "\ue001"
_RESERVED = re.compile("[\ue000\ue001]")
_CHIP = re.compile("\ue000(\\d+)\ue001")
_CODE = re.compile(r"<code[^>]*>.*?</code>", re.DOTALL)

_TAGS = set(
    [
        "p",
        "br",
        "hr",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "strong",
        "em",
        "s",
        "del",
        "code",
        "pre",
        "blockquote",
        "ul",
        "ol",
        "li",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "a",
        "span",
    ]
)
_ATTRIBUTES = {"a": {"href", "title", "target"}, "ol": {"start"}, "th": {"style"}, "td": {"style"}}


def to_html(text: str, citations: Sequence[Cited]) -> str:
    """Safe HTML of an answer, with its citations as chips."""
    marked = _with_places(text, citations)
    html = nh3.clean(
        _parser.render(marked),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        filter_style_properties={"text-align"},
    )
    html = _CODE.sub(lambda code: _CHIP.sub("", code[0]), html)
    return _CHIP.sub(lambda place: _chip(citations[int(place[1])]), html)


def to_markdown(text: str, citations: Sequence[Cited]) -> str:
    """The answer's Markdown, with a ``[n]`` for each citation, also where the model wrote none."""
    marked = _with_places(text, citations)
    return _CHIP.sub(lambda place: _numbers(citations[int(place[1])]), marked)


def _with_places(text: str, citations: Sequence[Cited]) -> str:
    """The text with each citation's marker, or its end where there is none, made a place for a chip."""
    pieces: list[str] = []
    position = 0
    order = sorted(enumerate(citations), key=lambda item: (_place(item[1]), item[0]))
    for index, cited in order:
        start, end = _place(cited)
        if start < position or end > len(text):
            continue
        pieces.append(_RESERVED.sub("", text[position:start]))
        pieces.append(f"{_OPEN}{index}{_CLOSE}")
        position = end
    pieces.append(_RESERVED.sub("", text[position:]))
    return "".join(pieces)


def _place(cited: Cited) -> tuple[int, int]:
    return cited.marker or (cited.end, cited.end)


def _numbers(cited: Cited) -> str:
    return "".join(f"[{quote.number}]" for quote in cited.quotes)


def _chip(cited: Cited) -> str:
    quotes = " … ".join(quote.text for quote in cited.quotes)
    title = escape(" ".join(quotes.split())[:300], quote=True)
    return (
        f'<sup class="ragnb-chip" title="{title}" style="font-size:0.72em;font-weight:600;'
        'padding:0 0.35em;margin:0 0.1em;border:1px solid rgba(128,128,128,0.45);border-radius:0.8em">'
        f"{_numbers(cited)}</sup>"
    )


def _open_link(tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """A link that says where it leads; an address that is no web or mail address makes none."""
    href = str(tokens[index].attrGet("href") or "")
    parts = urlsplit(unescape(href))
    if parts.scheme not in ("http", "https", "mailto"):
        env["host"] = None
        return "<span>"
    env["host"] = parts.hostname or parts.path
    return f'<a href="{escape(href, quote=True)}" target="_blank">'


def _close_link(tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    host = env.pop("host", None)
    return "</span>" if host is None else f"</a> ({escape(host)})"


def _image(tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """An image is its text: nothing is fetched from anywhere."""
    return f"<span>[image: {escape(tokens[index].content)}]</span>"


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Asterisks emphasise, underscores do not: ``__init__`` quoted from a document stays what it is."""
    return state.src[state.pos] != "_" and emphasis.tokenize(state, silent)


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.inline.ruler.at("emphasis", _emphasis)
    parser.renderer.rules.update(  # type: ignore[attr-defined]
        {"link_open": _open_link, "link_close": _close_link, "image": _image}
    )
    return parser


_parser = _make_parser()
