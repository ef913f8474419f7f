"""An answer's Markdown made harmless: no script, no remote image, no hidden link.

Citations become chips. Before Markdown is parsed, each citation's place is taken by a tag that holds
a random number drawn by this process: no text can hold it, whatever its entities and escapes decode
to. Where a tag turns out to stand in code or in an address, the marker itself is put back; the others
become chips once the HTML is sanitised. To Markdown a tag is a word between punctuation marks, as
``[1]`` is, so that emphasis around it stays what it is.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import count
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, emphasis
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from ragnb.display.words import readable
from ragnb.events import Cited

_SECRET = f"x{secrets.token_hex(8)}"
_PLACE = re.compile(rf",(\d+){_SECRET},")  # commas and letters stay what they are in an address too
_BEFORE_ADDRESS = re.compile(rf",(\d+){_SECRET},(?=[(:])")
_FIRST_ON_LINE = re.compile(rf"^[ \t>]*,(\d+){_SECRET},", re.MULTILINE)

_CODE = ("code_inline", "code_block", "fence")

# What a host that renders Markdown would obey.
_LIVE = re.compile(
    r"""(?<=!)\[  # an image
    | <(?=[a-z/!?])  # HTML
    | (?<=\])\((?![ \t\n]*(?:https?://|mailto:))  # a link to neither the web nor a mailbox
    | (?<=\]):  # the definition of an address, for any [1] there is
    | &(?=\#(?:x0*20(?:2[a-e]|6[6-9])|0*82(?:3[4-8]|9[4-7]));)  # a bidi override
    """,
    re.IGNORECASE | re.VERBOSE,
)
_INERT = {"[": "\\[", "<": "&lt;", "(": "\\(", ":": "\\:", "&": "&amp;"}

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
_SCHEMES = {"http", "https", "mailto"}


def to_html(text: str, citations: Sequence[Cited]) -> str:
    """Safe HTML of an answer, with its citations as chips; in code their markers stay as they are."""
    marked, placed = _with_places(text, citations)
    env: EnvType = {}
    tokens = _parser.parse(marked, env)
    for token in _every(tokens):
        if token.type in _CODE:
            token.content = _PLACE.sub(lambda place: placed[int(place[1])].marker, token.content)
        elif token.type == "link_open":
            href = str(token.attrs["href"])
            token.attrs["href"] = _PLACE.sub(lambda place: quote(placed[int(place[1])].marker), href)
    html = nh3.clean(
        _parser.renderer.render(tokens, _parser.options, env),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
        filter_style_properties={"text-align"},
    )
    return _PLACE.sub(lambda place: _chip(placed[int(place[1])].cited), html)


def to_markdown(text: str, citations: Sequence[Cited]) -> str:
    """Markdown that loads nothing, with a ``[n]`` for each citation, also where the model wrote none.

    Images, HTML and links to anything but the web or mail become text; code stays as it is.
    """
    marked, placed = _with_places(text, citations)
    before_address = set(_BEFORE_ADDRESS.findall(marked))
    numbers = [
        _numbers(place.cited) + ("\\" if str(index) in before_address else "")
        for index, place in enumerate(placed)
    ]
    numbered = _filled(marked, [place.marker for place in placed], numbers)
    live = _LIVE.findall(numbered)
    tags = map(_tag, count())
    # A tag is as inert as what is put for it: so code is found here where a host will find it.
    return _filled(_LIVE.sub(lambda _: next(tags), numbered), live, [_INERT[found] for found in live])


def to_plain(text: str, citations: Sequence[Cited]) -> str:
    """The answer's own text, with a ``[n]`` for each citation, also where the model wrote none."""
    marked, placed = _with_places(text, citations)
    return _filled(marked, [place.marker for place in placed], [_numbers(place.cited) for place in placed])


class _Place(NamedTuple):
    """A citation in the answer, and the marker that the model wrote there, empty where it wrote none."""

    cited: Cited
    marker: str


def _with_places(text: str, citations: Sequence[Cited]) -> tuple[str, list[_Place]]:
    """The readable text with a tag for each citation, and the citations in the order of their tags.

    A citation has no place if it lies outside the text, overlaps the one before it or quotes nothing.
    """
    pieces: list[str] = []
    placed: list[_Place] = []
    position = 0
    for cited in sorted(citations, key=_span):
        start, end = _span(cited)
        if not position <= start <= end <= len(text) or not cited.quotes:
            continue
        before = text[position:start]
        if cited.marker is None:
            before = before.rstrip()
            end = position + len(before)
            if before.endswith(("```", "~~~")):  # with more on its line it would not end the code
                before += "\n\n"
        pieces += [readable(before), _tag(len(placed))]
        placed.append(_Place(cited, readable(text[start:end])))
        position = end
    pieces.append(readable(text[position:]))
    return "".join(pieces), placed


def _span(cited: Cited) -> tuple[int, int]:
    return cited.marker or (cited.end, cited.end)


def _tag(index: int) -> str:
    return f",{index}{_SECRET},"


def _filled(marked: str, originals: Sequence[str], shown: Sequence[str]) -> str:
    """The text with something shown in place of each tag; in code, what stood there before."""
    if not shown:
        return marked
    # HTML that begins a line within backticks ends the paragraph, and with it the code.
    first = set(_FIRST_ON_LINE.findall(marked))
    code = {
        index
        for token in _every(_parser.parse(marked))
        if token.type in _CODE
        for index in _PLACE.findall(token.content)
        if token.type != "code_inline" or index not in first
    }
    return _PLACE.sub(lambda tag: (originals if tag[1] in code else shown)[int(tag[1])], marked)


def _every(tokens: Iterable[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _every(token.children or ())


def _numbers(cited: Cited) -> str:
    return "".join(f"[{quote.number}]" for quote in cited.quotes)


def _chip(cited: Cited) -> str:
    quotes = " … ".join(quote.text for quote in cited.quotes)
    title = escape(readable(" ".join(quotes.split())[:300]), quote=True)
    return (
        f'<sup class="ragnb-chip" title="{title}" style="font-size:0.72em;font-weight:600;'
        'padding:0 0.35em;margin:0 0.1em;border:1px solid rgba(128,128,128,0.45);border-radius:0.8em">'
        f"{_numbers(cited)}</sup>"
    )


def _open_link(tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """A link that says where it leads; an address that is no web or mail address makes none."""
    href = str(tokens[index].attrGet("href") or "")
    env["host"] = _host(href)
    return f'<a href="{escape(href, quote=True)}" target="_blank">' if env["host"] else "<span>"


def _close_link(tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    host = env.pop("host", "")
    return f"</a> ({escape(host)})" if host else "</span>"


def _host(href: str) -> str:
    """The host of a web address or the mailbox of a mail address; empty for anything else."""
    try:
        parts = urlsplit(href)
        if parts.scheme == "mailto":
            return parts.path
        host = parts.hostname or ""
    except ValueError:  # such as brackets around what is no IPv6 address
        return ""
    # A percent sign would hide letters: the browser decodes them.
    return host if parts.scheme in _SCHEMES and "%" not in host else ""


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
