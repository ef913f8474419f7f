"""The elements of a page as blocks: headings, paragraphs, lists, code, tables, terms with definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml.html import HtmlElement

from ragnb.documents import Block, BlockKind, Locator

_DROPPED = frozenset(
    [
        "script",
        "style",
        "nav",
        "aside",
        "template",
        "noscript",
        "form",
        "button",
        "select",
        "input",
        "textarea",
        "svg",
        "math",
        "iframe",
        "object",
        "head",
        "dialog",
    ]
)
_BLOCK = frozenset(
    [
        "address",
        "article",
        "blockquote",
        "body",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_STRUCTURED = ".//pre | .//table | .//dl | .//h2 | .//h3 | .//h4"  # what a plain list cannot hold
_SPACE = re.compile(r"\s+")
HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:font-size|opacity)\s*:\s*0(?![.\d])", re.IGNORECASE
)


class Reader:
    """Walks a tree without recursion, and gathers text until a block ends."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._lines = (0, 0)

    def blocks(self, root: HtmlElement) -> Iterator[Block]:
        stack: list[tuple[str, HtmlElement, str]] = [("enter", root, "")]
        while stack:
            step, element, text = stack.pop()
            if step == "text":
                self._add(text, element)
                continue
            tag = element.tag if isinstance(element.tag, str) else ""
            if step == "break":
                yield from self._flush()
                if tag == "dl" and element.find("dt[@id]") is not None:
                    yield Block("", "heading", _term_level(element))  # what follows is outside it
                continue
            if not tag or _is_dropped(element, tag, root):
                continue
            whole = self._whole(element, tag)
            if whole is not None:
                yield from self._flush()
                if whole.text:
                    yield whole
                continue
            if tag == "br":
                self._words.append("\n")
            elif tag == "img":
                self._add(element.get("alt") or "", element)
            if tag in _BLOCK:
                yield from self._flush()
                stack.append(("break", element, ""))
            for child in reversed(element):
                if child.tail:
                    stack.append(("text", child, child.tail))
                stack.append(("enter", child, ""))
            if element.text:
                stack.append(("text", element, element.text))
        yield from self._flush()

    def _whole(self, element: HtmlElement, tag: str) -> Block | None:
        """The block of an element that is read as one piece; None for any other element."""
        if tag in _HEADINGS:
            return _block(element, _inline(element), "heading", _HEADINGS[tag])
        if tag == "pre":
            text = "".join(_texts(element)).strip("\n").rstrip()
            return _block(element, f"```\n{text}\n```" if text else "", "code")
        if tag in ("ul", "ol") and not element.xpath(_STRUCTURED):
            return _block(element, _list(element), "list")
        if tag == "table" and not element.xpath(".//table"):
            return _block(element, _table(element), "table")
        if tag == "dt" and element.get("id"):
            return _term(element)
        return None

    def _add(self, text: str, element: HtmlElement) -> None:
        if not text:
            return
        line = element.sourceline or 0
        first, last = self._lines
        self._lines = (first or line, max(last, line))
        self._words.append(_SPACE.sub(" ", text))

    def _flush(self) -> Iterator[Block]:
        text = "".join(self._words)
        text = "\n".join(_SPACE.sub(" ", line).strip() for line in text.split("\n")).strip()
        lines = self._lines
        self._words, self._lines = [], (0, 0)
        if text:
            yield Block(text, locator=Locator(lines=lines if lines[0] else None))


def _term(element: HtmlElement) -> Block:
    """A defined term (as in an API reference) is a heading of what defines it. Terms that share one
    definition are one heading, made at the first of them."""
    before = element.getprevious()
    if before is not None and before.tag == "dt" and before.get("id"):
        return Block("")
    terms = [_inline(element)]
    following = element.getnext()
    while following is not None and following.tag == "dt":
        terms.append(_inline(following))
        following = following.getnext()
    return _block(element, " / ".join(filter(None, terms)), "heading", _term_level(element))


