"""Models by name: those on this machine, and whether the hub has others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragnb.errors import ConfigurationError

_TIMEOUT = 5.0  # seconds


def cached(name: str, organisation: str = "sentence-transformers") -> Path | None:
    """The folder of a model in the hub's cache on this machine."""
    from huggingface_hub import try_to_load_from_cache

    for repository in (name, f"{organisation}/{name}"):
        for file in ("modules.json", "config.json"):  # sentence-transformers' models, and all others
            found = try_to_load_from_cache(repository, file) if repository.count("/") == 1 else None
            if isinstance(found, str):
                return Path(found).parent
    return None


def ask(model: str, kind: str, alternative: str = "", organisation: str = "sentence-transformers") -> None:
    """Raises `ConfigurationError` if the hub is out of reach or has no such model. The library itself tries
    for over a minute before it says so. ``kind`` says in words what the model is for."""
    from httpx2 import TransportError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    name = model if "/" in model else f"{organisation}/{model}"
    try:
        HfApi().model_info(name, timeout=_TIMEOUT)
    except (TransportError, OfflineModeIsEnabled) as error:
        raise ConfigurationError(
            f"The {kind} {model} is neither on this machine nor within reach on the hub.",
            f"Connect to the network once{alternative}, or pass the folder that holds it.",
        ) from error
    except HFValidationError as error:
        raise ConfigurationError(
            f"There is no folder {model}, and no model can have that name.",
            "Pass a folder, or a name such as “BAAI/bge-small-en-v1.5”.",
        ) from error
    except RepositoryNotFoundError as error:
        if "/" in model:
            raise ConfigurationError(
                f"The hub has no {kind} {model}, or it is a private one.",
                "Check the name; log in with “hf auth login” if it is yours.",
            ) from error
    except HfHubHTTPError:
        pass  # a mirror that serves files alone


@contextmanager
def quiet() -> Iterator[None]:
    """Without the progress bars and notes of a load, which would land in the user's cell."""
    from transformers.utils import logging

    level, shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()
