"""TransformersLLM: a real, tiny model that the test makes, loaded and streamed."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from ragnb.errors import ConfigurationError, ProviderError
from ragnb.events import Resumed, Token, Used
from ragnb.generation import generate
from ragnb.llms.base import Partial, Request, Stop, Text, Usage
from ragnb.llms.transformers import TransformersLLM, _inputs
from ragnb.resumption.policy import Retry
from ragnb.resumption.resilience import Resilience
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


TEXT = "Ha ha ha 🦊 cafe\u0301 退款 [1]。\n\n`x`  한 x"


@pytest.fixture(scope="module")
def saying(model, tmp_path_factory):
    """A folder with a model that says TEXT to REQUEST: the position decides on the token."""
    import torch
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

    tokenizer = AutoTokenizer.from_pretrained(model)
    asked = _inputs(tokenizer, REQUEST, ()).shape[1]
    config = GPT2Config(
        vocab_size=257,
        n_positions=2048,
        n_embd=257,
        n_layer=1,
        n_head=1,
        eos_token_id=256,
        pad_token_id=256,
    )
    made = GPT2LMHeadModel(config)
    with torch.no_grad():
        for name, values in made.named_parameters():
            if "wte" in name:
                values.copy_(torch.eye(257))
            elif "ln_" not in name:
                values.zero_()
        for n, token in enumerate([*tokenizer(TEXT)["input_ids"], 256]):
            made.transformer.wpe.weight[asked - 1 + n, token] = 100.0
    folder = tmp_path_factory.mktemp("saying")
    tokenizer.save_pretrained(folder)
    made.save_pretrained(folder)
    return str(folder)


class Breaking(TransformersLLM):
    """Its stream breaks after so many deltas, once."""

    cut = -1

    async def stream(self, request):
        cut, self.cut = self.cut, -1
        async with aclosing(super().stream(request)) as deltas:
            n = 0
            async for delta in deltas:
                if n == cut:
                    raise ProviderError("cut", "Cut.")
                n += 1
                yield delta


async def log_of(*llms):
    return [event async for event in generate(llms, REQUEST, Resilience(Retry(initial=0.0, maximum=0.0)))]


def texts(log):
    return [event.text for event in log if isinstance(event, Token)]


@pytest.mark.parametrize("which", ["saying", "model"])
async def test_goes_on_from_its_ids(which, request):
    """Cut after any token, the answer goes on with the tokens of an undisturbed one: one that is told by its
    text, with characters of several tokens each, and one of a model that looks at all that is before it."""
    llm = Breaking(request.getfixturevalue(which), max_tokens=2000 if which == "saying" else 48)
    whole = await log_of(llm)
    assert which == "model" or "".join(texts(whole)) == TEXT
    assert sum(len(event.ids) for event in whole if isinstance(event, Token)) > len(texts(whole)) > 15
    usual = next(event for event in whole if isinstance(event, Used))
    for cut in range(1, len(texts(whole)) + 1):
        llm.cut = cut
        log = await log_of(llm)
        assert texts(log) == texts(whole)
        assert [event.ids for event in log if isinstance(event, Token)] == [
            event.ids for event in whole if isinstance(event, Token)
        ]
        assert [event.strategy for event in log if isinstance(event, Resumed)] == ["exact"]
        assert log[-1] == whole[-1]
        assert [event for event in log if isinstance(event, Used)][-1].output_tokens < usual.output_tokens


async def test_goes_on_with_the_text_of_another(saying):
    """Text that another model wrote is read as the beginning of its own turn, and no ids are told for it."""

    class Other:
        name = "other"
        citing = False
        cut = 0

        async def stream(self, request):
            yield Text(TEXT[: self.cut])
            raise ProviderError("authentication", "No.")

        def warm_up(self):
            pass

    llm, other = TransformersLLM(saying), Other()
    for other.cut in range(1, len(TEXT), 4):
        log = await log_of(other, llm)
        assert "".join(texts(log)) == TEXT
        assert not any(event.ids for event in log if isinstance(event, Token))


async def test_another_local_model_does_not_take_the_ids_for_its_own(saying, model):
    """Ids mean something to the model alone that made them."""
    first = Breaking(model, max_tokens=48)
    request = Request(
        "Why?", hits("Because."), Partial("abc", 3, first.name, None, "exact", ids=(64, 65, 66))
    )
    own = [delta async for delta in first.stream(request)]
    others = [delta async for delta in TransformersLLM(saying).stream(request)]
    assert own[-2].output_tokens == 45
    assert "".join(delta.text for delta in others if isinstance(delta, Text)) == TEXT[3:]


async def test_nothing_is_left(model):
    """A partial answer that has all the tokens it may have ends there."""
    llm = TransformersLLM(model, max_tokens=3)
    partial = Partial("abc", 3, llm.name, None, "exact", ids=(64, 65, 66))
    deltas = [delta async for delta in llm.stream(Request("Why?", hits("Because."), partial))]
    assert deltas[-1] == Stop("length")
    assert not [delta for delta in deltas if isinstance(delta, Text)]


@pytest.mark.parametrize(
    ("error", "fault", "advice"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "overloaded", "smaller k"),
        (MemoryError(), "overloaded", "smaller model"),
        (IndexError("index out of range in self"), "window", "larger context"),
        (RuntimeError("CUDA error: unspecified launch failure"), "server", "another model"),
    ],
)
async def test_a_model_that_breaks(saying, error, fault, advice):
    """What breaks in a model, in the middle of an answer, is a fault with advice; afterwards it goes on."""
    llm = TransformersLLM(saying)
    loaded, _ = llm._load()
    steps = iter([None] * 20 + [error])

    def step(module, args):
        if (broken := next(steps, None)) is not None:
            raise broken

    with pytest.raises(ProviderError) as caught:
        hook = loaded.register_forward_pre_hook(step)
        await read(llm)
    assert caught.value.fault == fault
    assert advice in caught.value.advice
    hook.remove()
    steps = iter([None] * 20 + [error])
    hook = loaded.register_forward_pre_hook(step)
    if fault == "window":
        with pytest.raises(ProviderError):
            await log_of(llm)
    else:
        assert "".join(texts(await log_of(llm))) == TEXT
    hook.remove()


async def test_a_template_and_a_partial_answer(model, tmp_path):
    """The text of a partial answer stands where the template has the model begin."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}assistant:"
    request = Request("Why?", hits("Because."), Partial("So it \n", strategy="exact"))
    assert tokenizer.decode(_inputs(tokenizer, request, ())[0]).endswith(
        "Question: Why?\nassistant:So it \n"
    )
