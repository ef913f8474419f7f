"""One question to a model, and what came of it."""

from __future__ import annotations

from ragnb.documents import Hit
from ragnb.events import AnyEvent, Cited, Token
from ragnb.generation import generate
from ragnb.llms.base import LLM, Request
from ragnb.resumption.policy import Retry
from ragnb.resumption.resilience import Resilience
from tests.conftest import hits

PASSAGES = hits(
    "Refunds are paid within five days. A Flex ticket is refunded in full.",
    "Bicycles travel in the luggage van. A bicycle costs 15 euros.",
)
QUICKLY = Retry(attempts=3, initial=0.0, maximum=0.0)


async def events(
    llms: LLM | list[LLM], retry: Retry = QUICKLY, passages: tuple[Hit, ...] = PASSAGES
) -> list[AnyEvent]:
    """What comes of one question."""
    models = llms if isinstance(llms, list) else [llms]
    return [event async for event in generate(models, Request("How?", passages), Resilience(retry))]


def text(log: list[AnyEvent]) -> str:
    return "".join(event.text for event in log if isinstance(event, Token))


def cited(log: list[AnyEvent]) -> list[tuple[int, int, tuple[str, ...], tuple[int, int] | None]]:
    return [(c.start, c.end, c.chunk_ids, c.marker) for c in log if isinstance(c, Cited)]


class Simple:
    """A model that cannot go on: it gives the same deltas each time, and raises what is an error among them."""

    name = "simple"
    citing = False

    def __init__(self, deltas):
        self.deltas = deltas

    def warm_up(self):
        pass

    async def stream(self, request):
        for delta in self.deltas:
            if isinstance(delta, Exception):
                raise delta
            yield delta
