"""Answers and evaluations as a pipeline would have recorded them."""

from __future__ import annotations

from ragnb.answer import Answer
from ragnb.evaluation.outcome import Outcome
from ragnb.evaluation.questions import Question
from ragnb.evaluation.result import Evaluation
from ragnb.events import Finished, Retrieved, Routed, Started, Token, Used
from tests.conftest import hits

PASSAGES = hits(
    "Refunds are paid within five working days.", "| Line | Travellers |\n| --- | --- |\n| A | 7 |"
)
EASY = "Where are refunds paid?"
HARD = "How many travellers had the line A, and how many more than in 2024 did not have a refund?"


def answer(
    question, text="Within five days.", model="openai:gpt-4.1-nano", tokens=(1_000, 50), signals=None
):
    """An answer that took 0.1 s to its passages, 0.4 s to its first token, and 1 s."""
    times = iter((0.0, 0.0, 0.1, 0.1, 0.4, 1.0, 1.0))
    made = Answer(clock=lambda: next(times))
    for event in (
        Started(answer_id=f"{model} {question}", question=question, k=2),
        Retrieved(hits=PASSAGES),
        Routed(model=model, reason="", signals=signals or {}),
        Token(text=text),
        Used(model=model, input_tokens=tokens[0], output_tokens=tokens[1], cost=0.0),
        Finished(reason="stop"),
    ):
        made.append(event)
    return made


def evaluation(right, model, *, text="Yes.", count=60, kinds=("plain", "hard")):
    """An evaluation of so many questions, every second one hard; ``right`` says of a number and whether it
    is hard how good the answer was."""
    outcomes = []
    for number in range(count):
        is_hard = number % 2 == 1
        asked = f"{HARD if is_hard else EASY} ({number})"
        made = answer(asked, text(number) if callable(text) else text, model)
        outcomes.append(
            Outcome(
                question=Question(f"q{number}", asked, kind=kinds[is_hard], answerable=True),
                hits=PASSAGES,
                values={"correct": float(right(number, is_hard))},
                seconds={"sources": 0.1, "first token": 0.4, "total": 1.0},
                answer=made,
                input_tokens=1_000,
                output_tokens=50,
            )
        )
    return Evaluation(outcomes, name=model, configured={"llm": model}, k=2)
