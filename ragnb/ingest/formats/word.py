"""Word documents: headings, paragraphs, lists and tables in the order in which they are read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lxml import etree

from ragnb.documents import NOWHERE, Block, Document, Locator
from ragnb.ingest.formats import office, tables
from ragnb.ingest.formats.text import title_from
from ragnb.ingest.loaders import loader

_KIND = "Word document"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_NOTES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
# What may stand around paragraphs, rows and cells without being one: form fields, tracked insertions.
_AROUND = frozenset(_W + name for name in ("sdt", "sdtContent", "customXml", "smartTag", "ins", "moveTo"))
_UNREAD = frozenset((*(_W + name for name in ("del", "moveFrom", "txbxContent", "pPr", "rPr")), _FALLBACK))
_BREAKS = {_W + "tab": "\t", _W + "br": "\n", _W + "cr": "\n", _W + "noBreakHyphen": "-"}
_HEADING = re.compile(
    r"(?:heading|überschrift|titre|título|titolo|rubrik|overskrift|kop|nagłówek|заголовок) ?(\d)",
    re.IGNORECASE,
)
_CAPTION = re.compile(r"[^\W\d]+\.? \d+(?:[.\-–]\d+)*[a-z]?(?=\W|$)")
_BARE_CAPTION = re.compile(
    r"(?:table|figure|tabelle|abbildung|tableau|tabla) \d+[\d.\-–]*\s?[:.–—] ?\S", re.I
)
_FIGURE = re.compile(r"fig|abb|bild|image|ill|photo|chart|graph", re.IGNORECASE)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@loader(".docx")
def load_word(path: Path) -> Iterator[Document]:
    """One document a file. Word has no fixed pages or lines, so a passage is found by its headings and,
    where it is a captioned table or figure, by its ``label``."""
    import docx

    office.check(path, _KIND)
    with office.reading(_KIND):
        title, metadata = office.properties(path)
        reader = _Reader(docx.Document(str(path)))
        blocks = list(_captioned(reader.blocks()))
    first = next((block.text for block in blocks if block.kind == "heading"), "")
    title = title or reader.title or first or title_from(path)
    blocks = [block for block in blocks if block.text != title or block.kind != "paragraph"]
    yield Document(title=title, source=path.as_posix(), metadata=metadata, blocks=blocks)


class _Reader:
    """Walks the XML, which python-docx opens: its own iteration passes over form fields and text boxes."""

    def __init__(self, document: Any) -> None:
        self.title = ""
        self._body = document.element.body
        self._styles: dict[str, Any] = {style.style_id: style.element for style in document.styles}
        self._default = next((e.get(_W + "styleId") for e in self._styles.values() if _is_default(e)), None)
        self._bullets = _numberings(document)
        self._counters: dict[tuple[str, int], int] = defaultdict(int)
        self._footnotes = _notes(document, "footnote")
        self._endnotes = _notes(document, "endnote")

    def blocks(self) -> Iterator[Block]:
        items: list[str] = []
        beside: list[Block] = []  # what hangs on the items: it follows their list
        for element in _inside(self._body, "p", "tbl"):
            if element.tag == _W + "tbl":
                following = list(self._table(element))
            elif item := self._item(element):
                items.append(item)
                beside.extend(self._beside(element))
                continue
            else:
                following = list(self._paragraph(element))
            if following and items:
                yield Block("\n".join(items), "list")
                yield from beside
                items, beside = [], []
            yield from following
        if items:
            yield Block("\n".join(items), "list")
            yield from beside

    def _paragraph(self, element: Any) -> Iterator[Block]:
        names, level = self._style(element)
        text = _text(element).strip()
        if text and not any(name.startswith("toc ") for name in names):  # a table of contents repeats
            if level:
                yield Block(" ".join(text.split()), "heading", level)
            elif "title" in names:
                self.title = self.title or text
                yield Block(text)
            else:
                is_caption = "caption" in names or _BARE_CAPTION.match(text)
                label = _CAPTION.match(text.replace("\xa0", " ")) if is_caption else None
                yield Block(text, locator=Locator(label=label[0]) if label else NOWHERE)
        yield from self._beside(element)

    def _beside(self, element: Any) -> Iterator[Block]:
        """The text boxes and the notes that hang on a paragraph."""
        for box in element.iter(_W + "txbxContent"):
            if not any(True for _ in box.iterancestors(_FALLBACK)):
                for inner in _inside(box, "p", "tbl"):
                    yield from self._table(inner) if inner.tag == _W + "tbl" else self._paragraph(inner)
        yield from self._noted(element)

    def _noted(self, element: Any) -> Iterator[Block]:
        for kind, notes in (("Footnote", self._footnotes), ("Endnote", self._endnotes)):
            for reference in element.iter(f"{_W}{kind.lower()}Reference"):
                number, text = notes.get(reference.get(_W + "id"), (0, ""))
                if text:
                    yield Block(f"{kind} {number}: {text}")

    def _table(self, element: Any) -> Iterator[Block]:
        rows = list(_rows(element))
        if len(rows) == 1 and len(rows[0]) == 1:  # a frame around text
            cell = next(_inside(next(_inside(element, "tr")), "tc"))
            for inner in _inside(cell, "p", "tbl"):
                yield from self._table(inner) if inner.tag == _W + "tbl" else self._paragraph(inner)
            return
        if any(any(row) for row in rows):
            yield Block(tables.table(rows), "table")
        yield from self._noted(element)

    def _style(self, element: Any) -> tuple[list[str], int]:
        """The names of a paragraph's style and of those it is based on, and its level as a heading.

        Word keeps the names of its own styles in English, whatever language it shows them in.
        """
        own = element.find(f"{_W}pPr/{_W}outlineLvl")
        levels = [own] if own is not None else []
        names: list[str] = []
        for style in self._chain(element):
            name = style.find(_W + "name")
            names.append(("" if name is None else name.get(_W + "val", "")).casefold())
            if (found := style.find(f"{_W}pPr/{_W}outlineLvl")) is not None:
                levels.append(found)
        if levels:
            level = int(levels[0].get(_W + "val", "9"))
            return names, min(level + 1, 6) if level < 9 else 0
        numbered = next(filter(None, map(_HEADING.fullmatch, names)), None)
        return names, min(max(int(numbered[1]), 1), 6) if numbered else 0

    def _chain(self, element: Any) -> Iterator[Any]:
        """A paragraph's style, then those it is based on."""
        chosen = element.find(f"{_W}pPr/{_W}pStyle")
        name = chosen.get(_W + "val") if chosen is not None else self._default
        seen: set[str | None] = set()
        while name in self._styles and name not in seen:
            seen.add(name)
            yield self._styles[name]
            base = self._styles[name].find(_W + "basedOn")
            name = base.get(_W + "val") if base is not None else None

    def _item(self, element: Any) -> str:
        """A paragraph as an item of a list; empty if it is none."""
        names, level = self._style(element)
        text = " ".join(_text(element).split())
        if level or not text:
            return ""
        places = [element, *self._chain(element)]
        found = [p for p in (place.find(f"{_W}pPr/{_W}numPr") for place in places) if p is not None]
        number, depth = "", 0
        for numbering in reversed(found):
            given, deep = numbering.find(_W + "numId"), numbering.find(_W + "ilvl")
            number = given.get(_W + "val", "") if given is not None else number
            depth = int(deep.get(_W + "val", "0")) if deep is not None else depth
        if number in ("", "0"):
            return f"- {text}" if not found and any(n.startswith("list bullet") for n in names) else ""
        indent, form = "  " * depth, self._bullets.get((number, depth), "bullet")
        if form in ("bullet", "none"):
            return f"{indent}- {text}"
        self._counters[number, depth] += 1
        for key in [k for k in self._counters if k[0] == number and k[1] > depth]:
            del self._counters[key]
        count = self._counters[number, depth]
        mark = _LETTERS[(count - 1) % 26] if form.endswith("Letter") else str(count)
        return f"{indent}{mark}. {text}"


