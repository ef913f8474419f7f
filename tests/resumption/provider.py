"""A scripted model that goes on with its answer as it is asked to, for the simulator."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ragnb.documents import Hit
from ragnb.events import AnyEvent, Cited, Token
from ragnb.generation import generate
from ragnb.llms.base import LLM, Request
from ragnb.resumption.policy import Retry
from tests.conftest import hits

PASSAGES = hits(
    "Refunds are paid within five days. A Flex ticket is refunded in full.",
    "Bicycles travel in the luggage van. A bicycle costs 15 euros.",
)
QUICKLY = Retry(attempts=3, initial=0.0, maximum=0.0)
_LAST_WORDS = re.compile(r"<last_words>(.*?)</last_words>", re.DOTALL)


def going_on(
    whole: str, said: Callable[[str, str], str] = lambda words, rest: words + rest
) -> Callable[[dict[str, Any]], str]:
    """The whole answer to a question; to an unfinished turn of the assistant, the rest of it.

    ``said`` makes the answer to an instruction from the last words that it names and what follows them.
    """

    def answer(request: dict[str, Any]) -> str:
        turns = request.get("messages") or request["input"]
        own = (
            [turn["content"] for turn in turns if turn["role"] == "assistant"]
            if isinstance(turns, list)
            else []
        )
        if not own:
            return whole
        if "search_result" in str(turns[0]):
            rest = _after(own[0], whole)
        else:
            assert whole.startswith(own[0])
            rest = whole[len(own[0]) :]
        words = _LAST_WORDS.search(str(turns[-1]["content"])) if turns[-1]["role"] == "user" else None
        return said(words[1], rest) if words else rest

    return answer


def _after(own: str, whole: str) -> str:
    """What follows in the whole answer, whose markers are citations beside the text and not in it."""
    place = 0
    for piece in re.split(r"(\s*(?:\[\d+\])+)", whole):
        if re.fullmatch(r"\s*(?:\[\d+\])+", piece):
            place += len(piece)
            continue
        if len(own) <= len(piece):
            assert piece.startswith(own)
            return whole[place + len(own) :]
        assert own.startswith(piece)
        own, place = own[len(piece) :], place + len(piece)
    raise AssertionError("that is no beginning of the answer")


async def events(
    llms: LLM | list[LLM], retry: Retry = QUICKLY, passages: tuple[Hit, ...] = PASSAGES
) -> list[AnyEvent]:
    """What comes of one question."""
    models = llms if isinstance(llms, list) else [llms]
    return [event async for event in generate(models, Request("How?", passages), retry)]


def text(log: list[AnyEvent]) -> str:
    return "".join(event.text for event in log if isinstance(event, Token))


def cited(log: list[AnyEvent]) -> list[tuple[int, int, tuple[str, ...], tuple[int, int] | None]]:
    return [(c.start, c.end, c.chunk_ids, c.marker) for c in log if isinstance(c, Cited)]
