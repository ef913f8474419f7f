"""One model on torch, ONNX Runtime and OpenVINO: the same vectors, and the fastest of them taken."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ragnb.embeddings import backends, exports, sentence_transformers, speed
from ragnb.embeddings.sentence_transformers import SentenceTransformerEmbeddings
from ragnb.errors import ConfigurationError

TEXTS = [
    "How do refunds work?",
    "",
    "   ",
    "x",
    "UPPER CASE, with a comma; and (brackets) — and dashes…",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "東京から京都まで新幹線で二時間です。",
    "Поезд отправляется в полночь. 🚂🌙",
    "e\u0301 and \u00e9, \u200b zero width, \x00 nothing",
    "<b>markup</b> [CLS] [SEP] | a | table |",
    "A reservation for a bicycle costs 15 euros. " * 12,
    "Dogs are welcome in sleeper cabins. " * 200,
    "unbelievably" * 300,
]


def test_equal_vectors(model, models):
    """An index made with one back end is used with another: no number differs by more than 0.0001."""
    torch = models.setdefault("torch", SentenceTransformerEmbeddings(backend="torch"))
    bare = torch._load().model
    vectors = model.embed_documents(TEXTS)
    assert vectors.dtype == np.float32
    expected = bare.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    np.testing.assert_allclose(vectors, expected, atol=1e-4, rtol=0)
    assert np.sum(vectors * expected, axis=1).min() > 0.99999
    questions = [model.embed_query(text) for text in TEXTS]
    np.testing.assert_allclose(questions, expected, atol=1e-4, rtol=0)
    assert model.count_tokens(TEXTS) == torch.count_tokens(TEXTS)
    assert (model.name, model.dimensions, model.max_tokens) == (torch.name, 384, 256)
    assert model.embed_documents([]).shape == (0, 384)


def test_prompts_and_pooling(runtime, tmp_path):
    """A model's prompts for questions and documents, its pooling and its length go into the export."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling

    wheel = SentenceTransformer(str(sentence_transformers._wheel()), local_files_only=True)
    other = SentenceTransformer(
        modules=[wheel[0], Pooling(384, "cls")],
        prompts={"query": "Represent this question: ", "passage": "passage: "},
    )
    other.max_seq_length = 20
    other.save(str(tmp_path / "other"))
    torch, ours = (
        SentenceTransformerEmbeddings(str(tmp_path / "other"), backend=backend)
        for backend in ("torch", runtime)
    )
    np.testing.assert_allclose(ours.embed_documents(TEXTS), torch.embed_documents(TEXTS), atol=1e-4, rtol=0)
    question = ours.embed_query("refunds")
    np.testing.assert_allclose(question, torch.embed_query("refunds"), atol=1e-4, rtol=0)
    assert not np.allclose(question, ours.embed_documents(["refunds"])[0], atol=1e-2)
    assert ours.max_tokens == torch.max_tokens == 20


def test_many_threads(model):
    """Several threads may embed at once; each gets its own vectors."""
    texts = [f"text number {n} " * (n % 7 + 1) for n in range(48)]
    expected = model.embed_documents(texts)
    with ThreadPoolExecutor(8) as threads:
        vectors = list(threads.map(model.embed_query, texts))
        batches = list(threads.map(model.embed_documents, [texts[:9], texts[9:20], texts[20:]]))
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    np.testing.assert_allclose(np.concatenate(batches), expected, atol=1e-5)


def test_counting_does_not_disturb_embedding(model):
    """Chunks can be counted, which does not truncate, while other threads embed, which does."""
    text = "How do refunds work? " * 200
    expected = model.embed_query(text)
    done = threading.Event()

    def count():
        counts = set()
        while not done.is_set():
            counts.update(model.count_tokens([text]))
        return counts

    with ThreadPoolExecutor(2) as threads:
        counting = threads.submit(count)
        try:
            for _ in range(30):
                np.testing.assert_allclose(model.embed_query(text), expected, atol=1e-5)
        finally:
            done.set()
        assert counting.result() == {1200}  # six word pieces a sentence


def test_a_question_does_not_wait_for_documents(model, monkeypatch):
    """A question is embedded while a batch of documents still is."""
    begun, asked = threading.Event(), threading.Event()
    loaded = model._load()
    embed = loaded.embed_documents

    def slow(texts):
        begun.set()
        assert asked.wait(60), "the question waited for the documents"
        return embed(texts)

    monkeypatch.setattr(loaded, "embed_documents", slow)
    with ThreadPoolExecutor(1) as threads:
        documents = threads.submit(model.embed_documents, ["a text"])
        assert begun.wait(60)
        assert model.embed_query("How do refunds work?").shape == (384,)
        asked.set()
        assert documents.result().shape == (1, 384)