def _captioned(blocks: Iterator[Block]) -> Iterator[Block]:
    """Tables with the captions that stand directly above or below them."""
    held: Block | None = None
    for block in blocks:
        if held is not None:
            caption, table = (held, block) if block.kind == "table" else (block, held)
            if _names_table(caption) and table.kind == "table":
                yield replace(table, text=f"{caption.text}\n{table.text}", locator=caption.locator)
                held = None
                continue
            yield held
            held = None
        if _names_table(block) or block.kind == "table":
            held = block
        else:
            yield block
    if held is not None:
        yield held


def _names_table(block: Block) -> bool:
    label = block.locator.label
    return block.kind == "paragraph" and bool(label) and not _FIGURE.match(label)


def _inside(element: Any, *names: str) -> Iterator[Any]:
    """The children of some names, through what may stand around them; never recursive."""
    tags = {_W + name for name in names}
    stack = [element]
    while stack:
        parent = stack.pop()
        if parent.tag in tags and parent is not element:
            yield parent
        elif parent is element or parent.tag in _AROUND:
            stack.extend(reversed(parent))


def _text(element: Any) -> str:
    """The text of a paragraph, with tracked insertions and without tracked deletions."""
    parts: list[str] = []
    stack = [element]
    while stack:
        node = stack.pop()
        if node.tag in (_W + "t", _MATH):
            parts.append(node.text or "")
        elif node.tag in _BREAKS:
            parts.append(_BREAKS[node.tag])
        elif node.tag not in _UNREAD:
            stack.extend(reversed(node))
    return "".join(parts)


