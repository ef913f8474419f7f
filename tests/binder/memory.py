"""The memory that a command takes, with all processes it starts."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

_LOOK = 0.5  # seconds between two looks, each of which walks all pages


def run(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], limit: int, log: Path
) -> tuple[int, int]:
    """Run a command; give its exit status and the most memory that it took, in bytes.

    That is the largest sum that was seen over the processes alive at a time, of the largest resident set each
    one has had (the kernel keeps it: VmHWM), without the pages that it shares with another (the libraries).
    Not all are at their largest at once, so the true peak is below. Past ``limit`` everything is killed, as a
    container would be.
    """
    peak = 0
    with (
        log.open("wb") as out,
        psutil.Popen(command, cwd=cwd, env=dict(env), stdout=out, stderr=out) as root,
    ):
        while True:
            family = _family(root)
            peak = max(peak, sum(map(_memory, family)))
            if peak > limit:
                for process in reversed(family):
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
            try:
                return root.wait(_LOOK), peak
            except (psutil.TimeoutExpired, subprocess.TimeoutExpired):
                pass


def _family(root: psutil.Popen) -> list[psutil.Process]:
    try:
        return [psutil.Process(root.pid), *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _memory(process: psutil.Process) -> int:
    folder = Path("/proc", str(process.pid))
    try:
        most = _kilobytes(folder / "status", "VmHWM")
        now, own = (_kilobytes(folder / "smaps_rollup", name) for name in ("Rss", "Pss"))
    except (OSError, StopIteration):  # it has just ended
        return 0
    return 1024 * max(0, most - now + own)


def _kilobytes(file: Path, name: str) -> int:
    return next(
        int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith(f"{name}:")
    )
