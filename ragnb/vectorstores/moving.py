"""From one vector store to another, without embedding again."""

from __future__ import annotations

from ragnb.vectorstores.base import IndexInfo, VectorStore


def move(source: VectorStore, target: VectorStore, info: IndexInfo) -> int:
    """Copy all documents, with their vectors, and return how many there were to copy.

    Both stores are opened for the embedding model ``info``. What ``target`` has already with the same
    digest is left alone, so that an interrupted move can be repeated; other documents of ``target`` stay.
    ``source`` is not changed. Raises what opening, reading and writing raise.
    """
    source.open(info)
    target.open(info)
    present = target.documents()
    moved = 0
    for document, stored in source.documents().items():
        if document in present and present[document].digest == stored.digest:
            continue
        writer = target.writer(document, stored.digest)
        try:
            for chunks, vectors in source.export(document):
                writer.add(chunks, vectors)
            writer.commit()
        finally:
            writer.abort()
        moved += 1
    return moved
