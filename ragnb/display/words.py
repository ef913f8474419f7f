"""What is said about an answer, in words, alike in a cell, in Markdown and in a terminal."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import msgspec

from ragnb.answer import Answer
from ragnb.documents import Hit
from ragnb.events import (
    AnyEvent,
    Failed,
    Finished,
    Quote,
    Reranked,
    Resumed,
    Retrieved,
    Retrying,
    Rewritten,
    Routed,
    Started,
    Token,
    Unknown,
    Used,
)

# A document or a model may hold escape sequences that a terminal would obey, and marks that show a
# text in another order than it has.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

_LINE = 140  # characters

EXTRACTIVE = "Sentences quoted word for word from the passages; no language model was used."

# What happened to a stream, by its fault.
_LOST = {
    "cut": "connection lost",
    "unreachable": "connection lost",
    "stalled": "stream stalled",
    "overloaded": "provider overloaded",
    "rate_limit": "rate limit reached",
    "quota": "credit used up",
    "server": "provider failed",
    "interrupted": "the process ended",
    "cancelled": "cancelled",
}

_STALL = 1.0  # seconds without a token that are told, where the others come fast
_LEVELS = "▁▂▃▄▅▆▇█"
_BUCKETS = 30


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

    @property
    def quoted(self) -> str:
        """The words that the answer takes from it, in one line; empty where it takes none."""
        text = " … ".join(" ".join(quote.text.split()) for quote in self.quotes)
        line = text if len(text) <= _LINE else f"{text[: _LINE - 1].rstrip()}…"
        return line and f"“{line}”"


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
    if started is None or not started.where:
        return answer.question
    return f"{answer.question}  (where {msgspec.json.encode(started.where).decode()})"


def status(answer: Answer) -> str:
    """The phase while it runs; the trouble, if it did not end well; else nothing."""
    if answer.notes and answer.is_read and not answer.ended:
        return ""  # nobody writes it any more: its notes say where it breaks off
    if not answer.events:
        return "Starting …"
    last = answer.events[-1]
    match last:
        case Finished(advice=advice):
            return advice
        case Failed(message=message, advice=advice):
            said = f"{message} {advice}".strip()
            is_kept = answer.text and not said.endswith("the text so far is kept.")
            return f"{said} The text so far is kept." if is_kept else said
    if answer.status == "cancelled":
        count = answer.timing.tokens
        return f"Cancelled after {number(count, 'token')}; the text so far is kept."
    retrying = answer.last(Retrying)
    if retrying is not None and last is retrying:
        return trying_again(retrying)
    if answer.last(Token) is not None:
        return "Writing …"
    routed, retrieved = answer.last(Routed), answer.last(Retrieved)
    if retrieved is None:
        return "Searching …"
    found = f"{number(len(answer.sources), 'passage')} found in {seconds(retrieved.at)}"
    return f"{found}; waiting for {routed.model} …" if routed else f"{found} …"


def lost(fault: str) -> str:
    """What happened to a stream, in two or three words."""
    return _LOST.get(fault, "stream interrupted")


def trying_again(event: Retrying) -> str:
    """What failed, and when it is tried again."""
    when = f"in {seconds(event.wait)} " if event.wait else ""
    return f"{event.message} Trying again {when}…"


def summary(answer: Answer) -> list[str]:
    """Model, time, tokens and cost, each a few words."""
    timing, usage = answer.timing, answer.usage
    facts = [answer.model + (f" ({answer.tier})" if answer.tier else "")] if answer.model else []
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


def why(answer: Answer) -> str:
    """What was searched for in place of the question, and why this model answered; empty where neither was
    chosen."""
    routed = answer.last(Routed)
    chosen = f"Chosen because {routed.reason}." if routed and routed.reason else ""
    extractive = EXTRACTIVE if answer.model == "extractive" else ""
    return " ".join(filter(None, [_searched(answer), extractive, chosen]))


def _searched(answer: Answer) -> str:
    rewritten = answer.last(Rewritten)
    if rewritten is None:
        return ""
    queries = ", ".join(f"“{query}”" for query in (rewritten.question, *rewritten.others))
    return f"Searched for {queries}{f' ({rewritten.note})' if rewritten.note else ''}."


def stages(answer: Answer) -> list[tuple[str, float, float]]:
    """The stages that took time, by their start: name, start and duration in seconds."""
    timing = answer.timing
    rows: list[tuple[str, float, float]] = []
    if timing.retrieval is not None:
        embed, search = timing.embed or 0.0, timing.search or 0.0
        begun = timing.rewrite or 0.0
        start = max(begun, timing.retrieval - embed - search)
        if timing.rewrite is not None:
            rows.append(("rewrite the question", 0.0, begun))
        rows.append(("load the model, open the index", begun, start - begun))
        rows.append(("embed the question", start, embed))
        rows.append(("search", start + embed, search))
    if timing.rerank is not None and timing.retrieval is not None:
        rows.append(("rerank", timing.retrieval, timing.rerank))
    if timing.ttft is not None and timing.wait is not None:
        rows.append(("wait for the first token", timing.ttft - timing.wait, timing.wait))
        rows.append(("stream", timing.ttft, max(0.0, timing.total - timing.ttft)))
    return sorted([*rows, *_waits(answer), *_stalls(answer)], key=lambda row: row[1])


def _waits(answer: Answer) -> list[tuple[str, float, float]]:
    return [
        ("wait before the next attempt", event.at - _zero(answer), after.at - event.at)
        for event, after in pairwise(answer.events)
        if isinstance(event, Retrying) and event.fault != "interrupted"
    ]


def _stalls(answer: Answer) -> list[tuple[str, float, float]]:
    """The gaps between two tokens that stand out, and that no fault explains."""
    gaps = answer.timing.gaps
    longest = max(_STALL, 10 * median(gaps)) if gaps else 0.0
    rows: list[tuple[str, float, float]] = []
    last: Token | None = None
    for event in answer.events:
        match event:
            case Token():
                if last is not None and event.at - last.at > longest:
                    rows.append(("stalled", last.at - _zero(answer), event.at - last.at))
                last = event
            case Retrying() | Resumed():
                last = None
    return rows


def _zero(answer: Answer) -> float:
    started = answer.first(Started)
    return started.at if started else 0.0


def pace(answer: Answer) -> str:
    """The cadence of the tokens from first to last: how many came in each of equal times, as bars.

    Empty where there are too few to tell.
    """
    arrivals = [event.at for event in answer.all(Token)]
    length = arrivals[-1] - arrivals[0] if len(arrivals) >= 10 else 0.0
    if length <= 0:
        return ""
    counts = [0] * min(_BUCKETS, len(arrivals))
    for at in arrivals:
        bucket = math.floor((at - arrivals[0]) / length * len(counts))
        counts[max(0, min(bucket, len(counts) - 1))] += 1
    most = max(counts)
    return "".join(_LEVELS[math.ceil(count / most * (len(_LEVELS) - 1))] for count in counts)


def seams(answer: Answer) -> list[tuple[int, str]]:
    """Where the answer was taken up again: the offset in the text, and what happened there.

    Of several attempts at one place, the one that went on counts.
    """
    found: dict[int, str] = {}
    tokens = 0
    broken: AnyEvent | None = None  # what the time is counted from
    lost = "stream interrupted"
    for event in answer.events:
        match event:
            case Token():
                tokens, broken, lost = tokens + 1, event, "stream interrupted"
            case Retrying(fault=fault) if fault == "interrupted" or not isinstance(broken, Retrying):
                broken, lost = event, _LOST.get(fault, lost)
            case Resumed(offset=offset, model=model):
                gone = f"{lost} after {number(tokens, 'token')}"
                time = seconds(event.at - (broken.at if broken else 0.0))
                found[offset] = f"{gone}, resumed with {model} after {time}"
    return list(found.items())


def notes(answer: Answer) -> list[str]:
    """What to know of the passages' order, and what is wrong with the log, a sentence each."""
    reranked = answer.last(Reranked)
    order = f"Reranking: {reranked.note}." if reranked and reranked.note else ""
    unknown = sum(1 for _ in answer.all(Unknown))
    left_out = (
        f"{number(unknown, 'event')} of an unknown type {'was' if unknown == 1 else 'were'} left out: "
        f"{'it was' if unknown == 1 else 'they were'} written by a newer ragnb."
    )
    return [*filter(None, [order, left_out if unknown else ""]), *answer.notes]


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
    if 0 < usd < 0.0001:
        return "less than $0.0001"
    return f"${usd:.4f}" if 0 < usd < 0.1 else f"${usd:.2f}"


def number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
