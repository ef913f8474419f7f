"""Asking a model beside a pipeline, and failures that asking again does not mend."""

from __future__ import annotations

from dataclasses import dataclass, field

from ragnb.answer import Answer
from ragnb.engine import record
from ragnb.errors import from_failure
from ragnb.events import Failed, Started
from ragnb.generation import generate
from ragnb.llms.base import LLM, Request
from ragnb.resumption.policy import Retry
from ragnb.resumption.resilience import Resilience
from ragnb.routing.budgets import Accounts

HOPELESS = ("authentication", "not_found", "quota")


@dataclass(frozen=True, slots=True)
class Asker:
    """A model that is asked beside a pipeline, paid from its ``accounts``."""

    llm: LLM
    retry: Retry
    accounts: Accounts = field(default_factory=Accounts)

    async def ask(self, request: Request) -> Answer:
        """Its reply to a request; `check` tells whether there is any use in going on."""
        said = Answer()
        said.append(Started(answer_id="", question=request.question, k=len(request.passages)))
        with self.accounts.purse() as purse:
            await record(said, generate((self.llm,), request, Resilience(self.retry), purse=purse))
        check(said)
        return said


def check(answer: Answer) -> None:
    """Raise what ended an answer if it will end all others too: a wrong key, no such model, no credit."""
    failed = answer.last(Failed)
    if failed is not None and failed.fault in HOPELESS:
        raise from_failure(failed.error, failed.message, failed.advice, failed.fault)
