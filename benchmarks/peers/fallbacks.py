"""What a user sees when the first provider breaks off and a second one is configured: ragnb, LiteLLM's router,
LangChain's `with_fallbacks` and Haystack's FallbackChatGenerator on the same faults.

The simulator plays both providers. The first one breaks after some tokens and is out of order from then on; the
second one is fine and gives the same answer, so that a perfect fallback shows exactly that. Each client is set up as
its documentation says, without retries at the same provider, and runs in an environment of its own under build/peers.

    python benchmarks/peers/fallbacks.py
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from asking import Client, Seen, running
from counting import compare
from environments import UnavailableError, python

from ragnb.simulator import CleanEnd, Cut, ErrorEvent, Exact, Fault, Repeat, Simulator, Stall, Status
from ragnb.simulator.continuation import Continuations

ANSWER = (
    "Refunds are paid within five days [1]. A Flex ticket is refunded in full until 24 hours before departure [2], "
    "and so is every reservation that goes with it. 👍🏽 The family travels 🚆 free; zoe\u0308 too. 退款将在五天内支付。 "
    "Row, row, row your boat, gently down the stream. Row, row, row your boat, gently down the stream. Merrily, "
    "words words words and words: that is all [3]."
)
AFTER = (0, 1, 2, 10, 40, 63, 70)  # tokens
PATIENCE = 1.0  # seconds without a byte after which a client gives a provider up
PACE = 400.0  # tokens per second


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    environment: str | None  # None: the project's own
    client: str
    arguments: tuple[str, ...] = ()


PEERS = (
    Peer("ragnb", None, "ragnb_client"),
    Peer("LiteLLM", "litellm", "litellm_client"),
    Peer("LiteLLM, continuation on", "litellm", "litellm_client", ("continuation",)),
    Peer("LangChain", "langchain", "langchain_client"),
    Peer("Haystack", "haystack", "haystack_client"),
)


@dataclass(frozen=True, slots=True)
class Breaking:
    name: str
    fault: Callable[[int], Fault]
    continuation: Continuations = Exact()  # noqa: RUF009


BREAKING = (
    Breaking("closed (FIN)", lambda after: Cut(after)),
    Breaking("reset (RST)", lambda after: Cut(after, "rst")),
    Breaking("clean end, no marker", CleanEnd),
    Breaking("error event", ErrorEvent),
    Breaking(f"stall, given up after {PATIENCE:g} s", Stall),
    Breaking("closed, then 20 chars repeated", lambda after: Cut(after), Repeat(20)),
)


@dataclass(slots=True)
class Row:
    cases: int = 0
    lost: int = 0
    extra: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    raised: Counter[str] = field(default_factory=Counter)

    def add(self, seen: Seen, asked_second: float | None) -> None:
        counted = compare(ANSWER, seen.text)
        self.cases += 1
        self.lost += counted.lost
        self.extra += counted.extra
        if seen.raised is not None:
            self.outcomes["raised"] += 1
            self.raised[seen.raised.partition(":")[0]] += 1
        elif seen.text == ANSWER:
            self.outcomes["exact"] += 1
        else:
            self.outcomes["passed off" if ANSWER.startswith(seen.text) else "garbled"] += 1
        if asked_second is not None:
            before = [at for _, at in seen.pieces if at <= asked_second]
            after = [at for _, at in seen.pieces if at > asked_second]
            if before and after:
                self.waits.append(after[0] - before[-1])

    def __str__(self) -> str:
        wait = f"{statistics.median(self.waits) * 1000:.0f}" if self.waits else "–"
        counts = " ".join(f"{self.outcomes[name]:10}" for name in OUTCOMES)
        return f"{self.cases:5} {counts} {self.lost:6} {self.extra:6} {wait:>8}  {', '.join(self.raised)}"


OUTCOMES = ("exact", "raised", "passed off", "garbled")


async def main() -> None:
    print(
        f"The first provider breaks after {', '.join(map(str, AFTER))} tokens of {len(ANSWER)} characters at {PACE:g} tokens/s.\n"
        "exact: the user saw the answer · raised: an exception after what was shown · passed off: a piece of the\n"
        "answer, as if it were whole · garbled: anything else, such as the beginning twice. lost and extra are\n"
        "characters, of all cases; wait: ms from the last piece before the break to the next, median.\n"
    )
    print(
        f"{'':26} {'':31} {'cases':>5} {' '.join(f'{name:>10}' for name in OUTCOMES)} {'lost':>6} {'extra':>6} {'wait':>8}"
    )
    for peer in PEERS:
        try:
            interpreter = Path(sys.executable) if peer.environment is None else python(peer.environment)
            async with running(interpreter, peer.client, peer.arguments) as client:
                await measure(peer, client)
        except UnavailableError as reason:
            print(f"skipped: {peer.name}: {reason}")
    print(
        "\nThe 20 characters are repeated by a second provider that does not begin with the words that ragnb asks it\n"
        "to begin with."
    )


async def measure(peer: Peer, client: Client) -> None:
    undisturbed, _ = await ask(client, None, Exact())
    if undisturbed.text != ANSWER or undisturbed.raised:
        raise UnavailableError(f"even the undisturbed answer is not right ({undisturbed})")
    for breaking in BREAKING:
        row = Row()
        for after in AFTER:
            row.add(*await ask(client, breaking.fault(after), breaking.continuation))
        print(f"{peer.name:26} {breaking.name:31} {row}", flush=True)


async def ask(
    client: Client, fault: Fault | None, continuation: Continuations
) -> tuple[Seen, float | None]:
    """What the user saw, and when the second provider was asked."""
    down = [] if fault is None else [fault, *[Status(503)] * 50]
    with (
        Simulator(ANSWER, faults=down, tokens_per_second=PACE) as primary,
        Simulator(ANSWER, continuation=continuation, tokens_per_second=PACE) as secondary,
        Simulator() as embeddings,
    ):
        where = {"primary": primary.url, "secondary": secondary.url, "embeddings": embeddings.url}
        seen = await client.ask({**where, "patience": PATIENCE})
        requests = secondary.requests
    return seen, requests[0].at if requests else None


if __name__ == "__main__":
    asyncio.run(main())
