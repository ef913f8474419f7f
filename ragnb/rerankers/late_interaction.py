"""Late interaction: each word of the question looks for the word of the passage that is nearest to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial
from weakref import finalize

import numpy as np

from ragnb.documents import Hit
from ragnb.embeddings.base import Embeddings, TokenEmbeddings, Vectors
from ragnb.embeddings.cache import CachedEmbeddings
from ragnb.errors import ConfigurationError
from ragnb.rerankers.base import Ranking
from ragnb.rerankers.fusion import checked, fused, left_out
from ragnb.rerankers.steps import Steps, Wait

# OpenBLAS shares larger products (multiplications) between threads, which wait for each other on a busy
# machine, ten times as long as one thread takes.
_ONE_THREAD = 250_000

_MAKING = 0.8  # of the time, for token vectors that are missing; the rest is for the scores


class LateInteractionReranker:
    """MaxSim over the token vectors of the embedding model that is loaded anyway (Khattab and Zaharia,
    ColBERT, 2020), joined with the retriever's scores.

    Token vectors are made when a document is ingested and are kept with its embedding, four bits a number.
    Those of passages that were ingested without them are made when they are first needed, as many as the
    budget allows; the others of them while the answer goes on, for the next question.

    Parameters
    ----------
    embeddings
        A model that has token vectors, as those of sentence-transformers do.
    share
        What MaxSim counts beside the retriever's score, from 0 to 1.
    budget
        Seconds for all passages. What is not scored in time keeps its place.
    wait
        How the answer waits for token vectors: for an event, up to so many seconds.

    Raises `ConfigurationError` for a model that has no token vectors.
    """

    name = "late-interaction"

    def __init__(
        self,
        embeddings: Embeddings,
        *,
        share: float = 0.7,
        budget: float = 0.3,
        wait: Wait = threading.Event.wait,
    ) -> None:
        checked(share, budget)
        cached = (
            embeddings if isinstance(embeddings, CachedEmbeddings) else CachedEmbeddings(embeddings, None)
        )
        if not isinstance(cached.inner, TokenEmbeddings):
            raise ConfigurationError(
                f"The embedding model {embeddings.name} tells no vectors of single tokens.",
                'Use one of sentence-transformers, or reranker="none".',
            )
        cached.tokens = True  # what is ingested from now on has them
        self.embeddings = cached
        self.share = share
        self.budget = budget
        self._making = Steps(wait)
        finalize(self, self._making.stop)

    def __repr__(self) -> str:
        return f"LateInteractionReranker({self.embeddings.name!r})"

    def warm_up(self) -> None:
        """Nothing to load: the model is loaded for retrieval anyway."""

    def rerank(self, question: str, hits: Sequence[Hit]) -> Ranking:
        """The hits by both scores; see `Reranker.rerank`."""
        begin = time.monotonic()
        texts = [hit.chunk.searched_text for hit in hits]
        known = self.embeddings.token_vectors(texts)
        asked: list[Vectors] = []

        def ask() -> None:
            asked.append(self.embeddings.embed_query_tokens(question))

        if missing := [text for text in dict.fromkeys(texts) if text not in known]:
            # One at a time: a question that comes meanwhile shares the cores with no more than that.
            making = [partial(self.embeddings.make_token_vectors, [text]) for text in missing]
            self._making.do([ask, *making], begin + self.budget * _MAKING - time.monotonic())
            known |= self.embeddings.token_vectors(missing)
        else:
            ask()
        if not asked or not known:
            return Ranking(tuple(hits), left_out(0, hits, self.budget))
        numbers = [
            n for n, text in enumerate(texts) if text in known and len(known[text]) and len(asked[0])
        ]
        if not numbers:
            return Ranking(tuple(hits), "the embedding model has no token vectors")
        scores = max_sim(asked[0], [known[texts[n]] for n in numbers])
        return Ranking(
            fused(hits, dict(zip(numbers, scores.tolist(), strict=True)), self.share),
            left_out(len(numbers), hits, self.budget),
        )


def max_sim(asked: Vectors, passages: Sequence[Vectors]) -> Vectors:
    """For each passage the mean, over the tokens of the question, of the cosine with that token of the
    passage which is nearest, shape ``(len(passages),)``. All are unit vectors; no passage is empty."""
    tokens = np.concatenate(passages)
    cosines = np.empty((len(asked), len(tokens)), np.float32)
    step = max(8, _ONE_THREAD // asked.size)
    for start in range(0, len(tokens), step):
        cosines[:, start : start + step] = asked @ tokens[start : start + step].T
    starts = np.cumsum([0, *(len(passage) for passage in passages[:-1])])
    scores: Vectors = np.maximum.reduceat(cosines, starts, axis=1).mean(axis=0)
    return scores
