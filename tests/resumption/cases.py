"""What is cut, how, and whether the answer is whole again: the cases of the tests and of the benchmark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher

from ragnb.answer import Answer
from ragnb.engine import record
from ragnb.events import Final, Finished, Used
from ragnb.generation import generate
from ragnb.llms.anthropic import AnthropicLLM
from ragnb.llms.base import LLM, Request
from ragnb.llms.openai import OpenAILLM
from ragnb.resumption.policy import Retry
from ragnb.resumption.resilience import Resilience
from ragnb.simulator import (
    AddSpace,
    CleanEnd,
    Cut,
    Duplicate,
    ErrorEvent,
    Exact,
    Garbage,
    NoAnchor,
    Preamble,
    Reorder,
    Repeat,
    RepeatAll,
    Simulator,
    SwallowSpace,
)
from tests.resumption.provider import PASSAGES, cited
from tests.resumption.texts import CJK, CODE, EMOJI, LAUGH, PROSE, SONG, WORDS

QUICKLY = Retry(attempts=3, initial=0.0, maximum=0.0)
ANSWER = (
    f"{EMOJI}\n\nRefunds are paid within five days [1]. A bicycle costs 15 euros! [2][1]\n\n{CODE}\n退款将在五天内支付 [1]。"
    f"\n\n{WORDS} [2]. {SONG}\n\n{CJK}\n\n{LAUGH}\n\n{PROSE}"
)
TEXTS = {
    "all": ANSWER,
    "words": f"{WORDS}. {WORDS} [1]. {WORDS}",
    "song": f"{SONG}\n\n{SONG} [2]\n\n{SONG}",
    "laugh": f"{LAUGH}{LAUGH}",
}


def chat(sim: Simulator, **options) -> LLM:
    return OpenAILLM("m", base_url=sim.url, **options)


def claude(sim: Simulator, model: str) -> LLM:
    return AnthropicLLM(model, base_url=sim.anthropic_url, api_key="test")


PROTOCOLS: dict[str, Callable[[Simulator], LLM]] = {
    "chat, instructed": chat,
    "chat, exact": lambda sim: chat(sim, continuation="exact"),
    "chat, prefix": lambda sim: chat(sim, continuation="prefill"),
    "Responses, instructed": lambda sim: chat(sim, api="responses"),
    "Responses, cursor": lambda sim: chat(sim, api="responses", background=True),
    "Anthropic, prefill": lambda sim: claude(sim, "claude-haiku-4-5"),
    "Anthropic, instructed": lambda sim: claude(sim, "claude-opus-4-6"),
}
FAULTS = {
    "fin": Cut,
    "rst": lambda n: Cut(n, "rst"),
    "clean end": CleanEnd,
    "error event": ErrorEvent,
    "garbage": Garbage,
}
DISORDER = {"an event twice": Duplicate, "two events swapped": Reorder}
BEHAVIOURS = {
    "exact": Exact(),
    "repeats 5 characters": Repeat(5),
    "repeats 70 characters": Repeat(70),
    "repeats everything": RepeatAll(),
    "no anchor": NoAnchor(),
    "swallows white space": SwallowSpace(),
    "adds white space": AddSpace(),
    "preamble": Preamble(),
}


_UNNUMBERED = "Its events carry no number: the text stands as it came."
_TRUSTED = "The server was asked to continue the text and is trusted: what it says stands as it came."
_FIVE = "Five characters may be the model's own: they stand twice."
_NO_ANCHOR = (
    "The rest is taken as it comes. The citation of a sentence that was cut after its last word is lost; and "
    "where the text says its last words again right there, that is what a model says that begins with them."
)
INEXACT = {
    **{
        (protocol, kind): _UNNUMBERED
        for protocol in PROTOCOLS
        if not protocol.startswith("Responses")
        for kind in DISORDER
    },
    **{
        (protocol, behaviour): _TRUSTED
        for protocol in ("chat, exact", "chat, prefix", "Anthropic, prefill")
        for behaviour in (
            "repeats 5 characters",
            "repeats 70 characters",
            "swallows white space",
            "adds white space",
            "preamble",
        )
    },
    ("chat, prefix", "repeats everything"): "The server repeats the prefix, and the model says it again.",
    **{
        (protocol, behaviour): what
        for protocol in ("chat, instructed", "Responses, instructed", "Anthropic, instructed")
        for behaviour, what in (("repeats 5 characters", _FIVE), ("no anchor", _NO_ANCHOR))
    },
}
"""What cannot be continued exactly, by protocol and by what goes wrong, and what happens there."""
_NO_SPACE = "White space that the model does not say is nowhere to be had."
LOSING = {
    **{
        (protocol, "swallows white space"): _NO_SPACE
        for protocol in ("chat, exact", "chat, prefix", "Anthropic, prefill")
    },
    **{
        (protocol, "no anchor"): _NO_ANCHOR
        for protocol in ("chat, instructed", "Responses, instructed", "Anthropic, instructed")
    },
}
"""Those of them in which characters may be lost; in all others some stand twice at most."""
_OWN = "A text that repeats itself: what the model repeats may be its own, and stands or goes by chance."


def why_inexact(protocol: str, what: str, text: str = "all") -> str | None:
    """What happens in a case that cannot be exact, None in one that is."""
    if text != "all" and what.startswith("repeats") and protocol != "Responses, cursor":
        return _OWN
    return INEXACT.get((protocol, what))


def may_lose(protocol: str, what: str, text: str = "all") -> bool:
    """Whether characters may be lost."""
    return (protocol, what) in LOSING or why_inexact(protocol, what, text) == _OWN


@dataclass(frozen=True)
class Damage:
    """What is wrong with an answer: characters lost and said twice, and citations lost or invented."""

    lost: int = 0
    duplicated: int = 0
    citations: int = 0

    def __bool__(self) -> bool:
        return bool(self.lost or self.duplicated or self.citations)


async def ask(llm: LLM) -> Answer:
    """The log of one answer, whose events are numbered without a gap and end once."""
    answer = Answer()
    await record(answer, generate([llm], Request("How?", PASSAGES), Resilience(QUICKLY)))
    assert [event.seq for event in answer.events] == list(range(len(answer.events)))
    assert [type(event) for event in answer.events if isinstance(event, Final)] == [Finished]
    assert any(isinstance(event, Used) for event in answer.events)
    return answer


def damage(answer: Answer, undisturbed: Answer) -> Damage:
    """How the answer differs from the undisturbed one."""
    characters = iter(answer.text)
    if all(character in characters for character in undisturbed.text):  # all there, in order
        same = len(undisturbed.text)
    else:
        matcher = SequenceMatcher(None, undisturbed.text, answer.text, autojunk=False)
        same = sum(block.size for block in matcher.get_matching_blocks())
    lost, duplicated = len(undisturbed.text) - same, len(answer.text) - same
    wrong = set(cited(list(answer.events))) ^ set(cited(list(undisturbed.events)))
    return Damage(lost, duplicated, len(wrong))
