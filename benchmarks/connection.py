"""What it is worth that the connection to the model is opened while passages are searched and reranked: the
time to the first token with that and without, and on a connection that is kept.

The model is a simulator behind a gateway on this machine that lets each new connection wait for 150 ms, about
what the handshakes of TCP and TLS with a server 50 ms away take, and a request not at all.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from ragnb import RAGPipeline
from ragnb.background import run
from ragnb.documents import Hit
from ragnb.llms.openai import OpenAILLM
from ragnb.simulator import Simulator

DATA = Path(__file__).resolve().parents[1] / "data"
SET_UP = 0.15  # seconds
WORDS = ("dogs", "refunds", "bicycles", "sleeping cars", "the restaurant car", "delays", "luggage")
QUESTIONS = [
    f"{asked} {word}?" for word in WORDS for asked in ("What is said about", "What are the rules for")
]


class Unconnected(OpenAILLM):
    """A model whose connection is opened by its request."""

    def connect(self) -> None:
        pass


async def gateway(port: int, listening: Future[int]) -> None:
    """Serve a port whose connections, to ``port``, take long to set up."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(SET_UP)
        its_reader, its_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, its_writer), pipe(its_reader, writer))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        listening.set_result(server.sockets[0].getsockname()[1])
        await server.serve_forever()


class Slow:
    """A reranker that takes as long as a cross-encoder may."""

    name = "slow"

    def rerank(self, question: str, hits: Sequence[Hit]) -> Sequence[Hit]:
        time.sleep(2 * SET_UP)
        return hits


def measure(rag: RAGPipeline, *, closed: bool) -> tuple[float, float]:
    """The median seconds until the model is called, and to the first token. Where ``closed``, the connections end before
    each question, as they do while a reader thinks."""
    called, first = [], []
    for question in QUESTIONS:
        if closed:
            run(rag.llm.aclose())
        answer = rag.start(question)
        answer.wait()
        called.append(answer.timing.ttft - answer.timing.wait)
        first.append(answer.timing.ttft)
    return statistics.median(called), statistics.median(first)


def main() -> None:
    with Simulator("So it is [1].") as sim, tempfile.TemporaryDirectory() as home:
        listening: Future[int] = Future()
        port = int(sim.anthropic_url.rpartition(":")[2])
        threading.Thread(target=asyncio.run, args=(gateway(port, listening),), daemon=True).start()
        url = f"http://127.0.0.1:{listening.result()}/v1"
        rag = RAGPipeline(OpenAILLM("m", base_url=url, api_key="test"), home=home)
        rag.ingest(DATA / "handbook")
        measure(rag, closed=False)  # all is loaded and embedded
        kept = measure(rag, closed=False)
        opened = measure(rag, closed=True)
        model = Unconnected("m", base_url=url, api_key="test")
        parts = (rag.embeddings, rag.vectorstore)
        alone = measure(RAGPipeline(model, *parts, home=None), closed=True)
        slowly = measure(RAGPipeline(rag.llm, *parts, Slow(), home=None), closed=True)
        slowly_alone = measure(RAGPipeline(model, *parts, Slow(), home=None), closed=True)
        print(f"median of {len(QUESTIONS)} questions; a new connection takes {1000 * SET_UP:.0f} ms")
        print(f"{'':50}{'model called':>14}{'first token':>14}")
        for name, (called, ttft) in (
            ("a connection that is kept", kept),
            ("a new one, opened while passages are found", opened),
            ("a new one, opened by the request", alone),
            (f"a rerank of {2000 * SET_UP:.0f} ms, one opened meanwhile", slowly),
            (f"a rerank of {2000 * SET_UP:.0f} ms, one opened by the request", slowly_alone),
        ):
            print(f"{name:50}{1000 * called:11.0f} ms{1000 * ttft:11.0f} ms")
        rag.close()


if __name__ == "__main__":
    main()
