"""The files for schedulers: each is what its scheduler reads, and the command in it is one that ragnb takes."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
import yaml

from ragnb.cli import _parser
from ragnb.reports import command
from ragnb.reports.alerts import alerts
from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "scheduling"


def parameters() -> set[str]:
    """The names of the notebook's parameters."""
    cell = next(cell for cell in nbformat.read(command.template(), 4).cells if "tags" in cell.metadata)
    return {node.targets[0].id for node in ast.parse(cell.source).body if isinstance(node, ast.Assign)}


@pytest.fixture
def runs(tmp_path):
    """Runs a shell line in which ragnb only writes down what it is told, and gives that as the real one reads
    it."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    stub = tmp_path / ".venv" / "bin" / "ragnb"
    stub.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > told\n')
    stub.chmod(0o755)
    (tmp_path / "keys.env").write_text("OPENAI_API_KEY=nothing\n")

    def run(line: str):
        line = line.replace("/srv/nightly", str(tmp_path))
        path = f"{stub.parent}:{os.environ['PATH']}"
        subprocess.run(["bash", "-c", line], cwd=tmp_path, env={"PATH": path}, check=True)
        asked = _parser().parse_args((tmp_path / "told").read_text().splitlines())
        (tmp_path / "told").unlink()
        assert asked.command == "report" and asked.questions == "questions.jsonl"
        assert alerts(asked.alert) is not None and (asked.budget, asked.corpus) == (2.0, ["handbook"])
        return asked

    return run


def test_cron(runs):
    """Each line has five fields of time and a command, in which cron's own percent signs are escaped."""
    lines = (FOLDER / "crontab").read_text().splitlines()
    jobs = [line for line in lines if line and not line.startswith("#") and not re.match(r"[A-Z]+=", line)]
    assert len(jobs) == 2
    for job in jobs:
        *when, line = job.split(" ", 5)
        assert all(re.fullmatch(r"(\d+(,\d+)*|\*)", field) for field in when) and len(when) == 5
        assert not re.search(r"(?<!\\)%", line)
        asked = runs(line.replace(r"\%", "%"))
        assert re.fullmatch(r"out/\d{4}-\d\d-\d\d", asked.output) and asked.alert == ["failed > 5%"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd(tmp_path):
    """systemd finds nothing to say about the units."""
    units = [str(FOLDER / f"ragnb-report.{kind}") for kind in ("service", "timer")]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", *units],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_command_of_systemd(runs):
    """It is what a shell makes of it when systemd has put in its own."""
    line = re.search(r"^ExecStart=(.+)$", (FOLDER / "ragnb-report.service").read_text(), re.MULTILINE)[1]
    asked = runs(line.replace("$$", "$").replace("%%", "%"))
    assert re.fullmatch(r"out/\d{4}-\d\d-\d\d", asked.output)


def test_github_actions(runs):
    """The workflow is YAML with a schedule, its scripts are bash, and the key comes from a secret."""
    workflow = yaml.safe_load((FOLDER / "github-actions.yml").read_text())
    assert workflow[True]["schedule"] == [{"cron": "30 2 * * *"}]  # YAML reads "on" as true
    steps = workflow["jobs"]["report"]["steps"]
    scripts = [step["run"] for step in steps if "run" in step]
    for script in scripts:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    (line,) = [script for script in scripts if script.startswith("ragnb report")]
    asked = runs(line.replace("${{ github.run_id }}", "123"))
    assert (asked.run_id, asked.output) == ("nightly-123", "out")
    assert "secrets.OPENAI_API_KEY" in str(steps) and all("uses" in step or "run" in step for step in steps)


def test_airflow():
    """The DAG is Python, and gives the notebook parameters that it has."""
    tree = ast.parse((FOLDER / "airflow_dag.py").read_text())
    compile(tree, "airflow_dag.py", "exec")
    call = next(
        node
        for node in ast.walk(tree)
        if getattr(getattr(node, "func", 0), "id", "") == "PapermillOperator"
    )
    given = {one.arg: one.value for one in call.keywords}
    assert {"task_id", "input_nb", "output_nb", "parameters", "retries"} <= set(given)
    names = {key.value for key in given["parameters"].keys}
    assert {"questions", "output", "home", "run"} <= names <= parameters()


def test_jupyter_scheduler():
    """The job has what JupyterLab's scheduler wants, and parameters that the notebook has."""
    job = json.loads((FOLDER / "jupyter_scheduler.json").read_text())
    assert {"input_uri", "name", "schedule", "timezone"} <= set(job)
    assert set(job["parameters"]) <= parameters()


def test_the_page_about_it():
    """It names each file, no file that is not there, and every status and threshold that there is."""
    page = (ROOT / "docs" / "scheduling.md").read_text()
    linked = {Path(name).name for name in re.findall(r"\]\(scheduling/([^)]+)\)", page)}
    assert linked == {path.name for path in FOLDER.iterdir()}
    for measure in re.findall(r"`([a-z ]+[<>] [^`]+)`", page):
        assert alerts([measure])
