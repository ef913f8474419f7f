"""A peer's server as a process of its own, stopped with all its children."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from environments import UnavailableError


@contextlib.contextmanager
def serving(
    command: Sequence[str], ready: str, log: Path, env: Mapping[str, str], patience: float = 180.0
) -> Iterator[None]:
    """Run a server until the block ends; the block begins when the address ``ready`` answers.

    What the server says goes to ``log``. Raises `UnavailableError` when it ends, or does not answer within
    ``patience`` seconds.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **env},
            start_new_session=True,
        )
    try:
        _wait(process, ready, log, time.monotonic() + patience)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], ready: str, log: Path, until: float) -> None:
    while time.monotonic() < until:
        if process.poll() is not None:
            raise UnavailableError(f"the server ended with status {process.returncode}, see {log}")
        try:
            with urllib.request.urlopen(ready, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    raise UnavailableError(f"the server did not answer in time, see {log}")
