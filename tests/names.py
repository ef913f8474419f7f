"""The list of public names, made from their docstrings: ``python -m tests.names`` writes ``docs/api.md``."""

from __future__ import annotations

import importlib
import inspect
import re
from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import ragnb
from ragnb.chat import Chat
from ragnb.evaluation.result import Evaluation
from ragnb.simulator import Simulator

FILE = Path(__file__).resolve().parents[1] / "docs" / "api.md"

# Under each heading, modules and the names of theirs that are meant for users.
NAMES: dict[str, dict[str, list[str]]] = {
    "The pipeline": {
        "ragnb": [
            *("RAGPipeline", "Answer", "Document", "Keep", "Retry", "RagnbError", "loader"),
            *("Tier", "Router", "Hold", "Ladder", "Deployments", "Hedge", "Budget", "Allowance", "Price"),
        ],
        "ragnb.chat": ["Chat"],
    },
    "Models": {
        "ragnb.llms.openai": ["OpenAILLM"],
        "ragnb.llms.anthropic": ["AnthropicLLM"],
        "ragnb.llms.transformers": ["TransformersLLM"],
        "ragnb.llms.extractive": ["ExtractiveLLM"],
        "ragnb.llms.base": ["LLM"],
    },
    "Embeddings": {
        "ragnb.embeddings.sentence_transformers": ["SentenceTransformerEmbeddings"],
        "ragnb.embeddings.openai": ["OpenAIEmbeddings"],
        "ragnb.embeddings.base": ["Embeddings", "TokenEmbeddings"],
    },
    "Vector stores": {
        "ragnb.vectorstores.qdrant_edge": ["QdrantEdgeVectorStore"],
        "ragnb.vectorstores.qdrant": ["QdrantVectorStore"],
        "ragnb.vectorstores.memory": ["InMemoryVectorStore"],
        "ragnb.vectorstores.base": ["VectorStore"],
    },
    "Rerankers": {
        "ragnb.rerankers.late_interaction": ["LateInteractionReranker"],
        "ragnb.rerankers.cross_encoder": ["CrossEncoderReranker"],
        "ragnb.rerankers.similarity": ["Diversity", "NewerFirst", "WithoutRepeats"],
        "ragnb.rerankers.neighbours": ["JoinedNeighbours"],
        "ragnb.rerankers.base": ["Reranker"],
    },
    "Evaluation": {
        "ragnb.evaluation.questions": ["Question", "QuestionList", "read_questions", "as_questions"],
        "ragnb.evaluation.result": ["Evaluation"],
        "ragnb.evaluation.comparison": ["Comparison"],
    },
    "Routing": {"ragnb.routing": ["simulate", "Simulation", "Traffic", "Speed", "Labelled"]},
    "Pictures": {
        "ragnb.display.order": ["order_picture"],
        "ragnb.display.page": ["page_picture"],
    },
    "Events": {
        "ragnb.events": [
            *("Started", "Retrieved", "Reranked", "Routed", "Token", "Cited", "Retrying", "Resumed"),
            *("Used", "Finished", "Cancelled", "Failed"),
        ],
    },
    "Errors": {
        "ragnb.errors": [
            *("ConfigurationError", "InvalidInputError", "EmptyIndexError", "HomeInUseError"),
            *("AnswerInUseError", "JournalError", "EmbeddingMismatchError", "IngestError", "ProviderError"),
        ],
    },
    "The simulator": {
        "ragnb.simulator": [
            *(
                "Simulator",
                "Answer",
                "RecordedRequest",
                "tokenize",
                "Fault",
                "Cut",
                "CleanEnd",
                "Stall",
                "Drip",
            ),
            *("ErrorEvent", "Garbage", "Html", "Status", "NeverAnswer", "Duplicate", "Reorder", "TooOld"),
            *(
                "Continuation",
                "Exact",
                "Repeat",
                "RepeatAll",
                "NoAnchor",
                "SwallowSpace",
                "AddSpace",
                "Preamble",
            ),
        ],
    },
    "The doctor": {"ragnb.doctor": ["examine", "Examination", "Finding"]},
}


def page() -> str:
    """The page, as Markdown."""
    lines = [
        "# Names",
        "",
        "[Back to the front page](../README.md). Every public name in a sentence; `help(name)` in Python tells",
        "parameters, units and errors. A method's twin with an `a` before its name is for `await`. Made by",
        "`python -m tests.names` from the docstrings. What is not listed here may change.",
    ]
    for heading, modules in NAMES.items():
        lines += ["", f"## {heading}"]
        for module, names in modules.items():
            lines += ["", f"From `{module}`:", ""]
            for name in names:
                lines += _entry(name, getattr(importlib.import_module(module), name))
    return "\n".join(lines) + "\n"


def methods(kind: Any) -> list[tuple[str, Any]]:
    """The public methods and properties of a class that ragnb defines, in the order of its source."""
    if not inspect.isclass(kind):
        return []
    found: dict[str, Any] = {}
    for one in reversed(kind.__mro__):
        if one.__module__.startswith("ragnb"):
            members = vars(one).items()
            found |= {
                name: member for name, member in members if not name.startswith("_") and _is_method(member)
            }
    return list(found.items())


def first_sentence(thing: Any) -> str:
    """Of the docstring, without line breaks; empty if there is none."""
    text = inspect.getdoc(thing) or ""
    paragraph = " ".join(text.split("\n\n")[0].split())
    sentence = re.split(r"(?<=[.:;])\s(?=[A-Z`“])", paragraph)[0].rstrip(".:;").replace("``", "`")
    return f"{sentence}." if sentence and sentence[-1] not in "?!" else sentence


def _entry(name: str, thing: Any) -> list[str]:
    if isinstance(thing, UnionType):
        return [f"- **`{name}`**: {', '.join(f'`{kind.__name__}`' for kind in get_args(thing))}"]
    lines = [f"- **`{name}`**: {first_sentence(thing)}"]
    if thing in (ragnb.RAGPipeline, ragnb.Answer, Chat, Evaluation, Simulator):
        found = dict(methods(thing))
        for method, member in found.items():
            if method[0] == "a" and method[1:] in found:  # listed with its plain twin
                continue
            twin = f", `a{method}`" if f"a{method}" in found else ""
            lines.append(f"  - `{method}`{twin}: {first_sentence(member)}")
    return lines


def _is_method(member: Any) -> bool:
    return inspect.isfunction(member) or isinstance(
        member, property | cached_property | classmethod | staticmethod
    )


if __name__ == "__main__":
    FILE.write_text(page())
