"""What the contextual prefix (title and heading path before each chunk, for embedding and BM25) is worth on
data/questions.jsonl: how high the first passage stands that holds the gold quote, with it and without."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from ragnb import RAGPipeline
from ragnb.embeddings.sentence_transformers import SentenceTransformerEmbeddings

DATA = Path(__file__).resolve().parents[1] / "data"


def main() -> None:
    lines = (DATA / "questions.jsonl").read_text().splitlines()
    questions = [asked for asked in map(json.loads, lines) if asked["quote"]]
    model = SentenceTransformerEmbeddings()
    ranks = {contextual: ranked(questions, model, contextual) for contextual in (True, False)}
    print(f"{'':20}{'':>4}   {'with the prefix':^26}   {'without':^26}")
    print(f"{'kind':20}{'n':>4}" + f"   {'first':>8} {'top 5':>8} {'MRR@10':>8}" * 2)
    kinds = defaultdict(list)
    for number, asked in enumerate(questions):
        kinds[asked["kind"]].append(number)
        kinds["all"].append(number)
    for kind, numbers in sorted(kinds.items(), key=lambda item: item[0] == "all"):
        row = f"{kind:20}{len(numbers):4}"
        for contextual in (True, False):
            found = [ranks[contextual][number] for number in numbers]
            first = sum(rank == 1 for rank in found) / len(found)
            top = sum(rank <= 5 for rank in found) / len(found)
            mrr = sum(1 / rank if rank <= 10 else 0 for rank in found) / len(found)
            row += f"   {first:8.2f} {top:8.2f} {mrr:8.3f}"
        print(row)


def ranked(questions: list[dict], model: SentenceTransformerEmbeddings, contextual: bool) -> list[int]:
    """For each question the rank of the first hit that holds the quote (of two quotes: of the worse one)."""
    rag = RAGPipeline(llm="extractive", embeddings=model, home=None, contextual=contextual)
    rag.ingest(DATA / "handbook")
    ranks = []
    for asked in questions:
        hits = rag.vectorstore.search(asked["question"], model.embed_query(asked["question"]), 20)
        texts = [" ".join(hit.chunk.text.split()) for hit in hits]
        quotes = [asked["quote"]] if isinstance(asked["quote"], str) else asked["quote"]
        ranks.append(max(rank_of(" ".join(quote.split()), texts) for quote in quotes))
    return ranks


def rank_of(quote: str, texts: list[str]) -> int:
    return next((rank for rank, text in enumerate(texts, start=1) if quote in text), 1000)


if __name__ == "__main__":
    main()
