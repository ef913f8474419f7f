"""Measures of a ranking, computed by ir-measures: nDCG@10, recall@k, MRR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def scores(
    rankings: Mapping[str, Sequence[str]], grades: Mapping[str, Mapping[str, int]], depths: Sequence[int]
) -> dict[str, dict[str, float]]:
    """For each question nDCG@10, recall at each of the depths, and the reciprocal rank.

    ``rankings`` are what was found, best first, without repeats; ``grades`` what is relevant, and how much.
    nDCG has linear gains (Järvelin and Kekäläinen, 2002), as BEIR and trec_eval have it; ``MRR`` is 1 / the
    rank of the first relevant item.
    """
    import ir_measures
    from ir_measures import RR, R, nDCG

    measures = {nDCG @ 10: "nDCG@10", **{R @ depth: f"recall@{depth}" for depth in depths}, RR: "MRR"}
    # trec_eval breaks ties by name: a place of its own for each keeps the order.
    run = {
        query: {item: float(len(ranking) - place) for place, item in enumerate(ranking)}
        for query, ranking in rankings.items()
    }
    qrels = {query: dict(grades[query]) for query in rankings}
    found = {query: dict.fromkeys(measures.values(), 0.0) for query in rankings}
    for metric in ir_measures.iter_calc(list(measures), qrels, run):
        found[metric.query_id][measures[metric.measure]] = float(metric.value)
    return found
