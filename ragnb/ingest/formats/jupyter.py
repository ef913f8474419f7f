"""Jupyter notebooks: text, code and what the code printed, cell by cell."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ragnb.documents import Block, Document, Locator
from ragnb.errors import IngestError
from ragnb.ingest.formats import html, markdown
from ragnb.ingest.formats.text import decode, title_from
from ragnb.ingest.loaders import loader

_LONGEST = 4_000  # characters of one output
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_OVERWRITTEN = re.compile(r"[^\n]*\r(?=[^\n])")  # what a progress bar drew before its last state
_REPR = re.compile(r"\[?<[\w.]+[^\n]*(?: at 0x[0-9a-fA-F]+|Axes)>\]?")
_WIDGET = "application/vnd.jupyter.widget-view+json"


@loader(".ipynb")
def load_jupyter(path: Path) -> Iterator[Document]:
    """One document a notebook; its title is its first heading. ``locator.cells`` counts all cells from 1.

    Of an output, tables and text are kept, about 4,000 characters of each; images are left out. Older
    formats are read, too.
    """
    notebook = _read(decode(path.read_bytes()))
    language = _language(notebook.metadata)
    blocks = [
        replace(block, locator=Locator(cells=(number, number)))
        for number, cell in enumerate(notebook.cells, start=1)
        for block in _blocks(cell, language)
        if block.text.strip()
    ]
    given = notebook.metadata.get("title", "")
    title = given if isinstance(given, str) else ""
    title = title or next((b.text for b in blocks if b.kind == "heading"), "") or title_from(path)
    yield Document(
        title=title, source=path.as_posix(), metadata=_metadata(notebook.metadata), blocks=blocks
    )


def _read(text: str) -> Any:
    import nbformat

    convert: Any = nbformat.convert  # it and reads have no types
    reads: Any = nbformat.reader.reads
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about cells without an id
            notebook = convert(reads(text), 4)
            _ = notebook.metadata, [cell.cell_type for cell in notebook.cells]
    except Exception as error:  # nbformat raises KeyError, AttributeError, … for JSON that is no notebook
        raise IngestError(
            "It is no Jupyter notebook, or a damaged one.", "Open it in Jupyter and save it again."
        ) from error
    return notebook


def _language(metadata: Any) -> str:
    """The kernel's language, as it stands behind a code fence."""
    for part in ("language_info", "kernelspec"):
        found = metadata.get(part) or {}
        language = found.get("name" if part == "language_info" else "language")
        if isinstance(language, str) and language:
            return language.lower()
    return "python"


def _metadata(metadata: Any) -> dict[str, str]:
    """What a notebook says of itself: its authors, date and language."""
    authors = metadata.get("authors") or []
    names = [author.get("name", "") for author in authors if isinstance(author, dict)]
    said = {"author": ", ".join(name for name in names if name)}
    said |= {name: metadata.get(name) for name in ("date", "lang")}
    return {name: value for name, value in said.items() if isinstance(value, str) and value}


def _blocks(cell: Any, language: str) -> Iterator[Block]:
    source = _joined(cell.get("source", ""))
    if cell.cell_type == "markdown":
        yield from markdown.blocks(source, 0)
    elif cell.cell_type == "code":
        if source.strip():
            yield _fenced(source.strip("\n"), language)
        for output in cell.get("outputs", []):
            yield from _limited(_output(output))
    else:
        yield Block(source.strip())


def _output(output: Any) -> Iterator[Block]:
    kind = output.get("output_type")
    if kind == "stream":
        yield _printed(_joined(output.get("text", "")))
    elif kind == "error":
        yield Block(_ANSI.sub("", f"{output.get('ename', 'Error')}: {output.get('evalue', '')}").strip())
    elif kind in ("display_data", "execute_result"):
        yield from _data(output.get("data") or {})


def _data(data: Any) -> Iterator[Block]:
    """The richest form of an output that can be read: a table, Markdown, plain text, else a page."""
    if _WIDGET in data:
        return
    plain = _joined(data.get("text/plain", ""))
    page = html.read(_joined(data["text/html"]).encode())[1] if "text/html" in data else []
    tables = [block for block in page if block.kind == "table"]
    if tables:
        yield from tables
    elif "text/markdown" in data:
        for block in markdown.blocks(_joined(data["text/markdown"]), 0):
            # what a cell prints is no section of the notebook
            yield replace(block, kind="paragraph", level=0) if block.kind == "heading" else block
    elif plain.strip():
        if not _REPR.fullmatch(plain.strip()):
            yield _printed(plain)
    else:
        yield from (block for block in page if block.kind != "heading")


def _limited(blocks: Iterator[Block]) -> Iterator[Block]:
    room = _LONGEST
    for block in blocks:
        text = block.text
        if len(text) > room:
            closing = "\n```" if text.startswith("```") else ""
            cut = text.rfind("\n", 0, room)
            text = f"{text[: cut if cut > 0 else room]}\n…{closing}"
        yield replace(block, text=text)
        room -= len(text)
        if room <= 0:
            return


def _printed(text: str) -> Block:
    text = _OVERWRITTEN.sub("", _ANSI.sub("", text).replace("\r\n", "\n"))
    return _fenced(text.strip("\n").rstrip(), "text") if text.strip() else Block("")


def _fenced(text: str, language: str) -> Block:
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return Block(f"{fence}{language}\n{text}\n{fence}", "code")


def _joined(text: Any) -> str:
    """Notebooks keep a text whole or as a list of its lines."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text)
