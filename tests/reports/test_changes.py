"""What two runs say differently, and which thresholds are passed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb import Document
from ragnb.errors import InvalidInputError
from ragnb.reports.alerts import alerts
from ragnb.reports.changes import compare, difference
from ragnb.reports.result import Result, Source, from_lines, to_lines
from tests.reports.conftest import QUESTIONS, answer, write_questions


def result(name, text, *titles, status="answered"):
    sources = tuple(Source(n, title) for n, title in enumerate(titles, start=1))
    return Result(name, f"{name}?", status, answer=text, sources=sources)


def test_what_changed():
    """Answers and sources that changed, questions that are new or gone; the rest is the same."""
    before = [
        result("same", "As ever [1].", "A"),
        result("words", "It costs 15 euros [1].", "A"),
        result("numbers", "As ever [1], and so on [2].", "A", "B"),
        result("sources", "As ever [1].", "A"),
        result("gone", "Gone."),
        result("answered", "", status="failed"),
    ]
    now = [
        result("same", "As ever [1].", "A"),
        result("words", "It costs 20 euros [1].", "A"),
        result("numbers", "As ever [2], and so on [1].", "B", "A"),
        result("sources", "As ever [1].", "B"),
        result("new", "New."),
        result("answered", "Yes."),
    ]
    found = compare("monday", before, now)
    assert [one.now.id for one in found.changed] == ["words", "sources", "answered"]
    words, sources, answered = found.changed
    assert words.pieces == (
        ("same", "It costs "),
        ("gone", "15"),
        ("same", " "),
        ("new", "20"),
        ("same", " euros."),
    )
    assert (sources.lost, sources.gained, sources.pieces) == (("A",), ("B",), ())
    assert answered.status == "failed"
    assert ([one.id for one in found.new], [one.id for one in found.gone], found.same) == (
        ["new"],
        ["gone"],
        2,
    )
    assert (found.answers, found.sources) == (2, 1)


def test_a_question_that_was_reworded():
    """Under the same id, it is another question."""
    found = compare("monday", [Result("q", "Old?", "answered")], [Result("q", "New?", "answered")])
    assert (len(found.new), len(found.gone), found.changed) == (1, 1, ())


def test_long_texts_are_shortened():
    """Around a difference some words are kept, of the rest an ellipsis."""
    pieces = difference(f"{'word ' * 50}15 euros {'word ' * 50}", f"{'word ' * 50}20 euros {'word ' * 50}")
    shown = "".join(text for _, text in pieces)
    assert shown.count("…") == 2 and len(shown) < 120 and ("new", "20") in pieces


SHORT = st.text("ab. \n", max_size=16)


@given(SHORT, SHORT)
def test_differences(before, now):
    """A text does not differ from itself; what is not new makes up the one, what is not gone the other."""
    assert difference(before, before) == []
    pieces = difference(before, now)
    for text, other in ((before, "new"), (now, "gone")):
        assert not pieces or letters("".join(said for kind, said in pieces if kind != other)) == letters(
            text
        )
    assert pieces or before.split() == now.split()


def letters(text):
    return "".join(text.split())


def test_lines():
    """Results are the same after writing and reading."""
    results = [result("a", "It [1].", "A"), Result("b", "b?", "not asked", reason="no money")]
    assert from_lines(b"".join(to_lines(results))) == results


def test_the_next_run_tells(made, questions, tmp_path):
    """A run is compared with the last one before it of the same questions, however often it is started."""
    rag, _ = made(home=tmp_path / "home")
    first = rag.report(questions, run="monday")
    assert first.changes is None
    assert (
        repr(rag.report(questions, run="tuesday")).count("Since the run monday: every answer is the same.")
        == 1
    )
    rag.add(Document("Dogs are welcome everywhere. A large dog is free.", source="dogs.md"))
    rows = {**QUESTIONS, "van": "Do bicycles need a van?"}
    del rows["pool"]
    changed, _ = made(everywhere, home=tmp_path / "home", documents={})
    changed.add([Document("Dogs are welcome everywhere. A large dog is free.", source="dogs.md")])
    write_questions(questions, rows)
    for _ in range(2):
        report = changed.report(questions, run="wednesday", output=tmp_path / "out")
        assert report.changes.previous == "tuesday"
        assert [one.id for one in report.changes.new] == ["van"] and [
            one.id for one in report.changes.gone
        ] == ["pool"]
        assert "dog" in [one.now.id for one in report.changes.changed]
    assert "Dogs are welcome [-in sleeper cabins-] {+everywhere+}." in repr(report)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<ins" in page and "<del" in page and "Since the run tuesday" in page
    assert "**everywhere**" in (tmp_path / "out" / "report.md").read_text()


def everywhere(request):
    return "Dogs are welcome everywhere [1]." if "dogs welcome?" in str(request) else answer(request)


def test_a_run_that_did_not_end_is_not_compared_with(made, questions, tmp_path):
    """Only a run that came to its report has anything to be compared with."""
    rag, _ = made(home=tmp_path / "home")
    rag.report(questions, run="monday")
    (tmp_path / "home" / "reports" / "monday" / "report.jsonl").unlink()
    assert rag.report(questions, run="tuesday").changes is None


@pytest.mark.parametrize(
    ("written", "measure", "sign", "limit"),
    [
        ("cost > 0.50", "cost", ">", 0.5),
        ("cost>$1", "cost", ">", 1.0),
        ("failed > 5%", "failed", ">", 0.05),
        ("Citation  Recall < .8", "citation recall", "<", 0.8),
        ("seconds > 3600", "seconds", ">", 3600.0),
    ],
)
def test_thresholds(written, measure, sign, limit):
    """They are read as people write them."""
    (found,) = alerts([written])
    assert (found.measure, found.sign) == (measure, sign) and found.limit == pytest.approx(limit)
    assert alerts(written) == [found]


@pytest.mark.parametrize(
    "written", ["", "cost", "cost = 3", "cost > much", "tea > 3", "cost > -1", "cost > 3 euros"]
)
def test_no_thresholds(written):
    """What is none is refused, with those that there are."""
    with pytest.raises(InvalidInputError, match=r"is no threshold.*citation recall"):
        alerts([written])


def test_thresholds_that_are_passed(made, questions):
    """One that is passed makes the status 1, and so does one of which nothing is known."""
    rag, _ = made()
    report = rag.report(
        questions, alerts=["declined > 10%", "declined > 20%", "cost > 100", "citation recall < 0.1"]
    )
    assert report.alarms == (
        "declined > 10%: it is 0.1667.",
        "citation recall < 0.1: the citation recall is not known.",
    )
    assert report.exit_status == 1 and "2 thresholds passed" in report.verdict
    assert "declined &gt; 10%: it is 0.1667." in report._repr_html_()
    unpriced, _ = made(model="a-model-of-my-own")
    assert unpriced.report(questions, alerts=["cost > 100"]).alarms == (
        "cost > 100: the cost is not known.",
    )
