"""An answer in a terminal: sources, then the words as they come, then what they rest on."""

from __future__ import annotations

from typing import TextIO

from ragnb.answer import Answer
from ragnb.display import words
from ragnb.events import AnyEvent, Final, Finished, Resumed, Retrieved, Retrying, Routed, Token


def show(answer: Answer, out: TextIO) -> None:
    """Print the answer until it ends; blocks. An interrupt cancels it, and what was said stays."""
    position = 0
    try:
        while True:
            answer.wait(start=position)
            for event in answer.events[position:]:
                position += 1
                _print(event, answer, out)
                if isinstance(event, Final):
                    return
    except KeyboardInterrupt:
        answer.cancel()
        answer.wait()
        _print(answer.events[-1], answer, out)


def _print(event: AnyEvent, answer: Answer, out: TextIO) -> None:
    match event:
        case Retrieved():
            for source in words.sources(answer):
                _line(f"  [{source.number}] {source.title} — {source.place}".rstrip(" —"), out)
            _line("", out)
        case Routed() if answer.model == "extractive":
            _line(words.EXTRACTIVE + "\n", out)
        case Token(text=text):
            out.write(_written(text, out))
            out.flush()
        case Retrying():
            said = words.trying_again(event)
            _line(f"\n{said}" if answer.text else said, out)
        case Resumed(offset=offset):
            _line(f"[{dict(words.seams(answer))[offset]}]", out)
        case _ if isinstance(event, Final):
            _line("\n", out)
            if not isinstance(event, Finished) or event.advice:
                _line(words.status(answer) + "\n", out)
            for source in words.sources(answer):
                for quote in source.quotes:
                    _line(f"  [{source.number}] {source.title}: “{' '.join(quote.text.split())}”", out)
            _line("  " + " · ".join(words.summary(answer)), out)


def _line(text: str, out: TextIO) -> None:
    shown = _written(text, out)
    out.write(f"\033[2m{shown}\033[0m\n" if out.isatty() and shown.strip() else f"{shown}\n")
    out.flush()


def _written(text: str, out: TextIO) -> str:
    """The text as this terminal can write it: in an encoding without a character stands a ``?``."""
    encoding = getattr(out, "encoding", None) or "utf-8"
    return words.readable(text).encode(encoding, "replace").decode(encoding)
