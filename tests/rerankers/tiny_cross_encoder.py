"""A cross-encoder of two layers, trained in seconds to tell whether a sentence comes from a passage."""

from __future__ import annotations

import random
import re
from pathlib import Path

from ragnb.embeddings import sentence_transformers
from tests.conftest import ROOT

Pair = tuple[str, str]

WIDTH = 64
EPOCHS = 8


def pairs() -> list[Pair]:
    """Sentences of the sample corpus, each between its neighbours; in the order of the files."""
    found = []
    for file in sorted((ROOT / "data" / "handbook").rglob("*")):
        if file.suffix in (".md", ".txt"):
            text = re.sub(r"\s+", " ", file.read_text("utf-8", "replace"))
            sentences = [one for one in re.split(r"(?<=[.!?]) ", text) if 20 < len(one) < 120]
            for number in range(1, len(sentences) - 1):
                found.append((sentences[number], " ".join(sentences[number - 1 : number + 2])))
    return found


def train(examples: list[Pair], folder: Path, labels: int = 1) -> None:
    """Write a cross-encoder trained on some pairs, and on as many wrong ones, into a folder."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(str(sentence_transformers._wheel()), local_files_only=True)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=tokenizer.vocab_size, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=1,
            intermediate_size=2 * WIDTH, max_position_embeddings=256, num_labels=labels,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )
    )  # fmt: skip
    _let_equal_words_find_each_other(model)
    learnt = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=1.5e-3)
    chooser = random.Random(0)
    model.train()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for epoch in range(EPOCHS if labels == 1 else 0):
        for group in optimizer.param_groups:
            group["lr"] = 1.5e-3 * min(1, (epoch + 1) / 4) * (1 - epoch / EPOCHS)
        told = [(s, p, 1.0) for s, p in examples]
        told += [(s, chooser.choice([q for _, q in examples if s not in q]), 0.0) for s, p in examples]
        chooser.shuffle(told)
        for start in range(0, len(told), 8):
            sentences, passages, targets = zip(*told[start : start + 8], strict=True)
            read = tokenizer(
                list(sentences),
                list(passages),
                padding=True,
                truncation=True,
                max_length=100,
                return_tensors="pt",
            )
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                model(**read).logits[:, 0], torch.tensor(targets)
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    torch.set_num_threads(threads)
    model.save_pretrained(folder)
    tokenizer.model_max_length = 100
    tokenizer.save_pretrained(folder)


def _let_equal_words_find_each_other(model) -> None:
    """Begin where a large model arrives by itself: the first layer attends to equal words and carries over
    in which of the two texts they stand. What that says of a pair is left to be learnt."""
    import torch

    words = model.bert.embeddings.word_embeddings.weight
    positions = model.bert.embeddings.position_embeddings.weight
    sides = model.bert.embeddings.token_type_embeddings.weight
    layer = model.bert.encoder.layer[0].attention
    alike = torch.eye(WIDTH) * (12 / WIDTH**0.5) ** 0.5
    alike[:4] = 0
    with torch.no_grad():
        words.normal_(0, 0.5)[:, :4] = 0
        positions.zero_()
        sides.zero_()
        sides[0, 0] = sides[1, 1] = 3
        layer.self.value.weight.copy_(torch.eye(WIDTH))
        layer.output.dense.weight.copy_(torch.eye(WIDTH))
        for part in (layer.self.query, layer.self.key):
            part.weight.copy_(alike)
            part.bias.zero_()
    words.requires_grad = positions.requires_grad = False
