"""The wheel: built without node, it holds the built front end and none of its sources, and works."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest

from tests.conftest import ROOT

USE = """
import ragnb, sys
from ragnb.answer import Answer
from ragnb.reports.command import template
from ragnb.widget.answer import AnswerWidget

assert ragnb.__file__.startswith(sys.argv[1]), ragnb.__file__
widget = AnswerWidget(Answer.from_jsonl(open(sys.argv[2], "rb").read()))
state = widget.get_state()
assert template().read_bytes().startswith(b"{"), template()
print(len(state["_esm"]), len(state["_css"]), state["events"][0]["type"])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this tree, built where there is no node."""
    folder = tmp_path_factory.mktemp("wheel")
    bare = {**os.environ, "PATH": ""}
    pip("wheel", "--no-deps", "--wheel-dir", folder, ROOT, env=bare)
    (built,) = folder.glob("ragnb-*.whl")
    return built


def pip(*arguments, env=None):
    done = subprocess.run(
        [sys.executable, "-m", "pip", *map(str, arguments)], capture_output=True, text=True, env=env
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_wheel_holds(wheel):
    """The bundle, the style sheets and the notebook of reports are in it; TypeScript, node's packages and tests are not."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {"ragnb/widget/static/answer.js", "ragnb/widget/static/answer.css"} <= set(names)
    assert {"ragnb/widget/form.js", "ragnb/widget/form.css", "ragnb/magics/__init__.py"} <= set(names)
    assert "ragnb/reports/report.ipynb" in names
    assert not [name for name in names if "frontend" in name or name.endswith(".ts") or "/tests/" in name]


def test_the_installed_wheel_draws_an_answer(wheel, tmp_path):
    """Installed anywhere, the widget finds its front end and the log is in its state."""
    pip("install", "--no-deps", "--target", tmp_path / "site", wheel)
    done = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path / "site"), str(ROOT / "tests/golden/simple.jsonl")],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    esm, css, first = done.stdout.split()
    assert int(esm) > 10_000 and int(css) > 5_000 and first == "Started"
