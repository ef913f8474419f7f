"""Two evaluations side by side: a real difference is seen, noise is called noise."""

from __future__ import annotations

import numpy as np
import pytest

from ragnb.errors import InvalidInputError
from ragnb.evaluation.outcome import Outcome
from ragnb.evaluation.questions import Question
from ragnb.evaluation.result import Evaluation
from tests.evaluation.conftest import ROWS


def evaluation(correct, seconds=None, *, name="one", ndcg=None, prefix="q"):
    """Outcomes with these values."""
    rows = enumerate(zip(correct, seconds or [0.1] * len(correct), ndcg or correct, strict=True))
    outcomes = [
        Outcome(
            question=Question(f"{prefix}{n}", f"{prefix} {n}?", kind="fact", answerable=True),
            hits=(),
            values={"nDCG@10": gain, "correct": value},
            seconds={"total": second},
        )
        for n, (value, second, gain) in rows
    ]
    return Evaluation(outcomes, name=name, configured={"llm": "m"}, k=5)


def drawn(p, n=80, seed=0):
    return [float(value) for value in np.random.default_rng(seed).random(n) < p]


def test_a_real_difference():
    """Fewer right answers on many questions are no noise, whichever way round it is asked."""
    good, bad = evaluation(drawn(0.9), name="good"), evaluation(drawn(0.5, seed=1), name="bad")
    found = good.compare(bad).differences["correct"]
    assert (
        found.verdict == "first" and found.chance < 0.01 and found.high < 0 and found.low < found.difference
    )
    assert bad.compare(good).differences["correct"].verdict == "second"
    assert found.wins + found.losses + found.ties == found.n == 80 and found.losses > found.wins
    assert (
        "good is better" in repr(good.compare(bad)) and "good is better" in good.compare(bad)._repr_html_()
    )


def test_noise():
    """Two runs of the same quality differ, and are called noise nearly always."""
    verdicts = [
        evaluation(drawn(0.7, seed=2 * n))
        .compare(evaluation(drawn(0.7, seed=2 * n + 1)))
        .differences["correct"]
        for n in range(40)
    ]
    assert sum(one.verdict == "noise" for one in verdicts) >= 36
    assert any(abs(one.difference) > 0.05 for one in verdicts)


def test_the_same():
    """What does not differ on any question is the same, and no test against luck for the others."""
    values = drawn(0.7)
    worse = evaluation([0.0] * 12 + values[12:], ndcg=values, name="worse")
    found = evaluation(values, ndcg=values).compare(worse).differences
    assert found["nDCG@10"].verdict == "same" and found["nDCG@10"].ties == 80
    assert found["correct"].corrected == found["correct"].chance < 0.05


def test_less_cost_is_better(made, questions):
    """Of cost, less wins; where nothing was paid there is no such row."""
    cheap, _ = made()
    dear, _ = made(model="gpt-4.1")
    found = dear.evaluate(questions).compare(cheap.evaluate(questions)).differences["cost"]
    assert found.difference < 0 and found.wins == 4 and found.low <= found.difference <= found.high
    assert "cost" not in evaluation([1.0, 0.0]).compare(evaluation([1.0, 1.0])).differences


def test_times_of_both():
    """Times stand side by side, without a claim which pipeline they belong to."""
    values = drawn(0.7)
    comparison = evaluation(values, [0.3] * 80).compare(evaluation(values, [0.1] * 80))
    one, other = comparison.times["total"]
    assert (one.p50, other.p50) == (0.3, 0.1) and "total" not in comparison.differences
    assert "Times: total p50 300 ms and 100 ms, p95 300 ms and 100 ms. They are of two moments" in repr(
        comparison
    )


def test_interval_and_test_agree():
    """Three gains and no loss on fifty questions may be luck, and the interval says so too."""
    found = evaluation([0.0] * 50).compare(evaluation([1.0] * 3 + [0.0] * 47)).differences["correct"]
    assert found.verdict == "noise" and found.low <= 0 < found.high


def test_questions_that_changed():
    """The largest losses come first, then the gains; each is named."""
    one, other = evaluation([1.0, 0.0, 1.0, 0.5]), evaluation([1.0, 1.0, 0.0, 0.0])
    comparison = one.compare(other)
    assert [change.id for change in comparison.changes()] == ["q2", "q3", "q1"]
    assert "Worse (correct 1.00 → 0.00): q2, q 2?" in repr(comparison)
    assert comparison.names == ("one (first)", "one (second)")


def test_pairs():
    """A question counts where both have a value; evaluations of other questions are refused."""
    assert evaluation([1.0] * 5).compare(evaluation([1.0] * 3)).differences["correct"].n == 3
    with pytest.raises(InvalidInputError, match="different questions"):
        evaluation([1.0]).compare(evaluation([1.0], prefix="p"))


def test_of_pipelines(made, questions):
    """Two pipelines evaluated on the same questions are compared, text and all; nothing in it is live."""
    first, _ = made()
    second, _ = made(lambda request: "<script>I say 15 euros [1].</script>")
    comparison = first.evaluate(questions, name="<b>").compare(second.evaluate(ROWS))
    assert comparison.differences["correct"].n == 4
    html = comparison._repr_html_()
    assert "<b>" not in html and "&lt;b&gt;" in html and "<script" not in html
    assert "Times: sources " in repr(comparison) and html.count('<div class="ragnb-times">') == 1
