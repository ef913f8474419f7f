"""The hold: the beginning of an answer is looked at before anyone sees it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from ragnb.errors import InvalidInputError, ProviderError
from ragnb.llms.base import LLM, Delta, Stop, Text

# What begins otherwise is no refusal, and is shown at once.
_OPENINGS = (
    *("i don't know", "i do not know", "i'm sorry", "i am sorry", "sorry", "unfortunately", "i can't"),
    *(
        "i cannot",
        "i can not",
        "i'm unable",
        "i am unable",
        "i'm not sure",
        "i am not sure",
        "i'm not able",
    ),
    *("i am not able", "i'm afraid", "i have no idea", "as an ai", "as a language model"),
    *("ich weiß", "ich kann", "leider", "es tut mir leid", "tut mir leid", "je ne sais pas", "désolé"),
    *("je suis désolé", "je ne peux pas", "jag vet inte", "tyvärr", "jag kan inte", "no sé", "lo siento"),
)
_REFUSES = re.compile(
    r"""\b(?:don't|do\ not)\ know\b | \bno\ idea\b | \bnot\ sure\b
    | \b(?:can't|cannot|can\ not|not\ able\ to|unable\ to)
      \ (?:\w+\ )?(?:answer|help|assist|say|tell|do|comply|provide|discuss|fulfil)
    | \bweiß\ (?:\w+\ )?nicht\b | \b(?:kann|möchte)\ (?:\w+\ ){0,3}nicht\b
    | \bne\ (?:sais|peux)\ pas\b | \b(?:vet|kan)\ inte\b | \bno\ (?:sé|puedo)\b""",
    re.VERBOSE,
)
# That the documents do not say it is a right answer.
_OF_DOCUMENTS = re.compile(
    r"""\b(?:documents?|passages?|sources?|texts?|context|handbook|information|provided|given|mention\w*
    |found|find|dokument\w*|textstellen?|quellen?|abschnitt\w*|angaben|gefunden|passagen?|extraits?|sources
    |trouvé|dokument\w*|källor\w*|hittade?|hittar|documentos?|pasajes?|encontr\w*)\b""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Hold:
    """How much of the beginning may be held back: the first ``tokens`` pieces, and ``seconds`` from the
    first one. What cannot be the beginning of a refusal is not held."""

    tokens: int = 20
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.tokens < 1 or not self.seconds >= 0:
            raise InvalidInputError(f"{self} holds nothing.", "Use 1 token or more; None is no hold.")


class DeclinedError(ProviderError):
    """A model refused, or said that it does not know, before anything was shown."""

    def __init__(self, llm: LLM) -> None:
        super().__init__("declined", f"{llm.name} would not answer.", "Ask in other words.")


def may_refuse(text: str) -> bool:
    """Whether an answer that begins so may yet become a refusal."""
    begun = _plain(text)
    return any(opening.startswith(begun) or begun.startswith(opening) for opening in _OPENINGS)


def refuses(text: str) -> bool:
    """Whether this is a refusal or says that the model does not know, in English, German, French, Swedish
    or Spanish; not so, where it says that the documents do not tell."""
    said = _plain(text)
    return may_refuse(said) and bool(_REFUSES.search(said)) and not _OF_DOCUMENTS.search(said)


def _plain(text: str) -> str:
    return " ".join(text.lower().replace("’", "'").replace("*", "").split())


async def held(stream: AsyncGenerator[Delta, None], llm: LLM, hold: Hold) -> AsyncGenerator[Delta, None]:
    """The same deltas, the first of them held back until it is clear that they are no refusal.

    Raises `DeclinedError` where they are one. Closing ``stream`` is the caller's part.
    """
    clock = asyncio.get_running_loop().time
    deltas: list[Delta] = []
    text, pieces, due = "", 0, float("inf")
    coming: asyncio.Future[Delta] | None = None
    try:
        while True:
            if coming is None:
                coming = asyncio.ensure_future(anext(stream))
            left = None if due == float("inf") else max(0.0, due - clock())
            # A time limit around anext() would break the stream: the piece that comes next is kept.
            await asyncio.wait({coming}, timeout=left)
            is_over = not coming.done()
            if not is_over:
                try:
                    delta = coming.result()
                except StopAsyncIteration:
                    break
                finally:
                    coming = None
                deltas.append(delta)
                if isinstance(delta, Text):
                    text, pieces = text + delta.text, pieces + 1
                    due = min(due, clock() + hold.seconds)
                is_over = isinstance(delta, Stop) or pieces >= hold.tokens or clock() >= due
            if is_over and refuses(text):
                raise DeclinedError(llm)
            if is_over or (text.strip() and not may_refuse(text)):
                break
        for delta in deltas:
            yield delta
        if coming is not None:
            yield await coming
            coming = None
        async for delta in stream:
            yield delta
    except StopAsyncIteration:
        return
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
