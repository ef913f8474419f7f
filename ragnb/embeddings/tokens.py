"""The vectors of a text's single tokens, for late interaction: which are kept, and how they are packed.

Tokens of function words and punctuation are left out: half the size, and a better order, since they match
anywhere (``benchmarks/reranking.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ragnb.embeddings.base import Vectors

_ENGLISH = (
    "a also an and are as at be been but by can do does for from had has have how if in into is it its may "
    "no not of on or our such that the their then there these they this to was we were what when where "
    "which who will with you your"
)
_FUNCTION_WORDS = frozenset(_ENGLISH.split())
_MARKS = "▁Ġ#"  # how tokenizers say that a token begins, or goes on with, a word
_LEVELS = 7  # steps on either side of zero: four bits a number
_WIDEST = (
    3.0  # standard deviations; the few larger numbers are cut, so that the steps are fine for the many
)


class ContentTokens:
    """Leaves the tokens of function words, punctuation and the model's own marks out, by a vocabulary."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self._counts = np.zeros(max(vocabulary.values(), default=-1) + 1, np.bool_)
        for token, number in vocabulary.items():
            word = token.strip(_MARKS).casefold()
            self._counts[number] = word not in _FUNCTION_WORDS and any(map(str.isalnum, word))
        for mark in ("[CLS]", "[SEP]", "[PAD]", "[MASK]", "<s>", "</s>", "<pad>", "<mask>"):
            if mark in vocabulary:
                self._counts[vocabulary[mark]] = False

    def __call__(self, numbers: NDArray[np.int64], vectors: Vectors) -> Vectors:
        """Unit vectors, shape ``(tokens kept, width)``, of a text's tokens, given their numbers and
        vectors. A text of nothing else keeps all."""
        counts = self._counts[numbers]
        kept = vectors[counts] if counts.any() else vectors
        return normalized(kept)


def normalized(vectors: Vectors) -> Vectors:
    """Vectors of length one; a zero vector stays."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32, copy=False)
    return unit


def pack(vectors: Vectors) -> bytes:
    """Unit vectors in four bits a number, ``4 + len(vectors) * ceil(width / 2)`` bytes."""
    width: int = vectors.shape[1]
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=1e-12)
    largest = np.minimum(largest, _WIDEST / max(width, 1) ** 0.5)
    steps = np.clip(np.rint(vectors * (_LEVELS / largest)), -_LEVELS, _LEVELS) + 8
    halves = np.pad(steps.astype(np.uint8), ((0, 0), (0, width % 2)), constant_values=8)
    pairs: NDArray[np.uint8] = halves[:, ::2] << 4 | halves[:, 1::2]
    return width.to_bytes(4, "little") + pairs.tobytes()


def unpack(packed: Sequence[bytes]) -> list[Vectors]:
    """The unit vectors that `pack` was given, but for what four bits cannot tell."""
    width = int.from_bytes(packed[0][:4], "little") if packed else 0
    if not width:  # a model without token vectors
        return [np.empty((0, 0), np.float32)] * len(packed)
    stride = (width + 1) // 2
    counts = [(len(one) - 4) // stride for one in packed]
    read = np.frombuffer(b"".join(one[4:] for one in packed), np.uint8)
    vectors = _PAIRS[read].view(np.float32).reshape(-1, 2 * stride)[:, :width]
    vectors /= np.sqrt(np.maximum(np.einsum("ij,ij->i", vectors, vectors), 1e-12))[:, None]
    return np.split(vectors, np.cumsum(counts)[:-1])


# The two numbers in a byte; as one of eight bytes they are looked up at once.
_STEPS = np.arange(256)
_PAIRS = np.stack([(_STEPS >> 4) - 8, (_STEPS & 15) - 8], axis=1).astype(np.float32).view(np.float64)[:, 0]
