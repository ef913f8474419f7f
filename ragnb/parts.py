"""Parts by name: short strings such as ``"groq:openai/gpt-oss-20b"`` become models and stores."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ragnb.embeddings.base import Embeddings, TokenEmbeddings
from ragnb.embeddings.cache import CachedEmbeddings
from ragnb.errors import ConfigurationError
from ragnb.llms.base import LLM
from ragnb.llms.price import Price
from ragnb.rerankers.base import Reranker
from ragnb.routing.hold import Hold
from ragnb.routing.router import Router, Routing, Rule
from ragnb.routing.tiers import Tier, Tiers
from ragnb.vectorstores.base import VectorStore


@dataclass(frozen=True, slots=True)
class _Compatible:
    """A provider that speaks OpenAI's protocol, and what is peculiar to it."""

    base_url: str
    key_variable: str
    options: dict[str, Any] = field(default_factory=dict)
    base_variable: str = ""
    """The variable of the environment that may hold another address."""
    continuation: Literal["exact", "prefill", "instruction"] = "instruction"


_COMPATIBLE = {
    # Their gpt-oss models reason before they answer: little, so that the first token comes soon.
    "groq": _Compatible("https://api.groq.com/openai/v1", "GROQ_API_KEY", {"reasoning_effort": "low"}),
    "cerebras": _Compatible("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", {"reasoning_effort": "low"}),
    "mistral": _Compatible("https://api.mistral.ai/v1", "MISTRAL_API_KEY", continuation="prefill"),
    "vllm": _Compatible(
        "http://localhost:8000/v1", "VLLM_API_KEY", base_variable="VLLM_BASE_URL", continuation="exact"
    ),
    "ollama": _Compatible("http://localhost:11434/v1", "OLLAMA_API_KEY"),
}
_KNOWN = ("openai", "anthropic", *_COMPATIBLE, "transformers", "extractive")

DEFAULT_OPENAI = "gpt-4.1-mini"
DEFAULT_ANTHROPIC = "claude-haiku-4-5"


def llm(given: LLM | str | None, embeddings: Embeddings) -> tuple[LLM, str]:
    """The model, and the reason why it is this one.

    Without a wish: the first of ``OPENAI_API_KEY``, ``ANTHROPIC_API_KEY``, else the extractive
    answerer. Raises `ConfigurationError` for a name that means nothing.
    """
    if given is None:
        if os.environ.get("OPENAI_API_KEY"):
            return _llm(f"openai:{DEFAULT_OPENAI}", embeddings), "OPENAI_API_KEY is set"
        if os.environ.get("ANTHROPIC_API_KEY"):
            return _llm(f"anthropic:{DEFAULT_ANTHROPIC}", embeddings), "ANTHROPIC_API_KEY is set"
        return _llm("extractive", embeddings), "no model and no API key is configured"
    if isinstance(given, str):
        return _llm(given, embeddings), "you asked for it"
    if not isinstance(given, LLM):
        raise ConfigurationError(
            f"llm={given!r} is no model.", "Pass a model, or a name such as “openai:gpt-4.1-mini”."
        )
    return given, "you asked for it"


def routing(
    given: Mapping[str, LLM | str] | Sequence[Tier],
    router: Router | Rule | None,
    embeddings: Embeddings,
    hold: Hold | None = None,
    prices: Mapping[str, Price] | None = None,
) -> Routing | None:
    """The tiers and what chooses among them, None without tiers. Raises `ConfigurationError` for what is no
    tier or no router, and as `Tiers` does."""
    if not given:
        if router is not None:
            raise ConfigurationError(
                "A router needs models to choose among.",
                'Say which: tiers={"small": "openai:gpt-4.1-mini", "large": "openai:gpt-4.1"}.',
            )
        return None
    tiers = [Tier(*pair) for pair in given.items()] if isinstance(given, Mapping) else list(given)
    for tier in tiers:
        if not isinstance(tier, Tier):
            raise ConfigurationError(f"{tier!r} is no tier.", 'Write Tier("small", "openai:gpt-4.1-mini").')
    if router is not None and not isinstance(router, Router) and not callable(router):
        raise ConfigurationError(
            f"router={router!r} is no router.", "Pass a Router, or a function of the signals."
        )
    models = tuple(llm(tier.llm, embeddings)[0] for tier in tiers)
    return Routing(Tiers(tuple(tiers), models, prices or {}), router or Router(), hold)


