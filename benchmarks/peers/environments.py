"""A virtual environment for each peer, under build/peers/, made once from the pinned versions in requirements/."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "build" / "peers"
_REQUIREMENTS = Path(__file__).parent / "requirements"

# Their files name every package, and are installed without a look at what these ask for: the newest releases want a
# certifi (and LiteLLM's proxy database migrations) that not every index has yet. Made by `uv pip compile --override`.
_COMPLETE = ("litellm", "langchain", "haystack")


class UnavailableError(Exception):
    """A peer that cannot be had here, in a sentence."""


def python(name: str) -> Path:
    """The interpreter of a peer's environment, which is made where it is missing or its versions changed.

    Raises `UnavailableError` where its packages cannot be installed.
    """
    wanted = _REQUIREMENTS / f"{name}.txt"
    folder = HERE / name
    interpreter, made_from = folder / "bin" / "python", folder / "made-from"
    state = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if made_from.exists() and made_from.read_text() == state:
        return interpreter
    print(f"installing {name} into {folder.relative_to(ROOT)} …", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", str(folder)], name)
    how = ["--no-deps"] if name in _COMPLETE else []
    _run([str(interpreter), "-m", "pip", "install", "-q", *how, "-r", str(wanted)], name)
    made_from.write_text(state)
    return interpreter


def _run(command: list[str], name: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{name} took more than half an hour to install") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no message"]
        raise UnavailableError(f"{name} cannot be installed here ({said[-1][:200]})")
