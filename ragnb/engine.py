"""The engine: rewrite, retrieve, rerank, route, generate, as one stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from ragnb.answer import Answer
from ragnb.documents import Hit
from ragnb.errors import ConfigurationError, ProviderError, RagnbError
from ragnb.events import AnyEvent, Cancelled, Failed, Reranked, Retrieved, Rewritten, Routed
from ragnb.generation import generate
from ragnb.llms.base import LLM, Connecting, Request, Turn
from ragnb.queries import Rewriter
from ragnb.rerankers.base import Reranker, as_ranking
from ragnb.resumption.resilience import Resilience
from ragnb.retrieval import Retriever
from ragnb.routing.budgets import Accounts, Purse
from ragnb.routing.router import Routing
from ragnb.vectorstores.filters import Filter
from ragnb.writing import Written


@dataclass(frozen=True)
class Engine:
    """The parts that answer a question. ``reason`` says why this model was chosen, ``fallback`` are those
    that go on, in their order, where it cannot; with ``routing``, it is chosen for each question.
    ``wordings`` is how many others are searched for too, and ``patience`` how many seconds are waited for
    them, or for a follow-up written as a question."""

    retriever: Retriever
    llm: LLM
    reason: str
    reranker: Reranker | None = None
    fallback: tuple[LLM, ...] = ()
    routing: Routing | None = None
    resilience: Resilience = field(default_factory=Resilience)
    accounts: Accounts = field(default_factory=Accounts)
    wordings: int = 0
    patience: float = 5.0

    @property
    def configured(self) -> dict[str, str]:
        """The names of the parts."""
        named = {
            "llm": self.llm.name,
            "embeddings": self.retriever.embeddings.name,
            "vectorstore": type(self.retriever.store).__name__,
        }
        if self.reranker is not None:
            named["reranker"] = self.reranker.name
        if self.routing is not None:
            named["llm"] = " | ".join(model.name for model in self.routing.tiers.models)
        return named

    @property
    def smallest(self) -> LLM:
        """The one for what is asked beside the answer."""
        return self.llm if self.routing is None else self.routing.tiers.models[0]

    def models(self, first: str) -> tuple[LLM, ...]:
        """Those that may answer, in their order, where that one is chosen."""
        chosen = (self.llm,) if self.routing is None else self.routing.models(first)
        return (*chosen, *self.fallback)

    async def events(
        self,
        question: str,
        k: int,
        where: Filter | None = None,
        so_far: Answer | None = None,
        history: tuple[Turn, ...] = (),
    ) -> AsyncGenerator[AnyEvent, None]:
        """Everything that happens after `Started`, up to and including `Finished`.

        ``history`` is what was said before the question, which may lean on it.
        ``so_far`` is an answer whose process has ended: what its log has is not done again, and its text is
        gone on with. Raises `RagnbError` for every failure that was foreseen.
        """
        done = so_far or Answer()
        for llm in self.routing.tiers.models if self.routing else (self.llm,):
            if isinstance(llm, Connecting):
                llm.connect()
        with self.accounts.purse(spent=done.known_cost) as purse:
            async with aclosing(self._events(question, k, where, done, history, purse)) as events:
                async for event in events:
                    yield event

    async def _events(
        self,
        question: str,
        k: int,
        where: Filter | None,
        done: Answer,
        history: tuple[Turn, ...],
        purse: Purse,
    ) -> AsyncGenerator[AnyEvent, None]:
        retrieved = done.last(Retrieved)
        searched = done.last(Rewritten) or Rewritten(question=question)
        if (history or self.wordings) and retrieved is None and done.last(Rewritten) is None:
            async with aclosing(
                Rewriter(self.smallest, self.wordings, self.patience, purse).events(question, history)
            ) as rewriting:
                async for told in rewriting:
                    yield told
                    searched = told if isinstance(told, Rewritten) else searched

        if retrieved is None:
            retrieved = await self.retriever.retrieve(searched.question, k, where, searched.others)
            yield retrieved
        hits = done.candidates or retrieved.hits

        if self.reranker is not None and not done.model and done.last(Reranked) is None:
            reranked = await _reranked(self.reranker, searched.question, hits, self.retriever.candidates)
            yield reranked
            hits = reranked.hits

        request = Request(question, hits[:k], history=history, query=searched.question)
        model = done.model
        if not model:
            routed = self._routed(request, retrieved.hits)
            yield routed
            model = routed.model

        models, holds = self.models(model), self.routing.holds(model) if self.routing else None
        out = Written.of(done.events, request.passages, {llm.name for llm in models if not llm.citing})
        events = generate(models, request, self.resilience, out, purse, holds)
        async with aclosing(events) as answering:
            async for event in answering:
                yield self.routing.named(event) if self.routing and type(event) is Routed else event

    def _routed(self, request: Request, found: tuple[Hit, ...]) -> Routed:
        if self.routing is None:
            return Routed(model=self.llm.name, reason=self.reason)
        return self.routing.route(request, found)


async def _reranked(reranker: Reranker, question: str, hits: tuple[Hit, ...], depth: int) -> Reranked:
    """The reranker's order of the best ``depth``, before the others; where it fails that of retrieval, and
    why."""
    name = reranker.name
    try:
        ranking = as_ranking(await asyncio.to_thread(reranker.rerank, question, hits[:depth]))
    except ConfigurationError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        note = f"{name} failed ({type(error).__name__}: {reason}); the order is that of retrieval"
        return Reranked(hits=hits, reranker=name, note=note)
    if not ranking.hits:
        note = f"{name} left no passage; the order is that of retrieval"
        return Reranked(hits=hits, reranker=name, note=note)
    return Reranked(hits=(*ranking.hits, *hits[depth:]), reranker=name, note=ranking.note)


async def record(answer: Answer, events: AsyncGenerator[AnyEvent, None]) -> None:
    """Write the events to the answer's log, and end it whatever happens.

    Cancelled through the answer and not through its task: a task that is cancelled before its first step
    would leave a log without an end.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    answer.on_cancel(lambda: loop.call_soon_threadsafe(task.cancel))
    try:
        async with aclosing(events):
            async for event in events:
                answer.append(event)
    except asyncio.CancelledError:
        answer.append(Cancelled())
    except RagnbError as error:
        fault = error.fault if isinstance(error, ProviderError) else ""
        answer.append(
            Failed(error=type(error).__name__, message=error.message, advice=error.advice, fault=fault)
        )
    except Exception as error:
        answer.append(
            Failed(
                error=type(error).__name__,
                message=f"Something unforeseen went wrong: {error}",
                advice="This is a bug in ragnb or in a part that you passed to it.",
            )
        )
        raise
