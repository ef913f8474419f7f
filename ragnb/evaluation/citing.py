"""How well an answer's citations agree with the gold quotes."""

from __future__ import annotations

from ragnb.answer import Answer
from ragnb.evaluation.gold import Located, Span


def precision_and_recall(answer: Answer, located: Located) -> tuple[float | None, float]:
    """The share of the quotes cited that are gold, None if none is cited; and the share of the gold quotes
    that are cited.

    A cited quote is gold if it shares half of its words, or half of the gold quote's, with one. Of two
    sentences that say the same, one is gold and the other is not: precision is at least this.
    """
    cited = list(
        dict.fromkeys(
            Span(quote.chunk_id, quote.start, quote.end)
            for citation in answer.citations
            for quote in citation.quotes
        )
    )
    gold = [span for places in located.quotes for span in places]
    right = sum(any(one.supports(span) for span in gold) for one in cited)
    found = sum(any(span.supports(one) for span in places for one in cited) for places in located.quotes)
    precision = right / len(cited) if cited else None
    return precision, found / len(located.quotes)
