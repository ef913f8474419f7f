"""An answer's Markdown made harmless: no script, no remote image, no hidden link.

Citations become chips. Before Markdown is parsed, each citation's place is taken by a tag that holds
a random number drawn by this process: no text can hold it, whatever its entities and escapes decode
to. Where a tag turns out to stand in code or in an address, the marker itself is put back; the others
become chips once the HTML is sanitised. To Markdown a tag is a word between punctuation marks, as
``[1]`` is, so that emphasis around it stays what it is. Seams, where a cut answer was taken up again,
take the same way; in code they stay, and from an address they go behind its link.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from html import escape
from itertools import count
from urllib.parse import quote

import nh3
from markdown_it.token import Token
from markdown_it.utils import EnvType

from ragnb.display.commonmark import CODE, SCHEMES, every, parser
from ragnb.display.places import BEFORE_ADDRESS, FIRST_ON_LINE, TAG, Place, Seam, tag, with_places
from ragnb.display.words import readable
from ragnb.events import Cited

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

_TAGS = {"p", "br", "hr", "strong", "em", "s", "del", "code", "pre", "blockquote", "a", "span"}
_TAGS |= {"h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li"}
_TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}
_ATTRIBUTES = {"a": {"href", "title", "target"}, "ol": {"start"}}
_ATTRIBUTES |= {tag: {"style"} for tag in ("p", "pre", "th", "td", "h1", "h2", "h3", "h4", "h5", "h6")}
_STYLES = {
    "font-size",
    "text-align",
    "background-color",
    "border-radius",
    "margin",
    "overflow-x",
    "padding",
}

# Short, as a notebook keeps them for each chip anew.
_TITLE = 80  # characters of quotes that a chip tells by itself
_PILL = "padding:0 4px;margin:0 1px;border:1px solid #8887;border-radius:9px"
_SEAM = "font-size:0.8em;font-weight:400;opacity:0.75;border-bottom:1px dashed rgba(214,120,30,0.9)"


def to_html(
    text: str, citations: Sequence[Cited], seams: Sequence[Seam] = (), *, anchor: str = "ragnb"
) -> str:
    """Safe HTML of an answer, with its citations as chips; in code their markers stay as they are.

    A chip leads to the element with the id ``anchor-n``, n being the source's number.
    """
    marked, places = with_places(text, citations, seams)
    is_right_to_left = _is_right_to_left(text)
    env: EnvType = {}
    tokens = parser.parse(marked, env)
    for token in every(tokens):
        if token.type in CODE:
            token.content = TAG.sub(lambda found: _in_code(places, found), token.content)
        elif token.children:
            _free_links(token.children, places)
        elif token.type == "paragraph_open" and is_right_to_left:
            token.attrSet("style", "text-align:right")  # JupyterLab says left for each paragraph
    html = nh3.clean(
        parser.renderer.render(tokens, parser.options, env),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer nofollow",
        filter_style_properties=_STYLES,
    )
    shown = {int(number) for number in TAG.findall(html)}
    lost = [tag(n) for n, place in enumerate(places) if isinstance(place.shown, str) and n not in shown]
    html += f"<p>{' '.join(lost)}</p>\n" if lost else ""
    return TAG.sub(lambda found: _place(places[int(found[1])], anchor), html)


def to_markdown(text: str, citations: Sequence[Cited], seams: Sequence[Seam] = ()) -> str:
    """Markdown that loads nothing, with a ``[n]`` for each citation, also where the model wrote none.

    Images, HTML and links to anything but the web or mail become text; code stays as it is.
    """
    marked, places = with_places(text, citations, seams)
    before_address = set(BEFORE_ADDRESS.findall(marked))
    numbers = [
        place.text + ("\\" if str(index) in before_address else "") for index, place in enumerate(places)
    ]
    numbered = _filled(marked, places, numbers)
    live = _LIVE.findall(numbered)
    tags = map(tag, count())
    # A tag is as inert as what is put for it: so code is found here where a host will find it.
    inert = [Place("", found) for found in live]
    return _filled(_LIVE.sub(lambda _: next(tags), numbered), inert, [_INERT[found] for found in live])


def closed(markdown: str) -> str:
    """Markdown behind which something new can be put: a code block that is still open is ended."""
    probe = tag(0)
    for token in parser.parse(f"{markdown}\n\n{probe}"):
        if token.type == "fence" and probe in token.content:
            return f"{markdown.rstrip()}\n{token.markup}"
    return markdown


def to_plain(text: str, citations: Sequence[Cited], seams: Sequence[Seam] = ()) -> str:
    """The answer's own text, with a ``[n]`` for each citation, also where the model wrote none."""
    marked, places = with_places(text, citations, seams)
    return _filled(marked, places, [place.text for place in places])


def _filled(marked: str, places: Sequence[Place], shown: Sequence[str]) -> str:
    """The text with something shown in place of each tag; in code, what stood there before."""
    if not shown:
        return marked
    # HTML that begins a line within backticks ends the paragraph, and with it the code.
    first = set(FIRST_ON_LINE.findall(marked))
    code = {
        index
        for token in every(parser.parse(marked))
        if token.type in CODE
        for index in TAG.findall(token.content)
        if token.type != "code_inline" or index not in first
    }
    return TAG.sub(lambda t: places[int(t[1])].marker if t[1] in code else shown[int(t[1])], marked)


def _is_right_to_left(text: str) -> bool:
    """Whether the first letter with a direction is read from right to left, as ``dir=auto`` has it."""
    directions = map(unicodedata.bidirectional, text)
    return next((found != "L" for found in directions if found in ("L", "R", "AL")), False)


def _in_code(places: Sequence[Place], found: re.Match[str]) -> str:
    place = places[int(found[1])]
    return found[0] if isinstance(place.shown, str) else place.marker


def _free_links(tokens: list[Token], places: Sequence[Place]) -> None:
    """Put what stands in a link behind it, as a chip is a link too; into an address, its marker."""
    opened: Token | None = None
    behind: list[str] = []
    for index, token in enumerate(tokens):
        if token.type == "link_open":
            opened = token
            href = str(token.attrs["href"])
            behind = [found[0] for found in TAG.finditer(href) if not places[int(found[1])].marker]
            token.attrs["href"] = TAG.sub(lambda found: quote(places[int(found[1])].marker), href)
        elif token.type == "link_close" and opened is not None:
            tokens.insert(index + 1, Token("text", "", 0, content="".join(dict.fromkeys(behind))))
            opened = None
        elif opened is not None and opened.info == "auto":
            token.content = TAG.sub(lambda found: places[int(found[1])].marker, token.content)
        elif opened is not None and token.type not in CODE:
            behind += [found[0] for found in TAG.finditer(token.content)]
            token.content = TAG.sub("", token.content)


def _place(place: Place, anchor: str) -> str:
    if isinstance(place.shown, str):
        return f'<span class="ragnb-seam" style="{_SEAM}">{escape(place.text)}</span>'
    title = escape(_title(place.shown), quote=True)
    links = "".join(
        f'<a href="#{anchor}-{quote.number}">[{quote.number}]</a>' for quote in place.shown.quotes
    )
    return f'<sup class="ragnb-chip" title="{title}" style="{_PILL}">{links}</sup>'


def _title(cited: Cited) -> str:
    """The beginnings of the quotes, for those who only point at a chip."""
    length = _TITLE // len(cited.quotes)
    quotes = (" ".join(readable(quote.text[: 2 * length]).split()) for quote in cited.quotes)
    return " ".join(text if len(text) <= length else f"{text[:length]}…" for text in quotes)
