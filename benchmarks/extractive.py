"""The extractive answerer on data/questions.jsonl: per kind of question, the share whose answer cites the gold
quote (of two documents: both), and the share of unanswerable ones that are declined. Its constants were chosen
on the questions of the split “tune”."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from statistics import mean, median

from ragnb import RAGPipeline
from ragnb.answer import Answer
from ragnb.llms.extractive import DECLINED

DATA = Path(__file__).resolve().parents[1] / "data"
SPLITS = ("tune", "test")


def main() -> None:
    rag = RAGPipeline(llm="extractive", home=None)
    rag.ingest(DATA / "handbook")
    outcomes: defaultdict[str, dict[str, list[bool]]] = defaultdict(lambda: {split: [] for split in SPLITS})
    answers = []
    for line in (DATA / "questions.jsonl").read_text("utf-8").splitlines():
        asked = json.loads(line)
        rag.query(asked["question"])
        answer = rag.answers()[-1]
        answers.append(answer)
        split, is_declined = asked["split"], answer.text == DECLINED
        if asked["kind"] == "unanswerable":
            outcomes["unanswerable, declined"][split].append(is_declined)
            continue
        is_right = cites(answer, asked["quote"])
        outcomes[asked["kind"]][split].append(is_right)
        outcomes["all answerable"][split].append(is_right)
        outcomes["answerable, but declined"][split].append(is_declined)

    print(f"{'':26}" + "".join(f"{split:>20}" for split in SPLITS))
    for kind, by_split in sorted(outcomes.items(), key=lambda item: "answerable" in item[0]):
        print(f"{kind:26}" + "".join(f"{share(by_split[split]):>20}" for split in SPLITS))
    firsts = [answer.timing.ttft for answer in answers]
    print(f"first token, median       {median(firsts) * 1000:.0f} ms")
    quoted = [len(answer.citations) for answer in answers if answer.text != DECLINED]
    print(f"quotes in an answer, mean {mean(quoted):.1f}")


def cites(answer: Answer, quotes: str | list[str]) -> bool:
    """Whether all gold quotes are within what the answer quotes."""
    cited = " ".join(" ".join(q.text for c in answer.citations for q in c.quotes).split())
    return all(
        " ".join(quote.split()) in cited for quote in ([quotes] if isinstance(quotes, str) else quotes)
    )


def share(outcomes: list[bool]) -> str:
    return f"{sum(outcomes):3} of {len(outcomes):3}  {100 * mean(outcomes):4.0f} %"


if __name__ == "__main__":
    main()
