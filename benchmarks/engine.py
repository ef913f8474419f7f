"""What the engine costs a token, beside the bare openai SDK on the same server and the same chunks.

CPU is that of this process (all its threads) a token; the server is another process. First token: the time
from the call to the first piece of text, retrieval taken off for ragnb. Both alternate in one run, so that a
noisy machine disturbs both alike.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time

TOKENS, ROUNDS = 2_000, 9
SERVER = f"""
from ragnb.simulator import Simulator
import sys
tokens = ["word%d " % n for n in range({TOKENS})]
answer = lambda r: tokens if "long" in str(r["messages"][-1]["content"])[-40:] else tokens[:100]
with Simulator(answer) as sim, Simulator(tokens[:500], tokens_per_second=500) as paced:
    print(sim.url, paced.url, flush=True)
    sys.stdin.read()
"""


async def sdk(client, question):
    """The SDK's own loop, as its documentation has it."""
    begin, first, count = time.perf_counter(), 0.0, 0
    stream = await client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": question}],
        stream=True,
        stream_options={"include_usage": True},
    )
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            first = first or time.perf_counter() - begin
            count += 1
    return first, count


async def ours(rag, question):
    begin, first, count, retrieval = time.perf_counter(), 0.0, 0, 0.0
    async for event in rag.aevents(question):
        name = type(event).__name__
        if name == "Retrieved":
            retrieval = event.at
        elif name == "Token":
            first = first or time.perf_counter() - begin - retrieval
            count += 1
    return first, count


async def measure(url, paced):
    import openai

    from ragnb import RAGPipeline
    from ragnb.embeddings.openai import OpenAIEmbeddings
    from ragnb.llms.openai import OpenAILLM

    client = openai.AsyncOpenAI(api_key="test", base_url=url)
    embeddings = OpenAIEmbeddings(base_url=url, api_key="test")
    rag = RAGPipeline(
        OpenAILLM("gpt-4o-mini", base_url=url, max_tokens=4096),
        embeddings,
        "memory",
        home="build/bench/engine",
    )
    await rag.aadd(["A text.", "Another text."])
    question = "Please write something long"
    runs = {"sdk": [], "ragnb": []}
    for _ in range(ROUNDS + 2):
        for name, one in (("sdk", sdk(client, question)), ("ragnb", ours(rag, question))):
            cpu = time.process_time()
            first, count = await one
            runs[name].append((first, (time.process_time() - cpu) / count))
            assert count == TOKENS, count
    (sdk_first, sdk_cpu), (our_first, our_cpu) = (
        [statistics.median(column) for column in zip(*runs[name][2:], strict=True)]
        for name in ("sdk", "ragnb")
    )
    print(f"CPU a token   openai SDK {sdk_cpu * 1e6:6.1f} µs   ragnb {our_cpu * 1e6:6.1f} µs   ", end="")
    print(f"ratio {our_cpu / sdk_cpu:.2f} (limit 1.25)")
    print(
        f"first token   openai SDK {sdk_first * 1e3:6.1f} ms   ragnb {our_first * 1e3:6.1f} ms   ", end=""
    )
    print(f"difference {(our_first - sdk_first) * 1e3:+.1f} ms (limit 5)")
    slow = RAGPipeline(
        OpenAILLM("gpt-4o-mini", base_url=paced), embeddings, rag.vectorstore, home="build/bench/engine"
    )
    slow_client = openai.AsyncOpenAI(api_key="test", base_url=paced)
    costs = {}
    for name, one in (("sdk", lambda: sdk(slow_client, "q")), ("ragnb", lambda: ours(slow, "q"))):
        await one()
        cpu = time.process_time()
        _, count = await one()
        costs[name] = (time.process_time() - cpu) / count * 1e6
    print(
        f"CPU a token at 500 tokens/s   openai SDK {costs['sdk']:6.1f} µs   ragnb {costs['ragnb']:6.1f} µs   "
        f"ratio {costs['ragnb'] / costs['sdk']:.2f}"
    )
    await slow_client.close()
    for name, ask in (("openai SDK", lambda: sdk(client, "short")), ("ragnb", lambda: ours(rag, "short"))):
        begin, cpu = time.perf_counter(), time.process_time()
        done = await asyncio.gather(*(ask() for _ in range(50)))
        firsts = sorted(first for first, _ in done)
        print(
            f"50 answers of 100 tokens at once, {name:10}: {time.perf_counter() - begin:.2f} s, "
            f"{time.process_time() - cpu:.2f} s CPU, first token p50 {firsts[25] * 1e3:.0f} ms"
        )
    rag.close()
    await client.close()


def main() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        asyncio.run(measure(*server.stdout.readline().split()))
    finally:
        server.kill()
        server.communicate()


if __name__ == "__main__":
    main()
