"""Make a tiny language model that answers one question with one text, byte by byte.

    python tiny_model.py folder question < text

A Llama of two layers learns the text by heart, in a minute or so on a processor. Its tokens are bytes, so that any
beginning of the text is cut into the same tokens as the whole. Its chat template leaves a last turn of the assistant
open: such a turn is gone on with. It knows no system turn.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ["<end>", "<user>", "<assistant>"]
TEMPLATE = (
    "{% for turn in messages %}"
    "{% if turn.role == 'user' %}<user>{{ turn.content }}<assistant>"
    "{% elif turn.role == 'assistant' %}{{ turn.content }}{% if not loop.last %}<end>{% endif %}{% endif %}"
    "{% endfor %}"
)
ENOUGH = 0.002  # mean loss, in nats a byte
LIMIT = 240.0  # seconds


def tokenizer() -> PreTrainedTokenizerFast:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    by_byte = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    by_byte.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    by_byte.decoder = decoders.ByteLevel()
    by_byte.add_special_tokens(SPECIAL)
    return PreTrainedTokenizerFast(
        tokenizer_object=by_byte,
        eos_token="<end>",
        pad_token="<end>",
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def learn(tokens: PreTrainedTokenizerFast, text: str) -> LlamaForCausalLM:
    """Until every byte of the text follows from those before it."""
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(tokens),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=4096,
        bos_token_id=None,
        eos_token_id=tokens.eos_token_id,
        pad_token_id=tokens.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    ids = tokens(text, return_tensors="pt").input_ids
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        loss = model(input_ids=ids, labels=ids).loss
        if loss.item() < ENOUGH:
            return model
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    raise SystemExit(f"The model has not learnt the text in {LIMIT:g} s: the loss is {loss.item():.4f}.")


def main() -> None:
    folder, question, text = Path(sys.argv[1]), sys.argv[2], sys.stdin.read()
    tokens = tokenizer()
    model = learn(tokens, f"<user>{question}<assistant>{text}<end>")
    model.generation_config.do_sample = False
    tokens.save_pretrained(folder)
    model.save_pretrained(folder)


if __name__ == "__main__":
    main()
