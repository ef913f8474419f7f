"""Ask a real server through ragnb, cut at every position, and count what a reader lost or saw twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from counting import compare
from cutting import Cut, CuttingProxy

from ragnb.errors import ProviderError
from ragnb.events import Resumed, Token
from ragnb.generation import generate
from ragnb.llms.base import Request
from ragnb.llms.openai import OpenAILLM
from ragnb.resumption.policy import Retry
from ragnb.resumption.resilience import Resilience

_QUICKLY = Retry(attempts=3, initial=0.0, maximum=0.0, budget=30.0)


@dataclass(slots=True)
class Tally:
    """What came of the cuts: ``inexact`` names the cases, by their cut, that were not the whole answer."""

    cases: int = 0
    exact: int = 0
    lost: int = 0
    extra: int = 0
    strategies: Counter[str] = field(default_factory=Counter)
    trimmed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    inexact: list[str] = field(default_factory=list)

    def row(self, name: str) -> str:
        resumed = ", ".join(f"{way} {count}" for way, count in sorted(self.strategies.items()))
        return (
            f"{name:42} {self.cases:6} {self.exact:6} {self.lost:6} {self.extra:6} {sum(self.failed.values()):7}"
            f" {self.trimmed:8}  {resumed}"
        )


HEAD = (
    f"{'':42} {'cases':>6} {'exact':>6} {'lost':>6} {'extra':>6} {'failed':>7} {'trimmed':>8}  resumed by"
)


async def ask(llm: OpenAILLM, question: str, cut: Cut | None, proxy: CuttingProxy) -> Answered:
    """One answer through the proxy; its first connection is cut."""
    proxy.cuts.clear()
    proxy.cuts.append(cut)
    answered = Answered()
    try:
        async for event in generate([llm], Request(question), Resilience(_QUICKLY)):
            if isinstance(event, Token):
                answered.text += event.text
            elif isinstance(event, Resumed):
                answered.resumed.append(event)
    except ProviderError as error:
        answered.failure = f"{error.fault}: {error.message}"
    finally:
        await llm.aclose()  # so that the next question makes a new connection
    return answered


@dataclass(slots=True)
class Answered:
    text: str = ""
    resumed: list[Resumed] = field(default_factory=list)
    failure: str = ""


async def tally(
    llm: OpenAILLM, question: str, whole: str, cuts: Sequence[Cut], proxy: CuttingProxy
) -> Tally:
    """The question once for each cut, against the undisturbed answer."""
    result = Tally()
    for cut in cuts:
        made = proxy.made
        answered = await ask(llm, question, cut, proxy)
        if proxy.made == made:
            raise RuntimeError(f"{cut} was never made: the answer is shorter")
        seen = compare(whole, answered.text)
        result.cases += 1
        result.lost += seen.lost
        result.extra += seen.extra
        result.strategies.update(event.strategy for event in answered.resumed)
        result.trimmed += sum(event.trimmed for event in answered.resumed)
        if answered.failure:
            result.failed[answered.failure] += 1
        if answered.text == whole and not answered.failure:
            result.exact += 1
        else:
            place = f"event {cut.events}" if cut.events is not None else f"byte {cut.bytes}"
            result.inexact.append(f"{place} ({cut.how}): {seen.lost} lost, {seen.extra} extra")
    return result
