"""LiteLLM's router with a fallback; `continuation` as an argument lets it go on in the middle of a stream.

https://docs.litellm.ai/docs/proxy/reliability
"""

from __future__ import annotations

import asyncio
import sys

import litellm
from litellm import Router
from showing import QUESTION, Case, Show, serve

litellm.suppress_debug_info = True
CONTINUES = "continuation" in sys.argv[1:]


def deployment(name: str, case: Case) -> Case:
    where = {"api_base": case[name], "api_key": "test", "timeout": case["patience"]}
    return {
        "model_name": name,
        "litellm_params": {"model": "openai/gpt-4o-mini", "stream_timeout": case["patience"], **where},
        # The router goes on only with a model that is known to take a prefill.
        "model_info": {"supports_assistant_prefill": True},
    }


async def ask(case: Case, show: Show) -> None:
    router = Router(
        model_list=[deployment("primary", case), deployment("secondary", case)],
        fallbacks=[{"primary": ["secondary"]}],
        num_retries=0,
        enable_mid_stream_fallback_continuation=CONTINUES,
    )
    messages = [{"role": "user", "content": QUESTION}]
    stream = await router.acompletion(model="primary", messages=messages, stream=True)
    async for chunk in stream:
        if chunk is not None and chunk.choices:
            show(chunk.choices[0].delta.content or "")


def answer(case: Case, show: Show) -> None:
    LOOP.run_until_complete(ask(case, show))


LOOP = asyncio.new_event_loop()

if __name__ == "__main__":
    serve(answer)
