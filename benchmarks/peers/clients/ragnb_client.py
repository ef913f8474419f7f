"""ragnb with `fallback=`: the answer is gone on with by the next model."""

from __future__ import annotations

from showing import QUESTION, Case, Show, serve

from ragnb import RAGPipeline, Retry
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.vectorstores.memory import InMemoryVectorStore


def model(url: str, case: Case) -> OpenAILLM:
    return OpenAILLM("gpt-4o-mini", base_url=url, api_key="test", stall_timeout=case["patience"])


def answer(case: Case, show: Show) -> None:
    rag = RAGPipeline(
        llm=model(case["primary"], case),
        fallback=model(case["secondary"], case),
        retry=Retry(attempts=1),  # the others do not ask the same provider again either
        embeddings=OpenAIEmbeddings(base_url=case["embeddings"], api_key="test"),
        vectorstore=InMemoryVectorStore(),
        home=None,
    )
    try:
        rag.add(["Refunds are paid within five days."])
        for piece in rag.stream(QUESTION):
            show(piece)
    finally:
        rag.close()


if __name__ == "__main__":
    serve(answer)
