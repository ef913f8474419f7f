"""The environment of a Binder, made once for all tests here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The files that a Binder gets: those that git knows or would take."""
    folder = tmp_path_factory.mktemp("binder") / "repository"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def dockerfile(repository):
    """repo2docker's, for that folder."""
    done = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def described(repository, dockerfile):
    """What the Dockerfile has conda install, by name, and the requirements that pip is given then."""
    (path,) = re.findall(r'MAMBA_EXE\} env update -p \S+ --file "(\S+)"', dockerfile)
    listed = yaml.safe_load((repository / path).read_text())["dependencies"]
    (requirements,) = [one["pip"] for one in listed if isinstance(one, dict)]
    return dict(one.partition("=")[::2] for one in listed if isinstance(one, str)), requirements


@dataclass(frozen=True, slots=True)
class Image:
    """The environment variables of a process in it, and what postBuild said."""

    env: dict[str, str]
    said: str


@pytest.fixture(scope="module")
def image(repository, described, tmp_path_factory):
    """A fresh virtual environment in conda's place, with what the Dockerfile has installed and run. Skips
    where pip finds no packages."""
    prefix = tmp_path_factory.mktemp("image")
    subprocess.run([sys.executable, "-m", "venv", prefix / "env"], check=True)
    env = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")} | {
        "HOME": str(prefix),
        "XDG_CACHE_HOME": str(prefix / "cache"),
        "PATH": f"{prefix / 'env' / 'bin'}:{os.environ['PATH']}",
        "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR") or str(Path.home() / ".cache" / "pip"),
        "PIP_NO_COMPILE": "1",
        "PIP_RETRIES": "0",  # an index that cannot be reached is not waited for
    }
    env.pop("PYTHONPATH", None)

    def run(*command: str, folder: str = ".") -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=repository / folder, env=env, capture_output=True, text=True)

    found = run("pip", "install", "--dry-run", "--no-deps", "hatchling")
    if found.returncode:
        pytest.skip(f"pip finds no packages here: {found.stderr.strip().splitlines()[-1]}")
    packages, requirements = described
    # As conda does it: from a file beside its own.
    (repository / "binder" / "pip.txt").write_text("\n".join(requirements))
    commands = [
        (["pip", "install", f"torch=={packages['pytorch-cpu']}", "-r", "pip.txt"], "binder"),
        # The image has a kernel to begin with; papermill is what runs the notebooks here.
        (["pip", "install", "-c", "constraints.txt", "ipykernel", "papermill"], "."),
        (["./binder/postBuild"], "."),
    ]
    for command, folder in commands:
        done = run(*command, folder=folder)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return Image(env, done.stdout)
