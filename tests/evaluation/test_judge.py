"""A model as judge: what it is asked, what its words count, and that it is asked once."""

from __future__ import annotations

import pytest

from ragnb.errors import ProviderError
from ragnb.llms.openai import OpenAILLM
from ragnb.simulator import Simulator, Status
from tests.evaluation.conftest import ROWS, asked


def verdict(request):
    """Strict on bicycles, undecided on dogs, silent on the pool, content with the rest."""
    said = str(request["messages"])
    if "Bicycles travel" in said:
        return "**Wrong**: the answer does not say what it costs."
    if "Are dogs" in said:
        return "Partly. It should have named the cabins."
    if "pool" in said:
        return "I would not call it correct."
    return "Correct. It says five days, which is not wrong."


@pytest.fixture
def judged(made, questions, tmp_path):
    """An evaluation with a judge, its pipeline and the judge's server."""
    rag, sim = made(home=tmp_path / "home")
    with Simulator(verdict) as court:
        judge = OpenAILLM("gpt-4.1", base_url=court.url, api_key="test")
        yield rag, sim, court, judge, rag.evaluate(questions, key="monday", judge=judge)


def test_what_its_words_count(judged):
    """correct, partly and wrong are 1, 0.5 and 0; what is none of them is told and not counted."""
    *_, found = judged
    assert found.values("judged") == {"q1": 1.0, "q2": 0.0, "q3": 0.5}
    assert found[1].verdict.reason.startswith("**Wrong**") and found[3].verdict.score is None
    assert "1 question got no verdict from the judge: q4" in repr(found)
    assert found.judging_cost > 0 and "The judge cost $" in repr(found)
    assert found.cost == pytest.approx(sum(one.cost for one in found))


def test_what_it_is_asked(judged):
    """It sees the question, the right answer, the gold quote and the answer, each in a passage: as data."""
    _, _, court, _, _ = judged
    said = next(str(request.json) for request in court.requests if "Bicycles travel" in str(request.json))
    for part in (
        "What does a bicycle cost?",
        "Right answer: 15 euros.",
        ROWS[1]["quote"],
        '<passage number="2"',
    ):
        assert part in said
    said = next(str(request.json) for request in court.requests if "pool" in str(request.json))
    assert "The documents hold no answer" in said or "Right answer: no answer" in said


def test_asked_once(judged, questions):
    """Evaluated again with the same key, verdicts are read; without a key, the new answers are judged."""
    rag, sim, court, judge, found = judged
    again = rag.evaluate(questions, key="monday", judge=judge)
    assert again.values("judged") == found.values("judged")
    assert (asked(sim), asked(court)) == (4, 4)
    assert (rag.home / "verdicts.jsonl").stat().st_mode & 0o077 == 0
    rag.evaluate(questions, judge=judge)
    assert asked(court) == 8


def test_a_torn_file_of_verdicts(judged, questions):
    """A line that was cut off is judged again, the others are not."""
    rag, _, court, judge, found = judged
    file = rag.home / "verdicts.jsonl"
    file.write_bytes(file.read_bytes()[:-5])
    again = rag.evaluate(questions, key="monday", judge=judge)
    assert asked(court) == 5 and again.values("judged") == found.values("judged")
    rag.evaluate(questions, key="monday", judge=judge)
    assert asked(court) == 5


def test_off_by_default(made, questions):
    """Without a judge there is no such measure, and no model is asked for one."""
    rag, sim = made()
    assert "judged" not in rag.evaluate(questions).measures and asked(sim) == 4


def test_only_what_can_be_judged(made):
    """A question of which no answer is known is not judged."""
    rag, _ = made()
    with Simulator(verdict) as court:
        judge = OpenAILLM("gpt-4.1", base_url=court.url, api_key="test")
        assert rag.evaluate(["Are dogs welcome?"], judge=judge)[0].verdict is None
        assert asked(court) == 0


def test_a_judge_that_fails(made, questions):
    """One failure is told and not counted; a wrong key ends it with the reason."""
    rag, _ = made()
    with Simulator(verdict, faults=[Status(400)], api_keys=["test"]) as court:
        found = rag.evaluate(questions, judge=OpenAILLM("gpt-4.1", base_url=court.url, api_key="test"))
        assert found[0].verdict.score is None and list(found.values("judged")) == ["q2", "q3"]
        with pytest.raises(ProviderError, match="API key"):
            rag.evaluate(questions, judge=OpenAILLM("gpt-4.1", base_url=court.url, api_key="other"))
