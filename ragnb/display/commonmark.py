"""The Markdown that an answer may hold: CommonMark, tables, strikethrough, and nothing that loads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline, emphasis
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

SCHEMES = {"http", "https", "mailto"}
CODE = ("code_inline", "code_block", "fence")

_CODE_BLOCK = "background-color:#8882;border-radius:6px;margin:0.6em 0;overflow-x:auto;padding:0.6em 0.8em"

_HEADINGS = {"h1": "1.3em", "h2": "1.15em"}

# Lists and quotations within each other; a list counts twice. What lies deeper is shown as it was written.
_DEEPEST = 60


def every(tokens: Iterable[Token]) -> Iterator[Token]:
    """All tokens, those within others too."""
    for token in tokens:
        yield token
        yield from every(token.children or ())


def _open_link(tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """A link that says where it leads; an address that is no web or mail address makes none."""
    href = str(tokens[index].attrGet("href") or "")
    env["host"] = _host(href)
    return f'<a href="{escape(href, quote=True)}" target="_blank">' if env["host"] else "<span>"


def _close_link(tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    host = env.pop("host", "")
    return f"</a> ({escape(host)})" if host else "</span>"


def _host(href: str) -> str:
    """The host of a web address or the mailbox of a mail address; empty for anything else.

    A mail address with more to it may hold a text or further recipients, and is taken for nothing.
    """
    try:
        parts = urlsplit(href)
        if parts.scheme == "mailto":
            return "" if parts.query else parts.path
        host = parts.hostname or ""
    except ValueError:  # such as brackets around what is no IPv6 address
        return ""
    # A percent sign would hide letters: the browser decodes them.
    return host if parts.scheme in SCHEMES and "%" not in host else ""


def _image(tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """An image is its text: nothing is fetched from anywhere."""
    return f"<span>[image: {escape(tokens[index].content)}]</span>"


def _code_block(tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return f'<pre style="{_CODE_BLOCK}"><code>{escape(tokens[index].content, quote=False)}</code></pre>\n'


def _heading(tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """A heading of the answer's own size: the notebook's are larger than a card has room for."""
    tag = tokens[index].tag
    return f'<{tag} style="font-size:{_HEADINGS.get(tag, "1em")};margin:1em 0 0.4em">'


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Asterisks emphasise, underscores do not: ``__init__`` quoted from a document stays what it is."""
    return state.src[state.pos] != "_" and emphasis.tokenize(state, silent)


def _maths(state: StateInline, silent: bool) -> bool:
    r"""``\(a*b*c\)`` and ``\[…\]`` are left as they were written: legible, and nothing emphasised."""
    source, start = state.src, state.pos
    end = {"\\(": "\\)", "\\[": "\\]"}.get(source[start : start + 2])
    stop = source.find(end, start + 2, state.posMax) if end else -1
    if stop < 0:
        return False
    state.pos = stop + 2
    if not silent:
        state.push("text", "", 0).content = source[start : state.pos]
    return True


def _too_deep(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """What markdown-it would leave out for its depth becomes one paragraph."""
    if state.level < _DEEPEST or silent:
        return False
    state.push("paragraph_open", "p", 1).map = [first, last]
    inline = state.push("inline", "", 0)
    inline.content = state.getLines(first, last, state.blkIndent, False).strip()
    inline.map, inline.children = [first, last], []
    state.push("paragraph_close", "p", -1)
    state.line = last
    return True


def _make_parser() -> MarkdownIt:
    options = {"html": False, "maxNesting": _DEEPEST + 20}
    made = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    made.inline.ruler.at("emphasis", _emphasis)
    made.inline.ruler.before("escape", "maths", _maths)
    made.block.ruler.before("table", "too_deep", _too_deep)
    made.renderer.rules.update(  # type: ignore[attr-defined]
        {
            "heading_open": _heading,
            "link_open": _open_link,
            "link_close": _close_link,
            "image": _image,
            "fence": _code_block,
            "code_block": _code_block,
        }
    )
    return made


parser = _make_parser()
