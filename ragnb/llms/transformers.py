"""A local model, loaded and streamed by the transformers library."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

from ragnb.errors import ConfigurationError, ProviderError, RagnbError
from ragnb.llms import prompt
from ragnb.llms.base import Delta, Partial, Request, Stop, Strategy, Text, Usage
from ragnb.llms.detokenize import Pieces

_CONTEXT = 64  # ids of a text that are enough to know how the next one is decoded


class TransformersLLM:
    """A causal language model from a local folder or the hub, run in this process.

    An answer that broke off is gone on with from its very token ids, at the cost of reading them once: with
    the likeliest tokens the text is that of an undisturbed answer, up to the rounding of ties.

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

    def strategies(self, partial: Partial) -> tuple[Strategy, ...]:
        """How it can go on with this text; see `ragnb.llms.base.Continuing`.

        From the token ids, if it wrote all of it. Otherwise another model wrote some of it, and saying its
        own answer again would bring another one: it reads the text as the beginning of its turn.
        """
        return ("exact",)

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
            except RagnbError as error:
                put(error)
            except Exception as error:
                put(self._failure(error))

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
        from transformers import StoppingCriteriaList
        from transformers.generation.streamers import BaseStreamer

        model, tokenizer = self._load()
        partial = request.partial
        said = partial.ids if partial is not None and partial.model == self.name else ()
        inputs = _inputs(tokenizer, request, said)
        length = inputs.shape[1]
        if partial is None or said:
            before, left = said, self.max_tokens - len(said)
        else:
            before, left = tuple(inputs[0, -_CONTEXT:].tolist()), partial.left(self.max_tokens)
        if left <= 0:
            put(Usage(length, 0))
            put(Stop("length"))
            return
        pieces = Pieces(tokenizer, before)

        class Streamer(BaseStreamer):  # type: ignore[misc]
            is_prompt = True

            def put(self, value: Any) -> None:
                if self.is_prompt:
                    self.is_prompt = False
                    return
                for token in value.flatten().tolist():
                    self.pass_on(pieces.feed(token))

            def end(self) -> None:
                self.pass_on(pieces.close())

            def pass_on(self, piece: tuple[str, tuple[int, ...]] | None) -> None:
                if piece is not None:
                    put(Text(piece[0], ids=piece[1]))

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
        inputs = inputs.to(model.device)
        output = model.generate(
            inputs,
            attention_mask=torch.ones_like(inputs),
            **sampling,
            max_new_tokens=left,
            pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id or 0,
            streamer=Streamer(),
            stopping_criteria=StoppingCriteriaList([is_stopped]),
        )
        written = output.shape[1] - length
        put(Usage(length, written))
        ends = model.generation_config.eos_token_id
        is_ended = int(output[0, -1]) in (ends if isinstance(ends, list) else [ends])
        put(Stop("length" if written >= left and not is_ended else "stop"))

    def _failure(self, error: Exception) -> ProviderError:
        """What broke in the model, in a sentence."""
        words = f"{type(error).__name__}: {error}".splitlines()[0]
        is_memory = isinstance(error, MemoryError) or "memory" in str(error).lower()
        if is_memory:
            return ProviderError(
                "overloaded",
                f"There is not enough memory for {self.name} ({words}).",
                "Free some, use a smaller model, or pass a smaller k.",
            )
        if isinstance(error, IndexError):  # of the embedding of positions
            return ProviderError(
                "window",
                f"The question with its passages is longer than {self.name} can read ({words}).",
                "Pass a smaller k, or use a model with a larger context.",
            )
        return ProviderError(
            "server", f"{self.name} failed while answering ({words}).", "Ask again, or use another model."
        )

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


def _inputs(tokenizer: Any, request: Request, said: tuple[int, ...]) -> Any:
    """The prompt as token ids, shape ``(1, n)``, by the model's own chat template where it has one; after
    it the ids that were said, or the text of a partial answer that has none."""
    import torch

    rules, question = prompt.system(request, citing=False), prompt.user(request)
    begun = request.partial.sent if request.partial is not None and not said else ""
    if tokenizer.chat_template:
        messages = [
            {"role": "system", "content": rules},
            *prompt.turns(request),
            {"role": "user", "content": question},
        ]
        # Not by continue_final_message, since templates may strip the text: what follows would not join.
        asked = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = tokenizer(asked + begun, add_special_tokens=False, return_tensors="pt")["input_ids"]
    else:
        said_before = f"{prompt.conversation(request.history)}\n\n" if request.history else ""
        text = f"{rules}\n\n{said_before}{question}\n\nAnswer:{begun}"
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
    return torch.cat([ids, torch.tensor([said], dtype=ids.dtype)], dim=1) if said else ids
