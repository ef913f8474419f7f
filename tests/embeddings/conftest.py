"""A cache of the tests' own, and the default model on each back end that is installed."""

from __future__ import annotations

import pytest

from ragnb.embeddings import backends, exports
from ragnb.embeddings.sentence_transformers import SentenceTransformerEmbeddings


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    """One cache for all tests, so that the default model is exported once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, shared_cache):
    """Tests neither see nor change the user's cache."""
    monkeypatch.setattr(exports, "cache_folder", lambda: shared_cache)


def skip_unless_installed(backend):
    if backend != "torch" and backend not in backends.installed():
        pytest.skip(f"{backend} is not installed")


@pytest.fixture(scope="session")
def models(shared_cache):
    """The default model by back end, loaded once each."""
    return {}


@pytest.fixture(params=["torch", "onnx", "openvino"])
def model(request, models):
    """The default model on one back end."""
    skip_unless_installed(request.param)
    if request.param not in models:
        models[request.param] = SentenceTransformerEmbeddings(backend=request.param)
        models[request.param].warm_up()
    return models[request.param]


@pytest.fixture(params=["onnx", "openvino"])
def runtime(request):
    """A back end that runs exports."""
    skip_unless_installed(request.param)
    return request.param
