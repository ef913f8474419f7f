"""Token ids to text, one by one, without waiting for words and without letting half a character out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_UNFINISHED = "\ufffd"  # how bytes are decoded that are no character, or none yet


class Pieces:
    """The text of token ids that come one by one.

    The pieces joined are the text of all ids, and where they begin and end depends on the ids alone: who
    begins after those of some pieces, ``ids``, goes on with the same ones.
    """

    def __init__(self, tokenizer: Any, ids: Iterable[int] = ()) -> None:
        self._tokenizer = tokenizer
        self._last: list[int] = []  # the ids of the last piece
        self._before = ""  # and their text
        self._ids: list[int] = []  # those after it
        for token in ids:
            self.feed(token)

    def feed(self, token: int) -> tuple[str, tuple[int, ...]] | None:
        """The next piece with its ids, None while what follows may still change it."""
        self._ids.append(token)
        text = self._new()
        return self._piece(text) if text and not text.endswith(_UNFINISHED) else None

    def close(self) -> tuple[str, tuple[int, ...]] | None:
        """The last piece: what nothing follows any more."""
        text = self._new()
        return self._piece(text) if text else None

    def _piece(self, text: str) -> tuple[str, tuple[int, ...]]:
        self._last, self._ids = self._ids, []
        self._before = self._decoded(self._last)
        return text, tuple(self._last)

    def _new(self) -> str:
        """What the ids add to the text of the last piece: many tokenizers decode the first id of a text
        otherwise than the rest."""
        whole = self._decoded(self._last + self._ids)
        if whole.startswith(self._before):
            return whole[len(self._before) :]
        return self._decoded(self._ids)  # bytes that are no character spoil the ones before for some

    def _decoded(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text
