"""OpenAI's embeddings: vectors hashed from word counts, so that texts which share words are near.

https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import struct
from collections import Counter

from ragnb.simulator import wire
from ragnb.simulator.protocols.errors import OpenAIErrors
from ragnb.simulator.script import Script, tokenize
from ragnb.simulator.wire import Json, Piece, Response

_DIMENSIONS = 256


class OpenAIEmbeddings:
    """Embeddings of texts. The script has no say in them, and neither pace nor gate holds them."""

    errors = OpenAIErrors()

    def answer(self, request: Json, script: Script) -> Response:
        given = request.get("input")
        texts = [given] if isinstance(given, str) else given
        if not texts or not all(isinstance(text, str) and text for text in texts):
            return wire.document(self.errors.body(400, "'$.input' is invalid."), 400)
        dimensions = request.get("dimensions") or _DIMENSIONS
        in_base64 = request.get("encoding_format") == "base64"
        vectors = [embed(text, dimensions) for text in texts]
        data = [
            {"object": "embedding", "index": index, "embedding": _packed(v) if in_base64 else v}
            for index, v in enumerate(vectors)
        ]
        tokens = sum(len(tokenize(text)) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return wire.document({"object": "list", "data": data, "model": request["model"], "usage": usage})

    def error_event(self, number: int) -> Piece:
        raise NotImplementedError("embeddings are no stream")


def embed(text: str, dimensions: int = _DIMENSIONS) -> list[float]:
    """A unit vector of so many floats: feature hashing of the words, with signs."""
    words = re.findall(r"\w+", text.lower()) or [text]
    vector = [0.0] * dimensions
    for word, count in Counter(words).items():
        number = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
        sign = 1.0 if number & 1 else -1.0
        vector[(number >> 1) % dimensions] += sign * (1.0 + math.log(count))
    if not any(vector):  # words that cancelled each other out
        vector[0] = 1.0
    length = math.hypot(*vector)
    return [value / length for value in vector]


def _packed(vector: list[float]) -> str:
    """Little-endian float32 in base64."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
