"""Questions proposed from the documents of an index, for a test set of one's own."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice, zip_longest
from typing import Any

from msgspec.structs import replace

from ragnb.display.progress import ProgressBar
from ragnb.documents import Chunk, Hit
from ragnb.errors import EmptyIndexError, InvalidInputError
from ragnb.evaluation import clozes
from ragnb.evaluation.asking import Asker
from ragnb.evaluation.gold import find, source
from ragnb.evaluation.questions import Gold, Question, QuestionList
from ragnb.ingest.library import DocumentList
from ragnb.llms.base import Request
from ragnb.llms.extractive import ExtractiveLLM
from ragnb.vectorstores.base import VectorStore

_AT_ONCE = 4  # requests
_LEAST = 80  # characters of a passage that a question can be asked about
_ALIKE = 0.6  # share of words that two questions have in common when they ask the same
_ASK = (
    "Write one question that somebody would ask who does not know this passage, and that the passage "
    "answers. Name what it is about, as the reader of the question sees no passage; do not use the "
    "passage's own words where others are as good. Reply with one JSON object and nothing else: "
    '{"question": "…", "answer": "the short answer", "quote": "the words of the passage, copied exactly, '
    'that give the answer"}'
)
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


async def propose(
    store: VectorStore, documents: DocumentList, asker: Asker, n: int, seed: int
) -> QuestionList:
    """``n`` questions, or as many as can be found; see `RAGPipeline.propose_questions`."""
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise InvalidInputError(f"n={n!r} is no number of questions.", "Use 1 or more.")
    if not documents:
        raise EmptyIndexError(
            "There are no documents to ask about.", 'Add some first: rag.ingest("a/folder").'
        )
    draw = random.Random(seed)
    passages = await asyncio.to_thread(_passages, store, documents, draw)
    if isinstance(asker.llm, ExtractiveLLM):
        return await asyncio.to_thread(_distinct, clozes.propose(passages, draw), n)
    bar = ProgressBar("Asking for questions", "question")
    bar.begin(n)
    try:
        return await _written(passages, asker, n, bar.advance)
    finally:
        bar.end()


def _passages(store: VectorStore, documents: DocumentList, draw: random.Random) -> list[Chunk]:
    """All passages that are worth a question: one of each document, then a second of each, and so on."""
    by_document: list[list[Chunk]] = []
    for name in sorted({one.name for one in documents}):
        by_source: dict[str, list[Chunk]] = {}
        for chunk in store.chunks(name):
            if len(chunk.text) >= _LEAST:
                by_source.setdefault(source(chunk), []).append(chunk)
        by_document += by_source.values()
    for chunks in by_document:
        draw.shuffle(chunks)
    draw.shuffle(by_document)
    return [chunk for turn in zip_longest(*by_document) for chunk in turn if chunk is not None]


async def _written(
    passages: Sequence[Chunk], asker: Asker, n: int, advance: Callable[[int], None]
) -> QuestionList:
    """What the model proposes for one passage after the other, until there are enough."""
    found: list[Question] = []
    rest = iter(passages)
    while len(found) < n:
        batch = list(islice(rest, min(_AT_ONCE, n - len(found))))
        if not batch:
            break
        asked = await asyncio.gather(*(_question(chunk, asker) for chunk in batch))
        for one in asked:
            if one is not None and not any(_is_alike(one, other) for other in found):
                found.append(one)
                advance(1)
    return _numbered(found)


async def _question(chunk: Chunk, asker: Asker) -> Question | None:
    """The question that the model writes about a passage; None where its quote does not stand there."""
    said = await asker.ask(Request(_ASK, (Hit(chunk, 1.0),)))
    reply: Any = None
    with suppress(ValueError):
        match = _OBJECT.search(said.text)
        reply = json.loads(match[0]) if match else None
    if not isinstance(reply, dict):
        return None
    asked, answer, quote = (_text(reply, name) for name in ("question", "answer", "quote"))
    places = find(quote, [chunk])
    if not asked or not answer or not places:
        return None
    quoted = chunk.text[places[0].start : places[0].end]
    return Question(
        id="",
        question=asked,
        answer=answer,
        kind="proposed",
        gold=(Gold(source(chunk), quoted),),
        answerable=True,
    )


def _text(reply: dict[str, Any], name: str) -> str:
    value = reply.get(name)
    return value.strip() if isinstance(value, str) else ""


def _distinct(proposed: Iterator[Question], n: int) -> QuestionList:
    found: list[Question] = []
    for one in proposed:
        if len(found) == n:
            break
        if not any(_is_alike(one, other) for other in found):
            found.append(one)
    return _numbered(found)


def _is_alike(one: Question, other: Question) -> bool:
    """Whether two ask the same, or rest on the same words."""
    mine, theirs = (set(re.findall(r"\w+", each.question.casefold())) for each in (one, other))
    quotes = {" ".join(gold.quote.split()) for gold in one.gold} & {
        " ".join(g.quote.split()) for g in other.gold
    }
    return bool(quotes) or len(mine & theirs) > _ALIKE * len(mine | theirs)


def _numbered(found: Sequence[Question]) -> QuestionList:
    return QuestionList(replace(one, id=f"p{number:02}") for number, one in enumerate(found, 1))
