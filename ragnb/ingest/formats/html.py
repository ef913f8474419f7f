"""HTML: the main content of a page, without what surrounds it, as blocks of plain text.

Tables become Markdown tables, so that a row can be read and quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from ragnb.documents import Block, Document, Scalar
from ragnb.ingest.formats.html_blocks import HIDING, Reader
from ragnb.ingest.formats.text import encoding_of, title_from
from ragnb.ingest.loaders import loader

_SPACE = re.compile(r"\s+")
_CHARSET = re.compile(rb"<meta[^>]+charset|<\?xml[^>]+encoding", re.IGNORECASE)


@loader(".html", ".htm", ".xhtml")
def load_html(path: Path) -> Iterator[Document]:
    """One document a file; its title is ``<title>`` without the site's name, else its first heading. Its
    metadata are the language, author and date that the page states."""
    content = path.read_bytes()
    root = _parse(content)
    if root is None:
        yield Document(title=title_from(path), source=path.as_posix())
        return
    title = _SPACE.sub(" ", root.findtext(".//title") or "").strip()
    blocks = list(Reader().blocks(_main(root)))
    heading = next((block.text for block in blocks if block.kind == "heading" and block.text), "")
    if heading and heading in title:  # “Refunds — Nordlys”: the site's name says nothing about the page
        title = heading
    title = title or heading or title_from(path)
    yield Document(title=title, source=path.as_posix(), metadata=_metadata(root), blocks=blocks)


def read(content: bytes) -> tuple[str, list[Block]]:
    """The title and the blocks of a page."""
    root = _parse(content)
    if root is None:
        return "", []
    title = _SPACE.sub(" ", root.findtext(".//title") or "").strip()
    return title, list(Reader().blocks(_main(root)))


def _metadata(root: HtmlElement) -> dict[str, Scalar]:
    """What a page says of itself: its language, author and date."""
    found: dict[str, Scalar] = {}
    if language := (root.get("lang") or "").strip().lower():
        found["lang"] = language.partition("-")[0]
    said = {
        (meta.get("name") or meta.get("property") or "").lower(): (meta.get("content") or "").strip()
        for meta in root.iter("meta")
    }
    if date := next((said[name] for name in _DATES if said.get(name)), ""):
        found["date"] = date[:10]
    if author := said.get("author"):
        found["author"] = author
    return found


def _parse(content: bytes) -> HtmlElement | None:
    encoding = None
    if not _CHARSET.search(content[:4096]):
        encoding = encoding_of(content)
    try:
        parser = HTMLParser(encoding=encoding, huge_tree=True, remove_comments=True)
        root = document_fromstring(content, parser=parser)
        if any("Excessive depth" in error.message for error in parser.error_log):
            # libxml2 stops at 2,048 levels, and leaves out the rest of the page.
            parser = HTMLParser(encoding=encoding, huge_tree=True, remove_comments=True)
            root = document_fromstring(_flattened(content), parser=parser)
        _mark_hidden(root)
        return root
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):  # an empty page
        return None


def _mark_hidden(root: HtmlElement) -> None:
    """What a page's own styles hide by class or id is not for readers, and is not read."""
    sheets = " ".join(style.text or "" for style in root.iter("style"))
    hidden = {
        name
        for selectors, rules in _RULE.findall(_COMMENT.sub("", sheets))
        if HIDING.search(rules)
        for name in _SIMPLE.findall(selectors)
    }
    if not hidden:
        return
    for element in root.iter(etree.Element):
        names = {f".{name}" for name in (element.get("class") or "").split()}
        if not hidden.isdisjoint(names | {f"#{element.get('id')}"}):
            element.set("hidden", "")


_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_SIMPLE = re.compile(r"(?:^|,)\s*\w*([.#][\w-]+)\s*(?=,|$)")


def _flattened(content: bytes) -> bytes:
    """A page without the tags that are nested deeper than anything that is seen; its lines stay."""
    is_kept: list[bool] = []
    depth = 0

    def flatten(tag: re.Match[bytes]) -> bytes:
        nonlocal depth
        name = tag[2].lower()
        if name in _VOID or tag[0].endswith(b"/>"):
            return tag[0]
        if tag[1]:
            kept = is_kept.pop() if is_kept else True
            depth -= kept
        else:
            limit = (
                _DEEPEST + 8 if name in _IN_TABLE else _DEEPEST
            )  # text between a row and its cell is lost
            kept = depth < limit and (not is_kept or is_kept[-1])
            is_kept.append(kept)
            depth += kept
        return tag[0] if kept else b"<br>" + b"\n" * tag[0].count(b"\n")

    return _TAG.sub(flatten, content)


_TAG = re.compile(rb"<(/?)([a-zA-Z][a-zA-Z0-9]*)\b[^<>]*>")
_VOID = frozenset(b"area base br col embed hr img input link meta source track wbr".split())
_IN_TABLE = frozenset((b"tbody", b"thead", b"tfoot", b"tr", b"td", b"th"))
_DEEPEST = 200
_DATES = [
    "article:modified_time",
    "dcterms.modified",
    "last-modified",
    "date",
    "dcterms.date",
    "dc.date",
    "article:published_time",
    "dcterms.created",
]


def _main(root: HtmlElement) -> HtmlElement:
    """The element that holds what the page is about."""
    for query in ("//main", "//*[@role='main']", "//article"):
        found = root.xpath(query)
        if len(found) == 1:
            element: HtmlElement = found[0]
            return element
    body = root.find("body")
    return root if body is None else body