def _rows(table: Any) -> Iterator[list[str]]:
    """The cells of each row on the table's grid; a merged cell has its text once, at its first place."""
    for row in _inside(table, "tr"):
        before = row.find(f"{_W}trPr/{_W}gridBefore")
        cells = [""] * (int(before.get(_W + "val", "0")) if before is not None else 0)
        for cell in _inside(row, "tc"):
            span = cell.find(f"{_W}tcPr/{_W}gridSpan")
            merged = cell.find(f"{_W}tcPr/{_W}vMerge")
            continues = merged is not None and merged.get(_W + "val", "continue") == "continue"
            cells.append("" if continues else _cell(cell))
            cells.extend([""] * (int(span.get(_W + "val", "1")) - 1 if span is not None else 0))
        yield cells


def _cell(cell: Any) -> str:
    parts: list[str] = []
    for element in _inside(cell, "p", "tbl"):
        if element.tag == _W + "p":
            parts.append(_text(element))
        else:
            parts.extend("; ".join(", ".join(filter(None, row)) for row in _rows(element)).split("\n"))
    return " ".join(part.strip() for part in parts if part.strip())


def _is_default(style: Any) -> bool:
    return style.get(_W + "type") == "paragraph" and style.get(_W + "default") in ("1", "true")


def _numberings(document: Any) -> dict[tuple[str, int], str]:
    """How the levels of each list are numbered: “bullet”, “decimal”, “lowerLetter”, …"""
    from docx.opc.constants import RELATIONSHIP_TYPE

    try:
        root = document.part.part_related_by(RELATIONSHIP_TYPE.NUMBERING).element
    except KeyError:
        return {}
    abstract = {a.get(_W + "abstractNumId"): a for a in root.iter(_W + "abstractNum")}
    found: dict[tuple[str, int], str] = {}
    for number in root.iter(_W + "num"):
        reference = number.find(_W + "abstractNumId")
        definition = abstract.get(reference.get(_W + "val")) if reference is not None else None
        for level in definition.iter(_W + "lvl") if definition is not None else ():
            form = level.find(_W + "numFmt")
            key = (number.get(_W + "numId", ""), int(level.get(_W + "ilvl", "0")))
            found[key] = form.get(_W + "val", "bullet") if form is not None else "decimal"
    return found


def _notes(document: Any, kind: str) -> dict[str, tuple[int, str]]:
    """The footnotes or endnotes by their id: the number that is printed, and the text."""
    try:
        content = document.part.part_related_by(f"{_NOTES}{kind}s").blob
    except KeyError:
        return {}
    root = etree.fromstring(content, etree.XMLParser(resolve_entities=False))
    notes: Sequence[Any] = [n for n in root.iter(_W + kind) if not n.get(_W + "type")]
    return {
        note.get(_W + "id", ""): (number, " ".join(" ".join(map(_text, _inside(note, "p"))).split()))
        for number, note in enumerate(notes, start=1)
    }
