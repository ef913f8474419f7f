"""A peer's client as a process of its own: cases go in, what its user saw comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from environments import HERE, ROOT, UnavailableError

_CLIENTS = Path(__file__).parent / "clients"


@dataclass(slots=True)
class Seen:
    """The pieces with their times, in seconds of the monotonic clock, and the exception that ended it."""

    pieces: list[tuple[str, float]] = field(default_factory=list)
    raised: str | None = None

    @property
    def text(self) -> str:
        return "".join(piece for piece, _ in self.pieces)


class Client:
    """A running client."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    async def ask(self, case: dict[str, Any], patience: float = 120.0) -> Seen:
        """What the user of this client saw of the case. Raises `UnavailableError` where it ended instead."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(case).encode() + b"\n")
        seen = Seen()
        try:
            async with asyncio.timeout(patience):
                await self._process.stdin.drain()
                while line := await self._process.stdout.readline():
                    told = json.loads(line)
                    if "piece" not in told:
                        seen.raised = told["end"]
                        return seen
                    seen.pieces.append((told["piece"], told["at"]))
        except (TimeoutError, ConnectionError):
            pass
        raise UnavailableError(f"the client did not answer, see {self._log}")


@contextlib.asynccontextmanager
async def running(interpreter: Path, client: str, arguments: Sequence[str]) -> AsyncIterator[Client]:
    """The client script in that environment, until the block ends."""
    log = HERE / f"{'-'.join((client, *arguments))}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            str(interpreter),
            str(_CLIENTS / f"{client}.py"),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=_environment(),
            start_new_session=True,
        )
    try:
        yield Client(process, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _environment() -> dict[str, str]:
    """No key, and nothing that is reported or fetched."""
    quiet = {
        "PYTHONPATH": str(ROOT),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "HAYSTACK_TELEMETRY_ENABLED": "False",
        "LANGSMITH_TRACING": "false",
        "HF_HUB_OFFLINE": "1",
    }
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return {**kept, **quiet}
