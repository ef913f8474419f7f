"""ragnb on a real gateway that is cut: the LiteLLM proxy in mock mode, behind a TCP proxy that breaks it off.

A mocked model says the same whole answer to every request. Asked to go on with an answer that broke off, it begins
again: the whole answer comes as an echo, and the seam has to find in it what is new. Cut after every event and at
random bytes of the response, closed and reset, with each way in which ragnb may ask for the rest. Only the first
fits such a server; the other two show what happens when a server is taken for one that it is not.

    python benchmarks/peers/litellm_proxy.py [every n-th event]

The first run installs LiteLLM into build/peers/litellm.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import sys
import tempfile
from pathlib import Path

from counting import compare
from cutting import Cut, CuttingProxy
from environments import HERE, UnavailableError, python
from positions import HEAD, ask, tally
from serving import free_port, serving

from ragnb.llms.openai import OpenAILLM

QUESTION = "How do refunds work?"
ANSWER = """\
Refunds are paid within five days [1]. A Flex ticket is refunded in full until 24 hours before departure [2], \
and so is every reservation that goes with it. 👍🏽 The 👩‍👩‍👧 family travels 🚆 free, 🇨🇭 and 🇦🇹 alike; zoe\u0308 too.

退款将在五天内支付。自行车预订费用为十五欧元，狗在卧铺车厢里受欢迎。

```python
def refund(price: float, hours: int) -> float:
    if hours >= 24:
        return price

    return  0.5 * price
```

Row, row, row your boat, gently down the stream. Row, row, row your boat, gently down the stream. Merrily, \
words words words words and words: that is all [3].
"""
BYTES = 30  # random places for each way


def main() -> None:
    try:
        run(step=int(sys.argv[1]) if len(sys.argv) > 1 else 4)
    except UnavailableError as reason:
        print(f"skipped: LiteLLM proxy: {reason}")


def run(step: int) -> None:
    interpreter = python("litellm")
    port, key = free_port(), f"sk-{secrets.token_hex(24)}"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.json"  # JSON is YAML
        mocked = {"model": "openai/mocked", "api_key": "none", "mock_response": ANSWER}
        models = {"model_list": [{"model_name": "mocked", "litellm_params": mocked}]}
        config.write_text(json.dumps(models, ensure_ascii=False), "utf-8")
        program = str(interpreter.parent / "litellm")
        command = [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
        settings = {"LITELLM_MASTER_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        ready = f"http://127.0.0.1:{port}/health/liveliness"
        with serving(command, ready, HERE / "litellm_proxy.log", settings):
            asyncio.run(cut_everywhere(port, key, step))


async def cut_everywhere(port: int, key: str, step: int) -> None:
    async with CuttingProxy("127.0.0.1", port) as proxy:

        def model(continuation: str) -> OpenAILLM:
            return OpenAILLM(
                "mocked",
                base_url=f"{proxy.url}/v1",
                api_key=key,
                continuation=continuation,
                stall_timeout=5,
            )

        undisturbed = await ask(model("instruction"), QUESTION, None, proxy)
        if undisturbed.text != ANSWER:
            raise SystemExit(f"The undisturbed answer differs: {compare(ANSWER, undisturbed.text)}")
        events = (
            3 + len(ANSWER) // 3
        )  # LiteLLM mocks a stream in pieces of three characters, and three more
        draw = random.Random(7)
        print(f"LiteLLM proxy, mocked: {len(ANSWER)} characters in {events} events, cut while they come")
        print(HEAD)
        for continuation in ("instruction", "prefill", "exact"):
            cuts = [
                Cut(events=number, how=how)
                for number in range(0, events - 2, step)
                for how in (("fin", "rst") if continuation == "instruction" else ("fin",))
            ]
            cuts += [
                Cut(bytes=draw.randrange(1, 20_000), how=draw.choice(["fin", "rst"])) for _ in range(BYTES)
            ]
            result = await tally(model(continuation), QUESTION, ANSWER, cuts, proxy)
            print(result.row(f'continuation="{continuation}"'), flush=True)
            for name in result.inexact[:8]:
                print(f"    not exact: cut at {name}")
            if len(result.inexact) > 8:
                print(f"    … and {len(result.inexact) - 8} more")
            for failure, count in result.failed.items():
                print(f"    failed {count} times: {failure}")
    print(
        "What such a server does when it is asked to go on: it says its whole answer again, from the beginning.\n"
        "What ragnb did: it held that back until it had seen what is out already, trimmed it (“trimmed”, in\n"
        "characters of all cases), and showed the rest. Not exact can only be a cut within the first dozen characters\n"
        'where continuation="exact" promises what this server does not keep: so short an echo may be chance.'
    )


if __name__ == "__main__":
    main()