def test_threads(runtime, models):
    """The number of threads is handed on, and changes no vector."""
    model = SentenceTransformerEmbeddings(backend=runtime, threads=1)
    opened = []
    loaded = model._load()
    inner = loaded._open
    loaded._open = lambda threads: opened.append(threads) or inner(threads)
    texts = TEXTS[:3]
    vectors = model.embed_documents(texts)
    assert opened == []  # the questions' session has one thread already
    wide = SentenceTransformerEmbeddings(backend=runtime, threads=2)
    inner_wide = wide._load()._open
    wide._load()._open = lambda threads: opened.append(threads) or inner_wide(threads)
    np.testing.assert_allclose(wide.embed_documents(texts), vectors, atol=1e-5)
    assert opened == [2]


FRESH = """
import socket, sys
def fail(host, *args, **options):
    print("asked for", host)
    raise socket.gaierror(-3, "no network")
socket.getaddrinfo = fail
from pathlib import Path
from ragnb.embeddings import exports
exports.cache_folder = lambda: Path({cache!r})
from ragnb.embeddings.sentence_transformers import SentenceTransformerEmbeddings
model = SentenceTransformerEmbeddings(backend={backend!r})
print(model.embed_query("x").shape, model.backend_used, "torch" in sys.modules)
"""


def in_a_fresh_process(backend, cache, home):
    done = subprocess.run(
        [sys.executable, "-c", FRESH.format(cache=str(cache), backend=backend)],
        env={"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("model", ["onnx", "openvino"], indirect=True)
def test_a_later_process_starts_without_torch(model, shared_cache, tmp_path):
    """An export that is there answers a question without torch, and tells nobody: no address is looked up,
    and nothing is written beside it."""
    used = model.backend_used
    assert in_a_fresh_process(used, shared_cache, tmp_path) == f"(384,) {used} False\n"
    assert list(tmp_path.iterdir()) == []


def fake_speeds(monkeypatch, **speeds):
    """Measuring finds these speeds; returns the calls."""
    calls = []

    def measure(found, texts):
        calls.append([backend.name for backend in found])
        return {backend.name: speeds.get(backend.name, 1.0) for backend in found}

    monkeypatch.setattr(speed, "measure", measure)
    return calls


@pytest.fixture
def empty_choices(monkeypatch, tmp_path):
    """Nothing has been measured on this machine."""
    monkeypatch.setattr(speed, "_speeds_file", lambda: tmp_path / "choices" / "backends.json")
    return tmp_path / "choices" / "backends.json"


def test_the_fastest_is_taken_and_remembered(runtime, monkeypatch, empty_choices):
    """Measured once there are documents enough; the next object knows, and starts with it."""
    monkeypatch.setattr(sentence_transformers, "_WORTH_MEASURING", 4)
    calls = fake_speeds(monkeypatch, **{runtime: 9.0})
    first = SentenceTransformerEmbeddings()
    first.embed_documents(["one", "two"])
    assert (first.backend_used, calls) == ("torch", [])
    first.embed_documents(["three", "four"])
    assert first.backend_used == runtime
    assert repr(first).endswith(f", {runtime})")
    assert len(calls) == 1
    assert set(calls[0]) == {"torch", *backends.installed()}
    second = SentenceTransformerEmbeddings()
    second.embed_query("x")
    assert second.backend_used == runtime
    second.embed_documents(["one", "two", "three", "four"])
    assert len(calls) == 1
    assert json.loads(empty_choices.read_text())


def test_torch_is_taken_where_it_is_the_fastest(runtime, monkeypatch, empty_choices):
    """Documents go to torch if that is fastest; a question still takes what starts fastest."""
    monkeypatch.setattr(sentence_transformers, "_WORTH_MEASURING", 1)
    calls = fake_speeds(monkeypatch, torch=9.0)
    first = SentenceTransformerEmbeddings()
    first.embed_documents(["one"])
    assert first.backend_used == "torch"
    second = SentenceTransformerEmbeddings()
    second.embed_query("x")
    assert second.backend_used in backends.installed()
    second.embed_documents(["one"])
    assert second.backend_used == "torch"
    assert len(calls) == 1


def test_measuring(minilm):
    """Every back end gets a speed, in texts a second."""
    speeds = speed.measure([minilm._load()], ["a text", "another"] * 20)
    assert list(speeds) == [minilm._load().name]
    assert speeds[minilm._load().name] > 0


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', "null"])
def test_a_changed_memory(monkeypatch, empty_choices, content, tmp_path):
    """A memory that cannot be read is as none, and is written anew."""
    empty_choices.parent.mkdir()
    empty_choices.write_text(content)
    place = tmp_path / "model"
    place.mkdir()
    assert speed.remembered(place, None, None) == {}
    speed.remember(place, None, None, {"torch": 1.0})
    assert speed.remembered(place, None, None) == {"torch": 1.0}
    assert speed.remembered(place, None, 1) == {}
    (place / "model.safetensors").write_text("the model has changed")
    assert speed.remembered(place, None, None) == {}


def test_a_cache_that_cannot_be_written(runtime, monkeypatch, tmp_path):
    """Costs the export and the measuring, nothing else."""
    monkeypatch.setattr(sentence_transformers, "_WORTH_MEASURING", 1)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(exports, "cache_folder", lambda: tmp_path / "file")
    monkeypatch.setattr(backends, "installed", lambda: [runtime])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fake_speeds(monkeypatch, **{runtime: 9.0})
    model = SentenceTransformerEmbeddings()
    assert model.embed_documents(["one"]).shape == (1, 384)
    assert model.backend_used == runtime
    assert len(list(tmp_path.glob("ragnb-export-*"))) == 1
    del model
    gc.collect()
    assert list(tmp_path.glob("ragnb-export-*")) == []


@pytest.fixture
def copied(runtime, model, shared_cache, monkeypatch, tmp_path):
    """An export of the default model that a test may change, in a cache of its own."""
    export = exports.export_folder(sentence_transformers._wheel())
    if not exports.is_export(export):
        SentenceTransformerEmbeddings(backend=runtime).warm_up()
    own = tmp_path / export.relative_to(shared_cache)
    shutil.copytree(export, own, ignore=shutil.ignore_patterns("*.checked"))
    monkeypatch.setattr(exports, "cache_folder", lambda: tmp_path)
    return own


@pytest.mark.parametrize("model", ["torch"], indirect=True)
def test_a_damaged_export(runtime, copied, model):
    """An export that does not open is made anew where its back end is asked for by name."""
    with open(copied / "model.onnx", "r+b") as file:
        file.truncate(1000)
    again = SentenceTransformerEmbeddings(backend=runtime)
    np.testing.assert_allclose(again.embed_query("x"), model.embed_query("x"), atol=1e-4)
    assert (copied / "model.onnx").stat().st_size > 1e6


@pytest.mark.parametrize("model", ["torch"], indirect=True)
def test_an_export_with_other_vectors_is_refused(runtime, copied):
    """What does not give the vectors of torch is not used."""
    samples = np.load(copied / "samples.npy")
    samples[0, 0, 0] += 2e-4
    np.save(copied / "samples.npy", samples)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"gives other vectors, 0\.0002 apart"):
            exports.open_export(copied, runtime, 32, None)


def test_a_back_end_that_fails_is_left_out(runtime, monkeypatch, empty_choices):
    """Where nobody asked for it by name, a back end that fails is not told, and not tried again."""

    def fail(*_):
        raise ConfigurationError("It does not run.")

    monkeypatch.setattr(sentence_transformers, "_WORTH_MEASURING", 1)
    monkeypatch.setattr(backends, "installed", lambda: [runtime])
    monkeypatch.setattr(exports, "export", fail)
    monkeypatch.setattr(exports, "open_export", fail)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    calls = fake_speeds(monkeypatch)
    for _ in range(2):
        model = SentenceTransformerEmbeddings()
        model.embed_documents(["one"])
        assert model.backend_used == "torch"
    assert calls == [["torch"]]


def test_a_model_that_cannot_be_exported(runtime, monkeypatch, tmp_path):
    """A model of another make runs in torch, and says so where another back end was asked for."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    monkeypatch.setattr(sentence_transformers, "_WORTH_MEASURING", 1)
    monkeypatch.setattr(exports, "cache_folder", lambda: tmp_path / "cache")
    tokenizer = Tokenizer(WordLevel({"night": 0, "train": 1, "[UNK]": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    static = StaticEmbedding(tokenizer, embedding_dim=8)
    SentenceTransformer(modules=[static]).save(str(tmp_path / "m"))
    with pytest.raises(ConfigurationError, match="cannot be exported from torch"):
        SentenceTransformerEmbeddings(str(tmp_path / "m"), backend=runtime).warm_up()
    model = SentenceTransformerEmbeddings(str(tmp_path / "m"))
    assert model.embed_documents(["night train"]).shape == (1, 8)
    assert model.backend_used == "torch"
    assert list(tmp_path.glob("cache/models/*/*")) == []


def test_asked_for_and_not_there(monkeypatch):
    """A back end that is not installed, not known or not for that device is told at once."""
    monkeypatch.setattr(backends, "installed", list)
    with pytest.raises(ConfigurationError, match=r'pip install "ragnb\[openvino\]"'):
        SentenceTransformerEmbeddings(backend="openvino")
    with pytest.raises(ConfigurationError, match="no embedding back end “tensorrt”"):
        SentenceTransformerEmbeddings(backend="tensorrt")
    monkeypatch.setattr(backends, "installed", lambda: ["onnx"])
    with pytest.raises(ConfigurationError, match="runs on the CPU, not on cuda"):
        SentenceTransformerEmbeddings(backend="onnx", device="cuda")


def test_torch_alone(monkeypatch, empty_choices):
    """Where nothing else is installed, nothing is measured."""
    monkeypatch.setattr(sentence_transformers, "_WORTH_MEASURING", 1)
    monkeypatch.setattr(backends, "installed", list)
    calls = fake_speeds(monkeypatch)
    model = SentenceTransformerEmbeddings()
    model.embed_documents(["one"])
    assert (model.backend_used, calls, empty_choices.exists()) == ("torch", [], False)
