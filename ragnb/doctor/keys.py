"""Whether keys of providers are set.

Their text is never shown, nor how long it is, nor an address, for that may hold a password.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ragnb.doctor.finding import Finding

_PART = "Keys and addresses"
_KEYS = (
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GROQ_API_KEY",
    "CEREBRAS_API_KEY",
    "MISTRAL_API_KEY",
    "VLLM_API_KEY",
    "OLLAMA_API_KEY",
)
_ADDRESSES = ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "VLLM_BASE_URL")
_DECIDE = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")


def examine() -> Iterator[Finding]:
    """Each variable that is set, and what answers without a wish."""
    for name in (*_KEYS, *_ADDRESSES):
        value = os.environ.get(name)
        if value is None:
            continue
        if value.strip() != value or not value:
            yield Finding(
                _PART,
                name,
                "wrong",
                "is set, but empty or with spaces or a line break at its ends",
                f"Set {name} anew without them, or unset it.",
            )
        else:
            yield Finding(_PART, name, "ok", "is set")
    decides = next((name for name in _DECIDE if os.environ.get(name)), None)
    if decides:
        yield Finding(_PART, "a model without llm=", "ok", f"the provider of {decides}")
    else:
        yield Finding(
            _PART,
            "a model without llm=",
            "absent",
            "none: answers are sentences quoted from the documents",
            f"For a language model, set {' or '.join(_DECIDE)}, or pass llm=, such as llm=“ollama:qwen3”.",
        )
