"""ragnb on a real model server that is cut: `transformers serve`, behind a TCP proxy that breaks it off.

A tiny model is made on the spot: it knows one answer by heart, two paragraphs of the sample corpus, and says it one
byte a token. It answers greedily, so the undisturbed answer is the reference. `transformers serve` has no
`continue_final_message` (it refuses unknown fields with a 422); but the chat template is the model's own, and this
one's leaves a last turn of the assistant open, so continuation="prefill" is the strongest way that there really is.

    python benchmarks/peers/transformers_serve.py [every n-th token]

The first run installs transformers and torch into build/peers/transformers and trains the model, about a minute.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from cutting import Cut, CuttingProxy
from environments import HERE, ROOT, UnavailableError, python
from positions import HEAD, ask, tally
from serving import free_port, serving

from ragnb.llms import prompt
from ragnb.llms.base import Request
from ragnb.llms.openai import OpenAILLM

QUESTION = "How do refunds work?"
PAGES = ("refunds.md", "languages/till-fjalls.sv.md")
MAKER = Path(__file__).parent / "clients" / "tiny_model.py"
FOLDER = HERE / "tiny-model"
SETTINGS = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}  # so small a model is slower on more threads


def main() -> None:
    try:
        run(step=int(sys.argv[1]) if len(sys.argv) > 1 else 12)
    except UnavailableError as reason:
        print(f"skipped: transformers serve: {reason}")


def run(step: int) -> None:
    interpreter = python("transformers")
    answer = "\n\n".join(_paragraph(ROOT / "data" / "handbook" / page) for page in PAGES)
    make(interpreter, answer)
    port = free_port()
    command = [str(interpreter.parent / "transformers"), "serve", str(FOLDER), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--device", "cpu"]
    ready = f"http://127.0.0.1:{port}/health"
    with serving(command, ready, HERE / "transformers_serve.log", SETTINGS):
        asyncio.run(cut_often(port, answer, step))


def make(interpreter: Path, answer: str) -> None:
    """The model that says the answer, where it is not there yet."""
    asked = prompt.user(Request(QUESTION))
    made_from = FOLDER / "made-from"
    state = hashlib.sha256(json.dumps([MAKER.read_text(), asked, answer]).encode()).hexdigest()
    if made_from.exists() and made_from.read_text() == state:
        return
    print("training the tiny model …", flush=True)
    command = [str(interpreter), str(MAKER), str(FOLDER), asked]
    done = subprocess.run(
        command, input=answer.encode(), capture_output=True, env={**os.environ, **SETTINGS}
    )
    if done.returncode:
        raise UnavailableError(f"the tiny model was not made ({done.stderr.decode().strip()[-300:]})")
    made_from.write_text(state)


def _paragraph(page: Path) -> str:
    """The first paragraph of the page that is prose."""
    text = page.read_text("utf-8").rpartition("---\n")[2]
    return next(part.strip() for part in text.split("\n\n") if part.strip()[0].isalpha())


async def cut_often(port: int, answer: str, step: int) -> None:
    async with CuttingProxy("127.0.0.1", port) as proxy:

        def model(continuation: str) -> OpenAILLM:
            address = f"{proxy.url}/v1"
            return OpenAILLM(
                str(FOLDER), base_url=address, temperature=0, continuation=continuation, stall_timeout=30
            )

        undisturbed = await ask(model("prefill"), QUESTION, None, proxy)
        if undisturbed.text != answer:
            raise UnavailableError(f"the undisturbed answer is not the text: {undisturbed}")
        tokens = len(answer.encode())
        print(f"transformers serve, tiny model: {len(answer)} characters in {tokens} tokens, greedy")
        print(HEAD)
        for continuation, places in (
            ("prefill", range(0, len(answer), step)),
            ("exact", range(30, len(answer), step * 4)),
            ("instruction", range(30, len(answer), step * 4)),
        ):
            cuts = [Cut(events=place, how=("fin", "rst")[n % 2]) for n, place in enumerate(places)]
            result = await tally(model(continuation), QUESTION, answer, cuts, proxy)
            print(result.row(f'continuation="{continuation}"'), flush=True)
            for name in result.inexact[:8]:
                print(f"    not exact: cut at {name}")
            for failure, count in result.failed.items():
                print(f"    failed {count} times: {failure}")
    print(
        "prefill: the model's template leaves the last turn open, and it goes on from the very byte.\n"
        "exact: the server refuses continue_final_message (422), and ragnb goes on to an instruction.\n"
        "instruction: a model that has learnt one text by heart does not understand one. What it says instead is no\n"
        "continuation; that an answer is then not exact is the model's doing, and no seam can mend it.",
        flush=True,
    )


if __name__ == "__main__":
    main()
