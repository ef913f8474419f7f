"""What ``%ask`` does: find the pipeline, ask, keep the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import no_var_expand

from ragnb.answer import Answer
from ragnb.errors import ConfigurationError, RagnbError
from ragnb.magics.line import HELP, expand, filter_of, parse
from ragnb.pipeline import RAGPipeline


def magic(shell: Any) -> Callable[..., Answer | None]:
    """The function behind ``%ask`` and ``%%ask`` in this shell."""

    def ask(line: str, cell: str | None = None) -> Answer | None:
        try:
            return _ask(shell, line, cell)
        except RagnbError as error:
            raise UsageError(str(error)) from error

    ask.__doc__ = HELP
    return no_var_expand(ask)  # type: ignore[no-any-return]


def _ask(shell: Any, line: str, cell: str | None) -> Answer | None:
    names: dict[str, Any] = shell.user_ns
    said = parse(line)
    if said.help:
        print(HELP)
        return None
    question = expand(f"{said.question}\n{cell or ''}".strip(), names)
    if not question:
        raise UsageError("The question is empty: %ask How do refunds work?")
    where = None if said.where is None else filter_of(said.where, names)
    name, rag = pipeline(shell, said.rag)
    _check_documents(name, rag)
    answer = rag.ask(question, k=said.k, where=where, wait=not said.no_wait, keep_live=said.keep_live)
    if said.out is not None:
        shell.push({said.out: answer})
    return answer


def pipelines(names: Mapping[str, Any]) -> dict[str, RAGPipeline]:
    """The pipelines among a shell's variables; IPython's own names for past results do not count."""
    return {
        name: value
        for name, value in names.items()
        if isinstance(value, RAGPipeline) and not name.startswith("_")
    }


def pipeline(shell: Any, name: str | None) -> tuple[str, RAGPipeline]:
    """The pipeline of this name; without one ``rag``, or the only one there is, or a new ``rag``.

    Returns its name too. Raises UsageError if it is not clear which one is meant.
    """
    known = pipelines(shell.user_ns)
    if name is not None:
        if name not in known:
            there = f"there is {', '.join(known)}" if known else "make one: rag = RAGPipeline()"
            raise UsageError(f"{name} is no RAGPipeline; {there}.")
        return name, known[name]
    if "rag" in known:
        return "rag", known["rag"]
    if len({id(one) for one in known.values()}) > 1:
        raise UsageError(f"There are several pipelines: say --rag and one of {', '.join(known)}.")
    if known:
        return next(iter(known.items()))
    if "rag" in shell.user_ns:
        raise UsageError("There is no RAGPipeline, and rag is something else: make one under another name.")
    made = RAGPipeline()
    shell.push({"rag": made})
    print(f"There was no pipeline, so one was made: rag = {made!r}")
    made.documents()  # opens the index, so that an empty one is told before anything is asked
    return "rag", made


def _check_documents(name: str, rag: RAGPipeline) -> None:
    try:
        is_empty = not len(rag.vectorstore)
    except ConfigurationError:  # not open yet; to open it takes seconds, which the answer's cell shows
        return
    if is_empty:
        raise UsageError(f'No documents are in the index yet: {name}.ingest("a/folder") adds some.')
