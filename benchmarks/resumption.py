"""What it costs that an answer can be gone on with, and how soon it goes on after a cut.

Against a plain loop over the model's deltas, which reads citation markers too: CPU time of the thread that
reads, on the real client and a local server. After a cut: the time to the next token beyond the wait before the
attempt and beyond what the same request takes by itself, and how long each token is held once the seam is closed.
A fallback is another model, warmed up, that was never asked before: its client and its connection are made then.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import aclosing

from ragnb.answer import Answer
from ragnb.citations import MarkerReader
from ragnb.documents import Chunk, Hit
from ragnb.events import Finished, Retrying, Token, Used
from ragnb.generation import generate
from ragnb.llms.base import Partial, Request, Stop, Text, Usage
from ragnb.llms.openai import OpenAILLM
from ragnb.resumption.policy import Retry
from ragnb.resumption.resilience import Resilience
from ragnb.simulator import Cut, Simulator, tokenize

ROUNDS, CUTS = 15, 40
REQUEST = Request(
    "How long?", (Hit(Chunk(id="1", document="d", text="Refunds are paid within five days."), 1.0),)
)
WORDS = "Refunds are paid within five days, and a bicycle costs fifteen euros in the luggage van. "
LONG = WORDS * 100
RETRY = Retry(initial=0.0, maximum=0.0)
NEVER = Retry(attempts=1)  # the next model at once


async def plain(llm):
    """The engine without resumption."""
    markers, used = MarkerReader(REQUEST.passages), None
    async with aclosing(llm.stream(REQUEST)) as deltas:
        async for delta in deltas:
            match delta:
                case Text(text):
                    yield Token(text=text)
                    for cited in markers.feed(text):
                        yield cited
                case Usage():
                    used = delta
                case Stop(reason):
                    for cited in markers.close():
                        yield cited
                    yield Used(
                        model=llm.name, input_tokens=used.input_tokens, output_tokens=used.output_tokens
                    )
                    yield Finished(reason=reason)


async def cpu(events):
    """Microseconds of this thread per token, the log included."""
    answer, begin = Answer(), time.thread_time()
    async with aclosing(events):
        async for event in events:
            answer.append(event)
    return (time.thread_time() - begin) / len(tokenize(LONG)) * 1e6


async def overhead():
    with Simulator(LONG) as sim:
        llm = OpenAILLM("m", base_url=sim.url, max_tokens=10_000)
        await cpu(plain(llm))
        spent = [
            (await cpu(plain(llm)), await cpu(generate([llm], REQUEST, Resilience(RETRY))))
            for _ in range(ROUNDS)
        ]
        await llm.aclose()
    without, with_it = (statistics.median(one) for one in zip(*spent, strict=True))
    ratio = statistics.median(with_it / without for without, with_it in spent)
    print(f"CPU per token, median of {ROUNDS} rounds of {len(tokenize(LONG)):,} tokens, µs")
    print(f"  a plain loop                     {without:7.1f}")
    print(f"  the same, able to go on          {with_it:7.1f}  ({100 * (ratio - 1):+.1f} %; limit +10 %)")


class Watched(OpenAILLM):
    """Notes when each piece of text arrived."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.arrived = []

    async def stream(self, request):
        async for delta in super().stream(request):
            if isinstance(delta, Text):
                self.arrived.append(time.perf_counter())
            yield delta


async def after_a_cut(continuation, falls_back=False):
    """Milliseconds to the next token beyond the same request made directly, and that each token was held."""
    beyond, held = [], []
    tokens = tokenize(WORDS)
    with Simulator(WORDS, first_token_delay=0.05) as sim:
        llm = Watched("m", base_url=sim.url, continuation=continuation)
        for number in range(CUTS):
            cut = 2 + number % (len(tokens) - 4)
            text = "".join(tokens[:cut])
            partial = Partial(text, cut, llm.name, strategy=continuation, anchor=text.rstrip())
            llm.arrived, begin = [], time.perf_counter()
            async for _ in llm.stream(Request(REQUEST.question, REQUEST.passages, partial)):
                pass
            pieces = len(tokenize(text)) if continuation == "instruction" else 0
            alone = llm.arrived[pieces] - begin
            sim.faults.append(Cut(cut))
            llms, retry = [llm], RETRY
            if falls_back:
                llms, retry = [llm, Watched("other", base_url=sim.url, continuation=continuation)], NEVER
                llms[1].warm_up()
            goes_on = llms[-1]
            goes_on.arrived, shown, wait, failed = [], [], 0.0, 0
            async for event in generate(llms, REQUEST, Resilience(retry)):
                match event:
                    case Token():
                        shown.append(time.perf_counter())
                    case Retrying():
                        wait, failed = event.wait, len(shown)
            beyond.append((shown[failed] - shown[failed - 1] - wait - alone) * 1e3)
            after = shown[failed + 1 :]
            held += [
                (seen - came) * 1e3
                for seen, came in zip(after, goes_on.arrived[-len(after) :], strict=True)
            ]
            if falls_back:
                await goes_on.aclose()
        await llm.aclose()
    print(
        f"  {'fallback' if falls_back else continuation:12} {statistics.median(beyond):8.1f} {max(held):24.2f}"
    )


async def main():
    await overhead()
    print(f"\nAfter a cut, ms: median of {CUTS} cuts, and the most that any later token was held")
    print(f"  {'':12} {'beyond TTFT':>11} {'held':>21}   (limits 20 and none)")
    for continuation in ("exact", "instruction"):
        await after_a_cut(continuation)
    await after_a_cut("instruction", falls_back=True)


if __name__ == "__main__":
    asyncio.run(main())
