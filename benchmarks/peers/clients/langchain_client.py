"""LangChain: a model `with_fallbacks`, streamed.

https://python.langchain.com/docs/how_to/fallbacks/
"""

from __future__ import annotations

from langchain_openai import ChatOpenAI
from showing import QUESTION, Case, Show, serve


def model(url: str, case: Case) -> ChatOpenAI:
    return ChatOpenAI(
        model="gpt-4o-mini", base_url=url, api_key="test", timeout=case["patience"], max_retries=0
    )


def answer(case: Case, show: Show) -> None:
    chain = model(case["primary"], case).with_fallbacks([model(case["secondary"], case)])
    for chunk in chain.stream(QUESTION):
        show(chunk.text)


if __name__ == "__main__":
    serve(answer)
