"""SciFact (BEIR): nDCG@10 and recall@100 of what the pipeline retrieves, stage by stage.

Reads the BEIR folder given as the argument (corpus.jsonl, queries.jsonl, qrels/test.tsv), by default
../shared/eval/scifact; says so and ends well if it is not there. Embedding takes minutes the first time and
is kept in build/bench. Published figures to compare with: all-MiniLM-L6-v2 0.645 nDCG@10 (MTEB), BM25 0.665
(BEIR), bge-base-en-v1.5 0.740 (MTEB).
"""

from __future__ import annotations

import json
import sys
import time
from math import log2
from pathlib import Path

from ragnb import Document, RAGPipeline
from ragnb.vectorstores.base import IndexInfo
from ragnb.vectorstores.memory import InMemoryVectorStore, _fuse
from ragnb.vectorstores.moving import move

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "eval" / "scifact"
    if not (folder / "corpus.jsonl").exists():
        print(f"SciFact: skipped, {folder} is not there (pass the BEIR folder as the argument).")
        return
    corpus = [json.loads(line) for line in (folder / "corpus.jsonl").open()]
    queries = {q["_id"]: q["text"] for q in map(json.loads, (folder / "queries.jsonl").open())}
    relevant: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]:
        query, document, score = line.split("\t")
        relevant.setdefault(query, {})[document] = int(score)

    rag = RAGPipeline(llm="extractive", home=ROOT / "build" / "bench" / "scifact")
    begin = time.perf_counter()
    report = rag.add([Document(d["text"], title=d["title"], source=d["_id"]) for d in corpus])
    print(f"{len(corpus):,} documents indexed in {time.perf_counter() - begin:.0f} s: {report}")

    memory = InMemoryVectorStore()
    memory.open(IndexInfo(rag.embeddings.name, rag.embeddings.dimensions))
    move(rag.vectorstore, memory, IndexInfo(rag.embeddings.name, rag.embeddings.dimensions))

    def stage(dense: bool, sparse: bool):
        def search(text: str, limit: int) -> list[str]:
            vector = rag.embeddings.embed_query(text)
            parts = [memory._dense(vector, limit)] if dense else []
            parts += [memory._sparse(text, limit)] if sparse else []
            fused = _fuse(parts) if len(parts) > 1 else parts[0]
            return [memory._rows[row].source for row, _ in sorted(fused.items(), key=lambda i: -i[1])]

        return search

    def pipeline(text: str, limit: int) -> list[str]:
        hits = rag.vectorstore.search(text, rag.embeddings.embed_query(text), limit)
        return [hit.chunk.source for hit in hits]

    print(f"{'':34} nDCG@10  recall@100")
    for name, search in (
        ("dense alone (all-MiniLM-L6-v2)", stage(True, False)),
        ("BM25 alone", stage(False, True)),
        ("the pipeline: both, fused by DBSF", pipeline),
    ):
        gains, recalls = [], []
        for query, judged in relevant.items():
            ranked = list(dict.fromkeys(search(queries[query], 200)))[:100]
            gains.append(ndcg(ranked, judged))
            recalls.append(len(judged.keys() & set(ranked)) / len(judged))
        mean_gain, mean_recall = (sum(values) / len(values) for values in (gains, recalls))
        print(f"{name:34} {mean_gain:.4f}   {mean_recall:.4f}")
    rag.close()


def ndcg(ranked: list[str], judged: dict[str, int], depth: int = 10) -> float:
    """Normalised discounted cumulative gain (Järvelin and Kekäläinen, 2002), linear gains."""
    found = sum(judged.get(document, 0) / log2(rank + 2) for rank, document in enumerate(ranked[:depth]))
    best = sorted(judged.values(), reverse=True)[:depth]
    return found / sum(gain / log2(rank + 2) for rank, gain in enumerate(best))


if __name__ == "__main__":
    main()