def _term_level(element: HtmlElement) -> int:
    """Below every ``<h6>``; terms within a definition are deeper still."""
    return 7 + sum(1 for _ in element.iterancestors("dd"))


def _is_dropped(element: HtmlElement, tag: str, root: HtmlElement) -> bool:
    if tag in _DROPPED or element.get("hidden") is not None:
        return True
    if element.get("aria-hidden") == "true" or "headerlink" in (element.get("class") or "").split():
        return True
    if tag in ("header", "footer"):
        parent = element.getparent()
        return parent is None or parent is root or parent.tag == "body"
    style = element.get("style")
    return (style is not None and HIDING.search(style) is not None) or element.get("role") in (
        "navigation",
        "search",
        "banner",
    )


def _block(element: HtmlElement, text: str, kind: BlockKind, level: int = 0) -> Block:
    first = element.sourceline or 0
    last = max(first, *(e.sourceline or 0 for e in element.iter()))
    if kind == "code":
        last = max(last, first + text.count("\n"))
    return Block(text, kind, level, Locator(lines=(first, last) if first else None))


def _texts(element: HtmlElement) -> Iterator[str]:
    """The texts below an element in order, without dropped elements; never recursive."""
    stack: list[HtmlElement | str] = [element]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
            continue
        tag = item.tag if isinstance(item.tag, str) else ""
        if not tag or (item is not element and _is_dropped(item, tag, element)):
            continue
        if tag == "br":
            yield "\n"
        elif tag == "img":
            yield item.get("alt") or ""
        for child in reversed(item):
            if child.tail:
                stack.append(child.tail)
            stack.append(child)
            if child.tag in _BLOCK:
                stack.append(" ")
        if item.text:
            stack.append(item.text)


def _inline(element: HtmlElement) -> str:
    return _SPACE.sub(" ", "".join(_texts(element))).strip()


def _list(element: HtmlElement) -> str:
    """The items of a list as Markdown, those of lists within it indented."""
    lines: list[str] = []
    stack = [(element, 0, iter(list(element)), 1)]
    while stack:
        parent, depth, items, number = stack.pop()
        for item in items:
            if item.tag != "li":
                continue
            inner = [child for child in item.iter("ul", "ol") if _nearest_item(child) is item]
            text = _SPACE.sub(" ", "".join(_own_texts(item, inner))).strip()
            bullet = f"{number}." if parent.tag == "ol" else "-"
            if text:
                lines.append(f"{'  ' * depth}{bullet} {text}")
            number += 1
            if inner:
                stack.append((parent, depth, items, number))
                stack.extend((child, depth + 1, iter(list(child)), 1) for child in reversed(inner))
                break
    return "\n".join(lines)


def _nearest_item(element: HtmlElement) -> HtmlElement | None:
    return next(element.iterancestors("li"), None)


def _own_texts(item: HtmlElement, inner: list[HtmlElement]) -> Iterator[str]:
    """An item's texts, without those of the lists within it."""
    stack: list[HtmlElement | str] = [item]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            yield part
            continue
        tag = part.tag if isinstance(part.tag, str) else ""
        if not tag or part in inner or _is_dropped(part, tag, item):
            continue
        if tag == "img":
            yield part.get("alt") or ""
        if tag == "br" or (tag in _BLOCK and part is not item):
            yield " "
        for child in reversed(part):
            if child.tail:
                stack.append(child.tail)
            stack.append(child)
        if part.text:
            stack.append(part.text)


def _table(element: HtmlElement) -> str:
    """The rows of a table as a Markdown table, its caption above it."""
    rows = [
        [_inline(cell).replace("|", "\\|") for cell in row if cell.tag in ("td", "th")]
        for row in element.iter("tr")
    ]
    rows = [row for row in rows if any(row)]
    if not rows:
        return ""
    width = max(map(len, rows))
    padded = [row + [""] * (width - len(row)) for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in padded]
    lines.insert(1, f"|{' --- |' * width}")
    caption = element.find("caption")
    return "\n".join([_inline(caption), *lines] if caption is not None else lines)
