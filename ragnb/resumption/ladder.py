"""The ladder of failure: what is done next after each fault."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

from ragnb.errors import ConfigurationError, Fault

Step = Literal["at once", "later", "another", "larger", "cheaper", "stop"]
"""The same model again, at once or after a wait; another model, the next one, the next one that can read
more, or the next one that costs less; or the end."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """The next step after each fault, which are those of `ragnb.errors.Fault`:
    ``Ladder(overloaded="another", budget="stop")``.

    ``"at once"`` and ``"later"`` ask the same model again, as often and as long as `Retry` says, and then
    the next one; ``"another"`` asks the next one, ``"larger"`` the next one whose window is larger, and
    ``"cheaper"`` the next one that costs less, as far as these are known. ``"stop"`` ends the answer.
    Where there is no such model the answer has failed, and says what of. A model that is given several
    keys or addresses (`Deployments`) is asked by another of them first. Raises `ConfigurationError` for
    what is no step.
    """

    rate_limit: Step = "later"
    overloaded: Step = "later"
    window: Step = "larger"
    content_filter: Step = "another"
    budget: Step = "cheaper"
    declined: Step = "another"
    authentication: Step = "another"
    quota: Step = "another"
    not_found: Step = "another"
    bad_request: Step = "another"
    server: Step = "later"
    unreachable: Step = "later"
    stalled: Step = "at once"
    cut: Step = "at once"
    garbage: Step = "another"

    def __post_init__(self) -> None:
        steps = get_args(Step)
        for one in fields(self):
            if getattr(self, one.name) not in steps:
                raise ConfigurationError(
                    f"{one.name}={getattr(self, one.name)!r} is no step.",
                    f"Use one of {', '.join(repr(step) for step in steps)}.",
                )

    def after(self, fault: Fault, *, began: bool) -> Step:
        """The step after a fault. Garbage after a good beginning (``began``) is damage on the way, as a
        cut is; otherwise the address is wrong."""
        step: Step = getattr(self, "cut" if began and fault == "garbage" else fault)
        return step
