"""Token ids become text piece by piece, and the pieces joined are the text of all ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from ragnb.llms.detokenize import Pieces

TEXT = "Ha ha, 🦊👩‍👩‍👧 cafe\u0301 退款将在五天内支付。\n\n```py\nx = 1\n```\n한국어 words words."


def of_bytes():
    """Every byte is a token, and some pairs are."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("h", "a"), ("Ġ", "ha"), ("o", "r")]
    known = [*letters, *("".join(pair) for pair in merges), "<end>"]
    tokenizer = Tokenizer(models.BPE(vocab={token: n for n, token in enumerate(known)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")


def of_words():
    """Words begin with a mark for the space before them, which the first of a text loses; other bytes are
    tokens as a last resort."""
    known = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"abcdefghijklmnopqrstuvwxyz.,H退"]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: n for n, token in enumerate([*known, "<end>"])},
            merges=[],
            byte_fallback=True,
            unk_token="<unk>",
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")


TOKENIZERS = {"bytes": of_bytes(), "words": of_words()}


def whole(tokenizer, ids):
    return tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def pieces(tokenizer, ids, out=()):
    made = Pieces(tokenizer, out)
    return [piece for piece in (*(made.feed(token) for token in ids), made.close()) if piece is not None]


@pytest.mark.parametrize("name", TOKENIZERS)
def test_no_half_characters(name):
    """Each piece is whole characters, as soon as they are known."""
    tokenizer = TOKENIZERS[name]
    ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    found = pieces(tokenizer, ids)
    assert "".join(text for text, _ in found) == whole(tokenizer, ids)
    assert [token for _, of in found for token in of] == ids
    assert not any("\ufffd" in text for text, _ in found)
    assert len(found) > len(ids) / 4


@pytest.mark.parametrize("name", TOKENIZERS)
@given(data=st.data())
def test_any_ids(name, data):
    """Whatever ids come, bytes that are no character and special tokens too, who begins after any piece goes
    on with the same ones; and the text is that of all ids. (One tokenizer decodes all bytes before one that
    is no character as none either, which cannot be known when they come.)"""
    tokenizer = TOKENIZERS[name]
    ids = data.draw(st.lists(st.integers(0, len(tokenizer) - 1), max_size=40))
    found = pieces(tokenizer, ids)
    if name == "bytes" or "\ufffd" not in whole(tokenizer, ids):
        assert "".join(text for text, _ in found) == whole(tokenizer, ids)
    for n in range(len(found)):
        out = [token for _, of in found[:n] for token in of]
        assert pieces(tokenizer, ids[len(out) :], out) == found[n:]