def _llm(name: str, embeddings: Embeddings) -> LLM:
    provider, _, model = name.partition(":")
    if provider not in _KNOWN or (not model and provider != "extractive"):
        raise ConfigurationError(
            f"There is no model called {name!r}.",
            f"Write provider:model, with one of {', '.join(_KNOWN)}; for any other server that speaks "
            "OpenAI's protocol pass OpenAILLM(model, base_url=…).",
        )
    match provider:
        case "extractive":
            from ragnb.llms.extractive import ExtractiveLLM

            return ExtractiveLLM(embeddings.embed_documents)
        case "anthropic":
            from ragnb.llms.anthropic import AnthropicLLM

            return AnthropicLLM(model)
        case "transformers":
            from ragnb.llms.transformers import TransformersLLM

            return TransformersLLM(model)
        case "openai":
            from ragnb.llms.openai import OpenAILLM

            return OpenAILLM(model)
        case _:
            from ragnb.llms.openai import OpenAILLM

            other = _COMPATIBLE[provider]
            options = other.options if "gpt-oss" in model else {}
            return OpenAILLM(
                model,
                base_url=os.environ.get(other.base_variable) or other.base_url,
                provider=provider,
                key_variable=other.key_variable,
                continuation=other.continuation,
                **options,
            )


def embeddings(given: Embeddings | str | None, cores: int | None = None) -> Embeddings:
    """The embedding model; all-MiniLM-L6-v2 on this machine, on so many cores, without a wish.

    ``"openai:text-embedding-3-small"`` is OpenAI's, any other name or folder one of
    sentence-transformers.
    """
    if given is None or isinstance(given, str):
        provider, _, model = (given or "").partition(":")
        if provider == "openai":
            from ragnb.embeddings.openai import OpenAIEmbeddings

            return OpenAIEmbeddings(model) if model else OpenAIEmbeddings()
        from ragnb.embeddings.sentence_transformers import DEFAULT_MODEL, SentenceTransformerEmbeddings

        model = given or DEFAULT_MODEL
        return SentenceTransformerEmbeddings(model, threads=cores)
    if not isinstance(given, Embeddings):
        raise ConfigurationError(
            f"embeddings={given!r} is no embedding model.",
            "Pass one, or a name such as “openai:text-embedding-3-small”.",
        )
    return given


def vectorstore(given: VectorStore | str | None, home: Path | None) -> VectorStore:
    """The store: Qdrant Edge under ``home``, in memory where there is no home, or a Qdrant server where an
    address is given."""
    if given == "memory" or (given is None and home is None):
        from ragnb.vectorstores.memory import InMemoryVectorStore

        return InMemoryVectorStore()
    if given is None:
        from ragnb.vectorstores.qdrant_edge import QdrantEdgeVectorStore

        assert home is not None
        return QdrantEdgeVectorStore(home / "index")
    if isinstance(given, str) and given.startswith(("http://", "https://")):
        from ragnb.vectorstores.qdrant import QdrantVectorStore

        return QdrantVectorStore(given)
    if isinstance(given, str) or not isinstance(given, VectorStore):
        raise ConfigurationError(
            f"vectorstore={given!r} is no vector store.",
            "Pass one, “memory”, the address of a server, or nothing for Qdrant Edge in the home folder.",
        )
    return given


def reranker(
    given: Reranker | str | Sequence[Reranker | str] | None, model: CachedEmbeddings
) -> Reranker | None:
    """The reranker; late interaction where the embedding model has token vectors, and the newer of two
    documents that say nearly the same first, without a wish.

    ``"late-interaction"``, ``"cross-encoder:model or folder"`` and ``"none"`` are the names; several are
    applied one after the other. Raises `ConfigurationError` for what means none.
    """
    from ragnb.rerankers.chain import Chain
    from ragnb.rerankers.late_interaction import LateInteractionReranker
    from ragnb.rerankers.similarity import NewerFirst

    if given is None:
        has_tokens = isinstance(model.inner, TokenEmbeddings)
        return Chain([LateInteractionReranker(model), NewerFirst(model)]) if has_tokens else None
    if isinstance(given, str):
        kind, _, name = given.partition(":")
        if given == "none":
            return None
        if given == "late-interaction":
            return LateInteractionReranker(model)
        if kind == "cross-encoder" and name:
            from ragnb.rerankers.cross_encoder import CrossEncoderReranker

            return CrossEncoderReranker(name)
        raise ConfigurationError(
            f"There is no reranker called {given!r}.",
            "Write late-interaction, cross-encoder:model or none, or pass one with name and rerank().",
        )
    if isinstance(given, Sequence):
        parts = [reranker(one, model) for one in given if one is not None]
        return Chain([one for one in parts if one is not None])
    if not isinstance(given, Reranker):
        raise ConfigurationError(
            f"reranker={given!r} is no reranker.", "Pass an object with name and rerank(), or a name."
        )
    return given
