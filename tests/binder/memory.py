"""The memory that a command takes, with all processes it starts."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

_LOOK = 0.2  # seconds between two looks


def run(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], limit: int, log: Path
) -> tuple[int, int]:
    """Run a command; give its exit status and the most memory that it took, in bytes.

    That is the sum, over all processes that were ever seen, of the largest resident set each one had
    (the kernel keeps it: VmHWM). Not all of them were at their largest at once, and pages that they share
    count for each, so the true peak is below. Past ``limit`` everything is killed, as a container would be.
    """
    peaks: dict[tuple[int, float], int] = {}
    with (
        log.open("wb") as out,
        psutil.Popen(command, cwd=cwd, env=dict(env), stdout=out, stderr=out) as root,
    ):
        while True:
            family = _family(root)
            for process in family:
                if peak := _peak(process):
                    peaks[process.pid, process.create_time()] = peak
            if sum(peaks.values()) > limit:
                for process in reversed(family):
                    process.kill()
            try:
                return root.wait(_LOOK), sum(peaks.values())
            except (psutil.TimeoutExpired, subprocess.TimeoutExpired):
                pass


def _family(root: psutil.Popen) -> list[psutil.Process]:
    try:
        return [psutil.Process(root.pid), *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _peak(process: psutil.Process) -> int:
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:  # it has just ended
        return 0
    lines = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return next((1024 * int(line.split()[1]) for line in lines), 0)
