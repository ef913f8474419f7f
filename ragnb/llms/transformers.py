"""A local model, loaded and streamed by the transformers library."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

from ragnb.errors import ConfigurationError
from ragnb.llms import prompt
from ragnb.llms.base import Delta, Request, Stop, Text, Usage


class TransformersLLM:
    """A causal language model from a local folder or the hub, run in this process.

    Parameters
    ----------
    model
        A folder or the hub's name, such as ``Qwen/Qwen3-0.6B``.
    max_tokens
        The most tokens an answer may have.
    temperature
        None or 0 takes the likeliest token at each step, so that an answer can be repeated.
    device
        Such as ``cpu`` or ``cuda``; None lets transformers choose.
    """

    citing = False

    def __init__(
        self,
        model: str,
        *,
        max_tokens: int = 1024,
        temperature: float | None = None,
        device: str | None = None,
    ) -> None:
        self.model = model
        self.max_tokens = max_tokens
        self.temperature = temperature
        self.device = device
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    def __repr__(self) -> str:
        return f"TransformersLLM({self.name!r})"

    @property
    def name(self) -> str:
        return f"transformers:{self.model}"

    def warm_up(self) -> None:
        self._load()

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """The answer's deltas; see `ragnb.llms.base.LLM.stream`. The model runs in a thread, and stops
        at its next token when the iterator is closed."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Delta | Exception] = asyncio.Queue()
        stop = threading.Event()

        def put(item: Delta | Exception) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(arrived.put_nowait, item)

        def work() -> None:
            try:
                self._generate(request, stop, put)
            except Exception as error:
                put(error)

        threading.Thread(target=work, name="ragnb-transformers", daemon=True).start()
        try:
            while True:
                match await arrived.get():
                    case Exception() as error:
                        raise error
                    case delta:
                        yield delta
                        if isinstance(delta, Stop):
                            return
        finally:
            stop.set()

    def _generate(self, request: Request, stop: threading.Event, put: Any) -> None:
        import torch
        from transformers import StoppingCriteriaList, TextStreamer

        model, tokenizer = self._load()
        inputs = _inputs(tokenizer, request).to(model.device)
        length = inputs["input_ids"].shape[1]

        class Streamer(TextStreamer):  # type: ignore[misc]
            def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
                if text:
                    put(Text(text))

        def is_stopped(ids: Any, scores: Any, **_: Any) -> Any:
            return torch.full((ids.shape[0],), stop.is_set(), device=ids.device)

        sampling: dict[str, Any] = {
            "do_sample": False,
            "temperature": None,
            "top_p": None,
            "top_k": None,
        }
        if self.temperature:
            sampling = {"do_sample": True, "temperature": self.temperature}
        output = model.generate(
            **inputs,
            **sampling,
            max_new_tokens=self.max_tokens,
            pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id or 0,
            streamer=Streamer(tokenizer, skip_prompt=True, skip_special_tokens=True),
            stopping_criteria=StoppingCriteriaList([is_stopped]),
        )
        written = output.shape[1] - length
        put(Usage(length, written))
        put(Stop("length" if written >= self.max_tokens else "stop"))

    def _load(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                try:
                    from transformers import AutoModelForCausalLM, AutoTokenizer
                except ImportError as error:
                    raise ConfigurationError(
                        "A local model needs the packages transformers and torch.",
                        "Run: pip install transformers torch",
                    ) from error
                try:
                    tokenizer = AutoTokenizer.from_pretrained(self.model)
                    model = AutoModelForCausalLM.from_pretrained(self.model)
                except (OSError, ValueError) as error:
                    raise ConfigurationError(
                        f"The model {self.model!r} could not be loaded: {str(error).splitlines()[0]}",
                        "Give a folder that holds it, or a name on the hub while the network is there.",
                    ) from error
                model.eval()
                self._loaded = (model.to(self.device) if self.device else model, tokenizer)
            return self._loaded


def _inputs(tokenizer: Any, request: Request) -> Any:
    """The prompt as token ids, by the model's own chat template where it has one."""
    rules, question = prompt.system(citing=False), prompt.user(request)
    if tokenizer.chat_template:
        messages = [{"role": "system", "content": rules}, {"role": "user", "content": question}]
        return tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
    return tokenizer(f"{rules}\n\n{question}\n\nAnswer:", return_tensors="pt")
