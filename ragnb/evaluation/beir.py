"""Folders as BEIR lays them out: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/*.tsv``.

Thakur et al., “BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval Models”,
2021. What is relevant is said by document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ragnb.documents import Document
from ragnb.errors import InvalidInputError
from ragnb.evaluation.questions import Gold, Question, QuestionList


def documents(folder: str | Path) -> Iterator[Document]:
    """The documents of the corpus, to be given to ``rag.add``; their ``source`` is their id.

    Raises `InvalidInputError` for a file that is not there, or a broken line.
    """
    for row in _rows(Path(folder) / "corpus.jsonl", ("_id", "text")):
        yield Document(row["text"], title=row.get("title", ""), source=row["_id"])


def questions(folder: str | Path, split: str = "") -> QuestionList:
    """The queries that ``qrels/<split>.tsv`` judges, with their relevant documents; without a split,
    ``test``, or the only one there is.

    Raises `InvalidInputError` for a file that is not there, or a broken line.
    """
    folder = Path(folder)
    texts = {row["_id"]: row["text"] for row in _rows(folder / "queries.jsonl", ("_id", "text"))}
    judged = _qrels(folder, split)
    relevant: dict[str, list[Gold]] = {}
    for number, line in enumerate(judged.read_text("utf-8-sig").splitlines(), 1):
        cells = line.split("\t")
        if number == 1 and cells[-1:] == ["score"]:
            continue
        if len(cells) != 3 or cells[0] not in texts or not cells[2].strip().lstrip("-").isdigit():
            raise _broken(judged, number, "is no query of queries.jsonl, document and whole number")
        golds = relevant.setdefault(cells[0], [])
        if int(cells[2]) > 0:
            golds.append(Gold(cells[1], grade=int(cells[2])))
    found = QuestionList(
        Question(id=query, question=texts[query], gold=tuple(golds), answerable=True, split=judged.stem)
        for query, golds in relevant.items()
        if golds
    )
    if not found:
        raise InvalidInputError(f"{judged} says of no document that it is relevant.", "Use another split.")
    return found


def _qrels(folder: Path, split: str) -> Path:
    there = {path.stem: path for path in sorted((folder / "qrels").glob("*.tsv"))}
    wanted = split or ("test" if "test" in there or len(there) != 1 else next(iter(there)))
    if wanted not in there:
        names = ", ".join(there) or "none"
        raise InvalidInputError(f"{folder} has no qrels/{wanted}.tsv.", f"The splits there are: {names}.")
    return there[wanted]


def _rows(path: Path, fields: tuple[str, ...]) -> Iterator[dict[str, str]]:
    try:
        file = path.open(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be read: {error.strerror}.",
            "A BEIR folder holds corpus.jsonl, queries.jsonl and qrels/*.tsv.",
        ) from error
    with file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                raise _broken(path, number, "is no JSON") from None
            if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in fields):
                raise _broken(path, number, f"has not the texts {' and '.join(fields)}")
            yield row


def _broken(path: Path, number: int, what: str) -> InvalidInputError:
    return InvalidInputError(f"Line {number} of {path} {what}.", "Mend the line, or take it out.")
