"""Two ways to a golden log: written by hand on a clock that is set, or recorded from a real pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import msgspec

from ragnb.answer import Answer
from ragnb.citations import MarkerReader
from ragnb.documents import Chunk, Document, Hit, Locator
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.events import AnyEvent, Cited, Finished, Quote, Retrieved, Retrying, Routed, Started, Token, Used
from ragnb.llms.anthropic import AnthropicLLM
from ragnb.llms.base import LLM
from ragnb.llms.extractive import ExtractiveLLM
from ragnb.llms.openai import OpenAILLM
from ragnb.pipeline import RAGPipeline
from ragnb.resumption.policy import Retry
from ragnb.simulator import Simulator
from ragnb.simulator.script import tokenize
from ragnb.vectorstores.memory import InMemoryVectorStore

MODEL = "openai:gpt-4o-mini"
TEXTS = [
    (
        "Refunds",
        "Refunds are paid within five working days to the card that was used. "
        "A Flex ticket is refunded in full until 24 hours before departure; "
        "a Saver ticket is not refunded, but may be changed once for 10 euros.",
        Locator(heading=("Refunds", "How long it takes"), lines=(12, 14)),
    ),
    (
        "Bicycles",
        "Bicycles travel in the luggage van. A reservation for a bicycle costs 15 euros. "
        "Folding bicycles are luggage and travel free of charge.",
        Locator(pages=(3, 3)),
    ),
    (
        "Dogs on board",
        "Dogs are welcome in sleeper cabins. A large dog costs 29 euros a night.\n\n"
        "Guide dogs travel free of charge, also in couchettes.",
        Locator(heading=("Dogs on board",), slides=(4, 5)),
    ),
]


def passages(*texts: tuple[str, str, Locator]) -> tuple[Hit, ...]:
    """Hits as retrieval gives them: title, text and place of each, best first."""
    return tuple(
        Hit(
            Chunk(
                id=f"00000000-0000-0000-0000-{number:012}",
                document=f"{title.lower().replace(' ', '-')}.md",
                text=text,
                title=title,
                source=f"handbook/{title.lower().replace(' ', '-')}.md",
                locator=locator,
                metadata={"lang": "en"},
            ),
            round(0.9 - 0.07 * number, 2),
        )
        for number, (title, text, locator) in enumerate(texts or TEXTS)
    )


class Log:
    """A log written by hand: each event at a time that is said, in seconds."""

    def __init__(self, question: str = "How long does a refund take?", k: int = 3, **started: Any) -> None:
        self.now = 0.0
        self.answer = Answer(clock=lambda: self.now)
        self._hits: tuple[Hit, ...] = ()
        self._markers = MarkerReader(())
        self.add(0.0, Started(answer_id="golden", question=question, k=k, **started))

    def add(self, after: float, *events: AnyEvent) -> Log:
        """The events, ``after`` seconds after the last ones."""
        self.now = round(self.now + after, 6)
        for event in events:
            self.answer.append(event)
        return self

    def found(
        self, *hits: Hit, model: str = MODEL, reason: str = "you asked for it", tier: str = ""
    ) -> Log:
        """Retrieval is done, and a model is chosen."""
        self.retrieved(*hits)
        return self.add(0.0004, Routed(model=model, reason=reason, tier=tier))

    def retrieved(self, *hits: Hit) -> Log:
        self._hits = hits or passages()
        self._markers = MarkerReader(self._hits)
        return self.add(0.0213, Retrieved(hits=self._hits, embed_seconds=0.0121, search_seconds=0.0034))

    def write(self, text: str, *, after: float = 0.41, every: float = 0.02, citing: bool = True) -> Log:
        """The text token by token, the citations where the engine finds them."""
        for token in tokenize(text):
            self.add(after, Token(text=token))
            if citing:
                self.add(0.0, *self._markers.feed(token))
            after = every
        return self

    def cite(self, claim: str, number: int, quote: str) -> Log:
        """A citation that the provider reports beside the text, of the last such words."""
        start, passage = self.answer.text.rindex(claim), self.answer.sources[number - 1].chunk
        begin = passage.text.index(quote)
        cited = Quote(number, passage.id, begin, begin + len(quote), quote)
        return self.add(0.0, Cited(start=start, end=start + len(claim), quotes=(cited,)))

    def used(self, **used: Any) -> Log:
        figures = {"input_tokens": 412, "output_tokens": 48, "cost": 0.0000906} | used
        return self.add(0.001, Used(model=self.answer.model or MODEL, **figures))

    def finish(self, reason: str = "stop", advice: str = "", **used: Any) -> Answer:
        self.add(0.0, *self._markers.close()).used(**used)
        return self.add(0.0002, Finished(reason=reason, advice=advice)).answer


def record(
    question: str,
    *,
    llm: str = "openai",
    where: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    **simulator: Any,
) -> Answer:
    """What a real pipeline on a local provider makes of a question, with its times set by a clock."""
    with _pipeline(llm, options or {}, simulator) as rag:
        answer = rag.start(question, k=3, where=where)
        assert answer.wait(timeout=60)
    log = Log(question, where=where or {}, configured={"llm": answer.model})
    for before, event in pairwise(answer.events):
        log.add(_seconds(before, event), _placed(event))
    return log.answer


def _placed(event: AnyEvent) -> AnyEvent:
    """The event without what is different each time."""
    if not isinstance(event, Retrieved):
        return event
    rounded = tuple(Hit(hit.chunk, round(hit.score, 3)) for hit in event.hits)
    return msgspec.structs.replace(event, hits=rounded, embed_seconds=0.0121, search_seconds=0.0034)


def _seconds(before: AnyEvent, event: AnyEvent) -> float:
    """A likely time between two events."""
    match before, event:
        case Retrying(wait=wait), Token():
            return wait + 0.4
        case Retrying(wait=wait), _:
            return wait + 0.05
        case Routed(), Token():
            return 0.41
        case _, Retrieved():
            return 0.0213
        case _, Token():
            return 0.02
    return 0.0005


@contextmanager
def _pipeline(llm: str, options: dict[str, Any], simulator: dict[str, Any]) -> Iterator[RAGPipeline]:
    sim, vectors = Simulator(**simulator).start(), Simulator().start()
    models: dict[str, LLM] = {
        "openai": OpenAILLM("gpt-4o-mini", base_url=sim.url, api_key="test", **options),
        "anthropic": AnthropicLLM("claude-haiku-4-5", base_url=sim.anthropic_url, api_key="test"),
        "extractive": ExtractiveLLM(),
    }
    rag = RAGPipeline(
        llm=models[llm],
        embeddings=OpenAIEmbeddings(base_url=vectors.url, api_key="test"),
        vectorstore=InMemoryVectorStore(),
        home=None,
        retry=Retry(attempts=3, initial=0.0, maximum=0.0),
    )
    try:
        rag.add(
            Document(text=text, title=title, source=f"{title}.md", metadata={"lang": "en"})
            for title, text, _ in TEXTS
        )
        yield rag
    finally:
        rag.close()
        sim.stop()
        vectors.stop()
