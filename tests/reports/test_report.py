"""rag.report: what is asked, what is told, and what is written."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from ragnb.errors import InvalidInputError, ProviderError, UnansweredError
from ragnb.simulator import Cut, Status
from tests.reports.conftest import NONE, QUESTIONS, asked, said


def test_a_report(made, questions, tmp_path):
    """Every question is asked once; answers keep the order of the questions, with their sources."""
    rag, sim = made()
    report = rag.report(questions, output=tmp_path / "out")
    assert [one.id for one in report] == list(QUESTIONS)
    assert asked(sim) == dict.fromkeys(QUESTIONS.values(), 1)
    assert report.counts == {"answered": 5, "declined": 1}
    assert report.exit_status == 0 and report.check() is None
    first, *_, last = report
    assert first.answer.startswith("Refunds are paid within five days [")
    (source,) = first.sources
    assert (source.source, source.quotes[0][:16]) == ("refunds.md", "Refunds are paid")
    assert (last.status, last.answer, last.sources) == ("declined", NONE, ())
    assert report.cost == pytest.approx(sum(answer.cost for answer in rag.answers()))
    assert report.verdict == "6 questions: 5 answered, 1 declined"
    assert repr(report).startswith("6 questions: 5 answered, 1 declined, by openai:gpt-4o-mini.")
    assert [answer.question for _, answer in report.answers()] == list(QUESTIONS.values())


def test_its_files(made, questions, tmp_path):
    """The page, the Markdown and the lines say the same, and the page has no address to load anything from."""
    rag, _ = made()
    rag.report(questions, output=tmp_path / "out")
    rows, page, text = said(tmp_path / "out")
    assert [row["question"] for row in rows] == list(QUESTIONS.values())
    for row in rows:
        assert row["question"] in page and f"**{row['question']}**" not in text and row["question"] in text
        for source in row.get("sources", ()):
            assert source["quotes"][0] in page and source["quotes"][0] in text
    assert page.count('class="ragnb-question') == 6 and "default-src 'none'" in page
    assert not [mark for mark in ("http://", "https://", "<script", "<link", "url(") if mark in page]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "report.html",
        "report.jsonl",
        "report.md",
    ]


def test_several_at_once(made, questions):
    """As many are asked at once as was said, and no more."""
    rag, sim = made(gate=True)
    with ThreadPoolExecutor(1) as pool:
        reporting = pool.submit(rag.report, questions, concurrency=3)
        sim.wait_for_request(3)
        assert sum(asked(sim).values()) == 3
        sim.release_all()
        report = reporting.result()
    assert [one.id for one in report] == list(QUESTIONS) and report.exit_status == 0


def test_one_that_fails(made, questions, tmp_path):
    """The others are answered, the report says which failed and why, and the status is 1."""
    rag, _ = made(faults=[Status(400)])
    report = rag.report(questions, output=tmp_path, concurrency=1)
    assert (report[0].status, report.counts["failed"], report.exit_status) == ("failed", 1, 1)
    assert report[0].reason and not report[0].answer
    with pytest.raises(UnansweredError, match="6 questions: 4 answered, 1 declined, 1 failed"):
        report.check()
    for name in ("report.html", "report.md"):
        assert report[0].reason.split(".")[0] in (tmp_path / name).read_text()
    assert "refund: " in repr(report)


def test_trouble_is_overcome_and_told(made, questions, tmp_path):
    """A stream that is cut and a rate limit cost nothing but time, and the report says so."""
    rag, sim = made(faults=[Cut(after=2), None, Status(429, retry_after=0.01)])
    report = rag.report(questions, output=tmp_path, concurrency=1)
    assert report.exit_status == 0 and sum(asked(sim).values()) == 8
    assert [one.spent.trouble for one in report[:3]] == ["connection lost", "rate limit reached", ""]
    assert "2 answers met trouble on the way, and got over it." in repr(report)
    page = (tmp_path / "report.html").read_text()
    assert "got over: connection lost" in page and "got over: rate limit reached" in page
    untroubled, _ = made()
    untroubled.report(questions, output=tmp_path / "again")
    assert said(tmp_path) == said(tmp_path / "again")


def test_a_wrong_key(made, questions, tmp_path):
    """What ends every answer is raised at once, and nothing of the key is in the message."""
    rag, sim = made(api_keys=["another"])
    with pytest.raises(ProviderError) as raised:
        rag.report(questions, output=tmp_path / "out", concurrency=2)
    assert raised.value.fault == "authentication" and sum(asked(sim).values()) == 2
    assert not (tmp_path / "out" / "report.html").exists()


def test_no_credit_in_the_middle(made, questions, tmp_path):
    """What was answered before is reported, the rest is not asked; started again, it goes on."""
    body = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    rag, sim = made(home=tmp_path / "home", faults=[None, None, Status(429, body=body)])
    report = rag.report(questions, run="one", concurrency=1)
    assert report.counts == {"answered": 2, "failed": 1, "not asked": 3} and report.exit_status == 1
    assert report[5].reason == report[4].reason and "credit" in report[5].reason
    again = rag.report(questions, run="one")
    assert again.exit_status == 0 and again.taken_over == 2 and sum(asked(sim).values()) == 7


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("", "holds no questions"),
        ("\n \n", "holds no questions"),
        (
            '{"id": 1, "question": "A?"}\n{"id": 1, "question": "B?"}\n',
            "line 2: the id '1' is that of line 1",
        ),
        ('{"question": "A?"}\n{"question"', "line 2: is no JSON"),
        ('{"question": ""}\n["x"]', 'line 1: "question" is missing.*line 2: is a list'),
    ],
)
def test_questions_that_cannot_be_used(made, tmp_path, lines, words):
    """They are told with the numbers of their lines, before anything is asked."""
    rag, sim = made()
    (tmp_path / "bad.jsonl").write_text(lines)
    with pytest.raises(InvalidInputError, match=f"(?s){words}"):
        rag.report(tmp_path / "bad.jsonl")
    assert not asked(sim)


def test_bad_parameters(made, questions, tmp_path):
    """Each is refused in a sentence, before anything is asked."""
    rag, sim = made(home=tmp_path / "home")
    (tmp_path / "file").write_text("")
    for given, words in (
        ({"concurrency": 0}, "concurrency=0"),
        ({"k": 0}, "k=0"),
        ({"run": "../up"}, "no id of a run"),
        ({"run": ""} | {"alerts": ["tea > 3"]}, "no threshold"),
        ({"budget": -1}, "no budget"),
        ({"output": tmp_path / "file" / "out"}, "cannot be written"),
        ({"corpus": tmp_path / "gone"}, "no document in .* the index is left as it is"),
    ):
        with pytest.raises(InvalidInputError, match=words):
            rag.report(questions, **given)
    assert not asked(sim)


def test_a_corpus_that_vanished(made, questions, tmp_path):
    """Neither a folder that is gone nor one that is empty takes its documents out of the index."""
    rag, _ = made(home=tmp_path / "home", documents={})
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "dogs.md").write_text("Dogs are welcome in sleeper cabins.")
    assert rag.report(questions, corpus=folder, run="one").counts["answered"] == 1
    (folder / "dogs.md").rename(tmp_path / "dogs.md")
    for _ in range(2):
        with pytest.raises(InvalidInputError, match="the index is left as it is"):
            rag.report(questions, corpus=[folder], run="two")
        folder.rmdir() if folder.exists() else None
    assert len(rag.documents()) == 1


def test_a_question_that_is_too_long(made, tmp_path):
    """It fails, and the others are answered."""
    rag, _ = made()
    report = rag.report([{"question": "dog " * 10_000}, "Are dogs welcome?"])
    assert [one.status for one in report] == ["failed", "answered"]
    assert "characters" in report[0].reason


def test_an_answer_that_is_no_longer_kept(made, questions, tmp_path):
    """Its text is still in the report."""
    rag, _ = made(home=tmp_path / "home")
    report = rag.report(questions)
    (tmp_path / "home" / "answers" / f"{report[0].spent.answer_id}.jsonl").unlink()
    assert [answer is None for _, answer in report.answers()] == [True] + 5 * [False]
    report.save(tmp_path / "out")
    assert "Refunds are paid within five days [" in (tmp_path / "out" / "report.html").read_text()


def test_measures_of_gold_quotes(made, tmp_path):
    """Where questions bring gold quotes, the report measures the citations, and can watch them."""
    rag, _ = made()
    rows = [
        {
            "question": QUESTIONS["dog"],
            "document": "dogs.md",
            "quote": "Dogs are welcome in sleeper cabins.",
        },
        {"question": QUESTIONS["bicycle"], "document": "bicycles.md", "quote": "costs 15 euros"},
    ]
    report = rag.report(rows, alerts=["citation recall < 0.8", "correct < 0.1"])
    assert report.mean("citation recall") == 0.5 and report.mean("nothing") is None
    assert report.alarms == ("citation recall < 0.8: it is 0.5.",) and report.exit_status == 1
    assert "Against the gold quotes: citation precision 0.50, citation recall 0.50" in repr(report)


async def test_the_async_twin(made, questions):
    """areport is awaited on any loop."""
    rag, _ = made()
    assert (await rag.areport(questions)).exit_status == 0


def test_hostile_texts(made, tmp_path):
    """Neither an answer, nor a passage, nor a question puts anything live into a page or a cell."""
    bad = '<script>alert(1)</script><img src="https://evil.example/x.png">![x](https://evil.example/y.png)'
    rag, _ = made(lambda _: f"{bad} [1].", documents={f"{bad[:20]}.md": f"Dogs {bad} are welcome."})
    report = rag.report([f"Dogs {bad}?"], output=tmp_path)
    page, text = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    for html in (page, report._repr_html_()):
        assert "<script" not in html and "<img src" not in html
    assert "<script" not in text and "![x]" not in text.replace("!\\[x]", "")
    assert json.loads((tmp_path / "report.jsonl").read_text())["status"] == "answered"
