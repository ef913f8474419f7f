"""What is said about an answer, in words, alike in a cell, in Markdown and in a terminal."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ragnb.answer import Answer
from ragnb.documents import Hit
from ragnb.events import Failed, Finished, Quote, Retrieved, Retrying, Routed, Started, Token, Used

# A document or a model may hold escape sequences that a terminal would obey, and marks that show a
# text in another order than it has.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

EXTRACTIVE = "Sentences quoted word for word from the passages; no language model was used."


@dataclass(frozen=True, slots=True)
class Source:
    """A passage given to the model, with the quotes that the answer takes from it."""

    number: int
    hit: Hit
    quotes: tuple[Quote, ...]

    @property
    def title(self) -> str:
        chunk = self.hit.chunk
        return " ".join((chunk.title or chunk.source).split()) or "Untitled text"

    @property
    def place(self) -> str:
        """Where in its document the passage stands, without the title said again."""
        locator = self.hit.chunk.locator
        text = " ".join(str(locator).split())
        return text.removeprefix(self.title).removeprefix(" › ").removeprefix(", ")


def readable(text: str) -> str:
    """The text without control characters and bidi overrides; tabs and line feeds stay.

    Halves of a surrogate pair are joined, and one without the other, which nothing can write down,
    becomes U+FFFD.
    """
    return _UNSEEN.sub("", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def sources(answer: Answer) -> list[Source]:
    """The answer's sources by number, each with its quotes in order and without repeats."""
    quotes: dict[int, dict[tuple[int, int], Quote]] = {}
    for cited in answer.citations:
        for quote in cited.quotes:
            quotes.setdefault(quote.number, {})[quote.start, quote.end] = quote
    return [
        Source(number, hit, tuple(q for _, q in sorted(quotes.get(number, {}).items())))
        for number, hit in enumerate(answer.sources, start=1)
    ]


def question(answer: Answer) -> str:
    """What was asked, and of which documents if not of all."""
    started = answer.last(Started)
    only = f"  (where {started.where})" if started is not None and started.where else ""
    return f"{answer.question}{only}"


def status(answer: Answer) -> str:
    """The phase while it runs; the trouble, if it did not end well; else nothing."""
    if not answer.events:
        return "Starting …"
    last = answer.events[-1]
    match last:
        case Finished(advice=advice):
            return advice
        case Failed(message=message, advice=advice):
            kept = " The text so far is kept." if answer.text else ""
            return f"{message} {advice}{kept}".strip()
    if answer.status == "cancelled":
        count = answer.timing.tokens
        return f"Cancelled after {number(count, 'token')}; the text so far is kept."
    retrying = answer.last(Retrying)
    if retrying is not None and last is retrying:
        return f"{retrying.message} Trying again in {seconds(retrying.wait)} …"
    if answer.last(Token) is not None:
        return "Writing …"
    routed, retrieved = answer.last(Routed), answer.last(Retrieved)
    if retrieved is None:
        return "Searching …"
    found = f"{number(len(answer.sources), 'passage')} found in {seconds(retrieved.at)}"
    return f"{found}; waiting for {routed.model} …" if routed else f"{found} …"


def summary(answer: Answer) -> list[str]:
    """Model, time, tokens and cost, each a few words."""
    timing, usage = answer.timing, answer.usage
    facts = [answer.model] if answer.model else []
    if timing.ttft is not None:
        facts.append(f"first token {seconds(timing.ttft)}")
    if answer.ended:
        facts.append(f"total {seconds(timing.total)}")
    if usage.output_tokens:
        facts.append(f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out")
        if timing.tokens_per_second is not None and timing.tokens > 10:
            facts.append(f"{timing.tokens_per_second:,.0f} tokens/s")
    if answer.last(Used) is not None and answer.model != "extractive":
        facts.append(money(answer.cost) + (" (estimated)" if usage.estimated else ""))
    return facts


def stages(answer: Answer) -> list[tuple[str, float, float]]:
    """The stages that took time: name, start and duration in seconds."""
    timing = answer.timing
    rows: list[tuple[str, float, float]] = []
    if timing.retrieval is not None:
        embed, search = timing.embed or 0.0, timing.search or 0.0
        start = max(0.0, timing.retrieval - embed - search)
        rows.append(("load the model, open the index", 0.0, start))
        rows.append(("embed the question", start, embed))
        rows.append(("search", start + embed, search))
    if timing.rerank is not None and timing.retrieval is not None:
        rows.append(("rerank", timing.retrieval, timing.rerank))
    if timing.ttft is not None and timing.wait is not None:
        rows.append(("wait for the first token", timing.ttft - timing.wait, timing.wait))
        rows.append(("stream", timing.ttft, max(0.0, timing.total - timing.ttft)))
    return rows


def seconds(duration: float) -> str:
    """A duration: ``3 ms``, ``840 ms``, ``1.24 s``, ``2 min 05 s``."""
    if duration < 0.9995:
        return f"{duration * 1000:.0f} ms"
    if duration < 60:
        return f"{duration:.2f} s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes} min {rest:02d} s"


def money(usd: float | None) -> str:
    """A price; never nothing where it is not known."""
    if usd is None:
        return "price unknown"
    return f"${usd:.4f}" if usd < 0.1 else f"${usd:.2f}"


def number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
