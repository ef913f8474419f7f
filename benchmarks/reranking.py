"""Every stage of retrieval and their combinations on data/questions.jsonl: how high the gold passages stand,
per kind of question, and what a stage costs; then late interaction alone: milliseconds, also on a busy
machine, and the disk that its token vectors take.

    python benchmarks/reranking.py [--cross-encoder FOLDER_OR_NAME]

Without one, the cross-encoder of the tables is the tiny one that the tests train in seconds on sentences of the
sample corpus: it shows that the stage works, on pairs of files that it has not seen, and no more.

What parameters there are (the share of late interaction, the number of candidates, four bits, which tokens are
left out) was chosen on the questions of the split “tune”; the tables show the split “test” by itself.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from math import log2
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ragnb import RAGPipeline
from ragnb.documents import Chunk, Hit
from ragnb.embeddings.cache import CachedEmbeddings
from ragnb.embeddings.sentence_transformers import SentenceTransformerEmbeddings
from ragnb.events import Retrieved, to_json
from ragnb.rerankers.base import Reranker, as_ranking
from ragnb.rerankers.chain import Chain
from ragnb.rerankers.cross_encoder import CrossEncoderReranker
from ragnb.rerankers.late_interaction import LateInteractionReranker
from ragnb.rerankers.neighbours import JoinedNeighbours
from ragnb.rerankers.similarity import Diversity, NewerFirst, WithoutRepeats
from tests.rerankers import tiny_cross_encoder

DATA = Path(__file__).resolve().parents[1] / "data"
CANDIDATES = 20

Stage = tuple[str, Reranker | None]


def stages(embeddings, model: str, title: str) -> list[Stage]:
    """What the tables compare, each after retrieval (dense and BM25, fused by DBSF)."""
    late = LateInteractionReranker(embeddings, budget=60)
    newer = NewerFirst(embeddings)
    cross = CrossEncoderReranker(model, budget=600)
    cross.warm_up()
    return [
        ("retrieval alone", None),
        ("late interaction, share 0.3", LateInteractionReranker(embeddings, share=0.3, budget=60)),
        ("late interaction", late),
        ("late interaction alone, share 1", LateInteractionReranker(embeddings, share=1, budget=60)),
        ("newer first", newer),
        ("late + newer first (the default)", Chain([late, newer])),
        ("late + newer + without repeats", Chain([late, newer, WithoutRepeats(embeddings)])),
        ("late + diversity", Chain([late, Diversity(embeddings)])),
        ("late + joined neighbours", Chain([late, JoinedNeighbours()])),
        (title, cross),
        (f"{title}, share 1", CrossEncoderReranker(model, share=1, budget=600)),
        (f"late + {title}", Chain([late, cross])),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--cross-encoder", metavar="FOLDER_OR_NAME")
    model, title = parser.parse_args().cross_encoder, "cross-encoder"
    lines = (DATA / "questions.jsonl").read_text().splitlines()
    questions = [asked for asked in map(json.loads, lines) if asked["quote"]]
    with tempfile.TemporaryDirectory() as home:
        rag = RAGPipeline("extractive", SentenceTransformerEmbeddings(), home=home)
        rag.ingest(DATA / "handbook")
        found = [
            rag.vectorstore.search(
                asked["question"], rag.embeddings.embed_query(asked["question"]), CANDIDATES
            )
            for asked in questions
        ]
        if model is None:
            model, title = f"{home}/cross-encoder", "tiny cross-encoder"
            trained(model)
        compare(questions, found, stages(rag.embeddings, model, title))
        depths(rag, questions)
        cost(rag, [asked["question"] for asked in questions], found)
        rag.close()


def trained(folder: str) -> None:
    """Train the tiny cross-encoder, and tell what it is worth on pairs of files that it has not seen."""
    pairs = tiny_cross_encoder.pairs()
    learnt, held_out = pairs[:150], pairs[-40:]
    begin = time.perf_counter()
    tiny_cross_encoder.train(learnt, Path(folder))
    print(f"tiny cross-encoder: trained on {len(learnt)} pairs in {time.perf_counter() - begin:.0f} s;")
    reranker = CrossEncoderReranker(folder, share=1, budget=600)
    before, after = [], []
    for number, (sentence, passage) in enumerate(held_out):
        chooser = random.Random(number)
        given = [passage, *chooser.sample([other for _, other in pairs if sentence not in other], 7)]
        chooser.shuffle(given)
        hits = [Hit(Chunk(id=str(n), document="", text=text), 0.0) for n, text in enumerate(given)]
        ranked = reranker.rerank(sentence, hits).hits
        before.append(1 / (1 + given.index(passage)))
        after.append(1 / (1 + [hit.chunk.text for hit in ranked].index(passage)))
    print(
        f"  {len(held_out)} held-out sentences, their passage among 8: MRR {statistics.mean(before):.3f} in "
        f"random order, {statistics.mean(after):.3f} reranked"
    )


def compare(questions: Sequence[dict], found: Sequence[Sequence[Hit]], compared: Sequence[Stage]) -> None:
    """nDCG@10, and the share of questions whose quotes are all among the best five, by kind."""
    kinds = defaultdict(list)
    for number, asked in enumerate(questions):
        for kind in (asked["kind"], f"split {asked['split']}", "all"):
            kinds[kind].append(number)
    results = {name: run(questions, found, stage) for name, stage in compared}
    for title, column in (("nDCG@10", 0), ("all quotes in the best 5", 1)):
        print(
            f"\n{title:32}" + "".join(f"{kind.removeprefix('split '):>14}" for kind in kinds) + "  ms/query"
        )
        print(f"{'questions':32}" + "".join(f"{len(numbers):14}" for numbers in kinds.values()))
        for name, (rows, milliseconds) in results.items():
            means = (statistics.mean(rows[n][column] for n in numbers) for numbers in kinds.values())
            print(f"{name:32}" + "".join(f"{mean:14.3f}" for mean in means) + f"{milliseconds:10.1f}")


def depths(rag: RAGPipeline, questions: Sequence[dict]) -> None:
    """The default reranker with more and fewer candidates: quality, time, and what the log of an answer
    holds."""
    late = LateInteractionReranker(rag.embeddings, budget=60)
    default = Chain([late, NewerFirst(rag.embeddings)])
    print(f"\n{'':12}{'nDCG@10':>16}{'all quotes in 5':>20}{'ms':>21}{'KB in a log':>15}")
    print(f"{'candidates':12}{'tune':>8}{'test':>8}{'tune':>12}{'test':>8}{'search':>13}{'rerank':>8}")
    for depth in (10, 20, 30, 50, 100):
        found, seconds = [], []
        for asked in questions:
            vector = rag.embeddings.embed_query(asked["question"])
            begin = time.perf_counter()
            found.append(rag.vectorstore.search(asked["question"], vector, depth))
            seconds.append(time.perf_counter() - begin)
        rows, rerank = run(questions, found, default)
        cells = []
        for column in (0, 1):
            for split in ("tune", "test"):
                of_split = [n for n, asked in enumerate(questions) if asked["split"] == split]
                cells.append(statistics.mean(rows[n][column] for n in of_split))
        size = statistics.mean(2 * len(to_json(Retrieved(hits=tuple(hits)))) for hits in found) / 1024
        print(
            f"{depth:<12}{cells[0]:8.3f}{cells[1]:8.3f}{cells[2]:12.3f}{cells[3]:8.3f}"
            f"{1000 * statistics.median(seconds):13.1f}{rerank:8.1f}{size:15.0f}"
        )


def run(
    questions: Sequence[dict], found: Sequence[Sequence[Hit]], stage: Reranker | None
) -> tuple[list[tuple[float, float]], float]:
    """nDCG@10 and success in the best 5 of each question, and the median milliseconds of the stage."""
    rows, seconds = [], [0.0]
    for asked, hits in zip(questions, found, strict=True):
        if stage is not None:
            begin = time.perf_counter()
            hits = as_ranking(stage.rerank(asked["question"], hits)).hits
            seconds.append(time.perf_counter() - begin)
        quotes = [asked["quote"]] if isinstance(asked["quote"], str) else asked["quote"]
        ranks = [rank_of(" ".join(quote.split()), hits) for quote in quotes]
        gain = sum(1 / log2(rank + 1) for rank in ranks if rank <= 10)
        best = sum(1 / log2(place + 2) for place in range(len(quotes)))
        rows.append((min(1.0, gain / best), float(max(ranks) <= 5)))
    return rows, 1000 * statistics.median(seconds)


def rank_of(quote: str, hits: Sequence[Hit]) -> int:
    """The rank of the first passage that holds a quote, from 1; 1000 if none does."""
    texts = (" ".join(hit.chunk.text.split()) for hit in hits)
    return next((rank for rank, text in enumerate(texts, start=1) if quote in text), 1000)


def cost(rag: RAGPipeline, questions: Sequence[str], found: Sequence[Sequence[Hit]]) -> None:
    """Time and disk of late interaction."""
    late = LateInteractionReranker(rag.embeddings)
    print(f"\nlate interaction, {CANDIDATES} passages:")
    print(f"  idle: {times(lambda n: late.rerank(questions[n], found[n]), len(questions))}")
    stop = multiprocessing.Event()
    busy = [
        multiprocessing.Process(target=burn, args=(stop,)) for _ in range(2 * multiprocessing.cpu_count())
    ]
    for process in busy:
        process.start()
    told = times(lambda n: late.rerank(questions[n], found[n]), len(questions))
    print(f"  beside {len(busy)} busy processes: {told}")

    model = SentenceTransformerEmbeddings()
    model.embed_query_tokens("warm up")
    notes: list[str] = []

    def first(number: int) -> None:  # nothing is kept: all is to be made within the budget
        bare = LateInteractionReranker(CachedEmbeddings(model, None))
        notes.append(bare.rerank(questions[number], found[number]).note)

    bare = times(first, 40)
    stop.set()
    for process in busy:
        process.join()
    print(f"  the same, no vectors kept, budget 0.3 s: {bare}")
    print(f"    such as: {sorted(notes)[len(notes) // 2] or 'all were scored'}")
    texts = {hit.chunk.searched_text for hits in found for hit in hits}
    sizes = sorted(
        len(packed)
        for packed in rag.embeddings._read_rows(
            "tokens", [rag.embeddings._key("document", text) for text in texts]
        ).values()
    )
    print(
        f"  disk: {statistics.mean(sizes) / 1024:.1f} KB a chunk on average, "
        f"p95 {sizes[int(0.95 * len(sizes))] / 1024:.1f}, at most {sizes[-1] / 1024:.1f}"
    )


def times(work: Callable[[int], object], count: int) -> str:
    """The percentiles of ``work(n)`` for n below ``count``, in milliseconds."""
    seconds = []
    for number in range(count):
        begin = time.perf_counter()
        work(number)
        seconds.append(1000 * (time.perf_counter() - begin))
    seconds.sort()
    return f"p50 {statistics.median(seconds):.0f} ms, p95 {seconds[int(0.95 * count)]:.0f} ms, most {seconds[-1]:.0f}"


def burn(stop) -> None:
    while not stop.is_set():
        sum(range(10_000))


if __name__ == "__main__":
    sys.exit(main())
