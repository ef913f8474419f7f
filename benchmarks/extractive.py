"""The extractive answerer on data/questions.jsonl: per kind of question, the share whose answer cites the gold
quote (of two documents: both), and the share of unanswerable ones that are declined."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from ragnb import RAGPipeline
from ragnb.llms.extractive import DECLINED

DATA = Path(__file__).resolve().parents[1] / "data"


def main() -> None:
    rag = RAGPipeline(llm="extractive", home=None)
    rag.ingest(DATA / "handbook")
    outcomes: defaultdict[str, list[bool]] = defaultdict(list)
    firsts = []
    for line in (DATA / "questions.jsonl").read_text().splitlines():
        asked = json.loads(line)
        rag.query(asked["question"])
        answer = rag.answers()[-1]
        firsts.append(answer.timing.ttft)
        if asked["kind"] == "unanswerable":
            outcomes["unanswerable, declined"].append(answer.text == DECLINED)
            continue
        gold = [asked["quote"]] if isinstance(asked["quote"], str) else asked["quote"]
        cited = " ".join(" ".join(q.text for c in answer.citations for q in c.quotes).split())
        outcomes[asked["kind"]].append(all(" ".join(quote.split()) in cited for quote in gold))
    for kind, right in outcomes.items():
        print(f"{kind:24} {sum(right):3} of {len(right):3}  {100 * sum(right) / len(right):4.0f} %")
    print(f"first token, p50         {sorted(firsts)[len(firsts) // 2] * 1000:.0f} ms")


if __name__ == "__main__":
    main()
