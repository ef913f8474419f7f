"""The vocabulary: everything that can happen to an answer.

An event is frozen and knows its place in the log: ``seq`` counts from 0 without gaps, ``at`` is in
seconds since the answer started. Both are given by the log, not by whoever makes the event.

On disk and on the wire an event is one JSON object with its ``type``. Fields that a reader does not
know are skipped, fields that a writer did not know take their defaults, and a type that a reader
does not know becomes an `Unknown` event: so a log written by one version is read by the next.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from ragnb.documents import Hit


class Event(Struct, frozen=True, kw_only=True, tag=True):
    """What all events have: the place in the log and the time in seconds."""

    seq: int = -1
    at: float = 0.0


class Started(Event, frozen=True, kw_only=True, tag="Started"):
    """Always first. ``k`` passages at most go to the model, of those whose metadata fits ``where``;
    ``configured`` names the parts; ``key`` is what the asker calls this answer, if anything; ``chat`` is
    the id of the chat that it is a turn of, unset where it is of none."""

    answer_id: str
    question: str
    k: int
    where: dict[str, Any] = {}
    configured: dict[str, str] = {}
    key: str = ""
    chat: str | UnsetType = UNSET


class Rewritten(Event, frozen=True, kw_only=True, tag="Rewritten"):
    """What is searched for in place of the question: ``question``, which can be understood without what was
    said before, and ``others``, which say the same in other words. ``model`` wrote them; it is empty where
    no model did, and ``note`` says why if one was to."""

    question: str
    others: tuple[str, ...] = ()
    model: str = ""
    note: str = ""


class Retrieved(Event, frozen=True, kw_only=True, tag="Retrieved"):
    """Retrieval is done, and the model has not been called. Best hit first.

    ``embed_seconds`` and ``search_seconds`` are the two parts of the time it took.
    """

    hits: tuple[Hit, ...]
    embed_seconds: float = 0.0
    search_seconds: float = 0.0


class Reranked(Event, frozen=True, kw_only=True, tag="Reranked"):
    """The hits in their new order, with the reranker's scores. ``note`` tells where it did not score them
    all, or failed, and why."""

    hits: tuple[Hit, ...]
    reranker: str = ""
    note: str = ""


class Routed(Event, frozen=True, kw_only=True, tag="Routed"):
    """A model was chosen, and why, before it is first used."""

    model: str
    reason: str
    tier: str = ""
    signals: dict[str, float] = {}


class Kept(Event, frozen=True, kw_only=True, tag="Kept"):
    """The provider of ``model`` keeps this answer under this id, and it can be read again from any
    position: that of the answer's last `Token`, if this comes before it; else it is unknown."""

    id: str
    model: str


class Token(Event, frozen=True, kw_only=True, tag="Token", omit_defaults=True):
    """A piece of the answer. All pieces joined are the answer, exactly.

    ``position`` is the provider's own count where it keeps the answer (see `Kept`): the number of its last
    event, after which nothing is out. ``ids`` are the token ids of the piece where a local model wrote it,
    as long as it wrote all of the answer.
    """

    seq: int = field(default_factory=lambda: -1)  # a field with a factory is never omitted
    at: float = field(default_factory=float)
    text: str
    position: int | None = None
    ids: tuple[int, ...] = ()


class Quote(Struct, frozen=True):
    """Characters ``[start, end)`` of a chunk's text, and that text; ``number`` is the source's,
    from 1, as the reader sees it."""

    number: int
    chunk_id: str
    start: int
    end: int
    text: str


class Cited(Event, frozen=True, kw_only=True, tag="Cited"):
    """Characters ``[start, end)`` of the answer rest on these quotes.

    ``marker`` is where the model wrote its ``[n]`` in the answer; None where the provider reported
    the citation beside the text.
    """

    start: int
    end: int
    quotes: tuple[Quote, ...]
    marker: tuple[int, int] | None = None

    @property
    def chunk_ids(self) -> tuple[str, ...]:
        """Of the passages that the quotes are taken from, in their order."""
        return tuple(quote.chunk_id for quote in self.quotes)


class Retrying(Event, frozen=True, kw_only=True, tag="Retrying"):
    """A call failed and is tried again ``wait`` seconds from now. ``attempt`` is the one that failed,
    from 1."""

    fault: str
    message: str
    attempt: int
    wait: float


class Resumed(Event, frozen=True, kw_only=True, tag="Resumed"):
    """The stream goes on at character ``offset`` of the answer, after ``trimmed`` characters that
    repeated what was out already."""

    strategy: str
    model: str
    offset: int
    trimmed: int = 0


class Used(Event, frozen=True, kw_only=True, tag="Used"):
    """What one attempt consumed, in tokens. ``input_tokens`` includes ``cached_tokens``, read from the
    provider's cache, and ``cache_write_tokens``, put into it.

    ``cost`` is in USD, None where the price is unknown.
    """

    model: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    cost: float | None = None
    estimated: bool = False


class Finished(Event, frozen=True, kw_only=True, tag="Finished"):
    """The provider said that the answer is complete, and why it stopped there (``stop``,
    ``length``, …). ``advice`` is set where the reader should do something about it."""

    reason: str
    advice: str = ""


class Cancelled(Event, frozen=True, kw_only=True, tag="Cancelled"):
    """The reader did not want more."""


class Failed(Event, frozen=True, kw_only=True, tag="Failed"):
    """It could not be answered: which error, in words, and what can be done."""

    error: str
    message: str
    advice: str = ""
    fault: str = ""


class Unknown(Event, frozen=True, kw_only=True, tag="Unknown"):
    """An event of a type that this version does not know, kept as it was read."""

    raw: dict[str, Any]


Final = Finished | Cancelled | Failed
AnyEvent = (
    Started
    | Rewritten
    | Retrieved
    | Reranked
    | Routed
    | Kept
    | Token
    | Cited
    | Retrying
    | Resumed
    | Used
    | Finished
    | Cancelled
    | Failed
    | Unknown
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_KNOWN = frozenset(event.__name__ for event in AnyEvent.__args__)


def to_json(event: AnyEvent) -> bytes:
    """One line of JSON, without the line's end."""
    if isinstance(event, Unknown):
        return _encoder.encode(event.raw)
    return _encoder.encode(event)


def from_json(line: bytes | str) -> AnyEvent:
    """The event that `to_json` wrote, also of an older or a newer version.

    Raises `msgspec.DecodeError` for what is no event at all.
    """
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError:
        raw = msgspec.json.decode(line, type=dict[str, Any])
        match raw:
            case {"type": str(kind), "seq": int(seq), "at": int() | float() as at} if kind not in _KNOWN:
                return Unknown(seq=seq, at=float(at), raw=raw)
        raise
