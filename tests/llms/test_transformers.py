"""TransformersLLM: a real, tiny model that the test makes, loaded and streamed."""

from __future__ import annotations

import pytest

from ragnb.errors import ConfigurationError
from ragnb.llms.base import Request, Stop, Text, Usage
from ragnb.llms.transformers import TransformersLLM
from tests.conftest import hits


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder with a two-layer GPT-2 of random weights and a tokenizer of bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: n for n, letter in enumerate([*letters, "<end>"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    folder = tmp_path_factory.mktemp("tiny")
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>")
    fast.save_pretrained(folder)
    config = GPT2Config(
        vocab_size=len(vocabulary), n_positions=4096, n_embd=16, n_layer=2, n_head=2, eos_token_id=256
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    return str(folder)


REQUEST = Request("Why?", hits("Because."))


async def read(llm):
    return [delta async for delta in llm.stream(REQUEST)]


async def test_streams(model):
    """Text comes, then usage in the model's own tokens, then the reason of the end; always the same."""
    llm = TransformersLLM(model, max_tokens=20)
    deltas = await read(llm)
    assert any(isinstance(delta, Text) for delta in deltas)
    assert isinstance(deltas[-2], Usage)
    assert deltas[-2].output_tokens == 20
    assert deltas[-1] == Stop("length")
    assert await read(llm) == deltas


async def test_chat_template(model, tmp_path):
    """A model that has a chat template is asked by it."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"
    )
    tokenizer.save_pretrained(tmp_path)
    AutoModelForCausalLM.from_pretrained(model).save_pretrained(tmp_path)
    deltas = await read(TransformersLLM(str(tmp_path), max_tokens=4))
    assert deltas[-2].input_tokens > len("assistant:")


async def test_stops_when_nobody_reads(model):
    """Closing the iterator stops the model at its next token."""
    llm = TransformersLLM(model, max_tokens=3000)
    stream = llm.stream(REQUEST)
    async for _ in stream:
        break
    await stream.aclose()
    import threading

    for thread in threading.enumerate():
        if thread.name == "ragnb-transformers":
            thread.join(timeout=30)
            assert not thread.is_alive()


async def test_a_model_that_is_nowhere(tmp_path):
    """A folder without a model is told in a sentence."""
    with pytest.raises(ConfigurationError, match="could not be loaded"):
        await read(TransformersLLM(str(tmp_path)))
