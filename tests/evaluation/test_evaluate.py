"""rag.evaluate: what is measured, what is told, and how it goes on after an interruption."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading

import pytest

from ragnb import RAGPipeline
from ragnb.errors import EmptyIndexError, InvalidInputError, ProviderError
from ragnb.evaluation.result import Evaluation
from ragnb.simulator import NeverAnswer, Simulator, Status
from tests.conftest import ROOT
from tests.evaluation.conftest import DOCUMENTS, NONE, ROWS, answer, asked


def test_what_is_measured(made, questions):
    """Each question counts where it applies: a wrong quote, a wrong refusal and a right one."""
    rag, _ = made()
    found = rag.evaluate(questions)
    by_id = {one.question.id: one.values for one in found}
    assert by_id["q1"] | {"nDCG@10": 0, "MRR": 0} == {
        **{"nDCG@10": 0, "MRR": 0, "recall@5": 1.0},
        **{"citation precision": 1.0, "citation recall": 1.0, "correct": 1.0, "declined": 0.0},
    }
    assert (by_id["q2"]["citation precision"], by_id["q2"]["correct"], by_id["q2"]["declined"]) == (0, 0, 0)
    assert "citation precision" not in by_id["q3"]
    assert (by_id["q3"]["citation recall"], by_id["q3"]["correct"], by_id["q3"]["declined"]) == (0, 0, 1)
    assert by_id["q4"] == {"correct": 1.0, "declined": 1.0}
    assert found.kinds == ("number", "fact", "unanswerable")
    assert found.estimates["all"]["correct"].mean == 0.5 and found.estimates["number"]["correct"].n == 2
    assert "nDCG@10" not in found.estimates["unanswerable"]
    assert {one.question.id for one in found.worst(2)} == {"q2", "q3"}
    assert [one.question.id for one in found.worst(9, "declined")][-2:] in (["q3", "q4"], ["q4", "q3"])
    assert found.questions == [one.question for one in found]
    with pytest.raises(InvalidInputError, match=r"'nDCG' was not measured.*nDCG@10"):
        found.values("nDCG")


def test_times_tokens_and_cost(made, questions):
    """Times come in their order, tokens and cost are those of all answers; an unknown price stays unknown."""
    rag, _ = made()
    found = rag.evaluate(questions)
    answers = list(rag.answers())
    assert list(found.percentiles) == ["sources", "first token", "total"]
    for one in found.percentiles.values():
        assert 0 < one.p50 <= one.p95 <= one.p99
    for one in found:
        assert one.seconds["sources"] <= one.seconds["first token"] <= one.seconds["total"]
    assert found.input_tokens == sum(one.usage.input_tokens for one in answers) > 0
    assert found.cost == pytest.approx(sum(one.cost for one in answers)) and found.cost > 0
    assert f"Cost: ${found.cost:,.4f}" in repr(found)
    unknown, _ = made(model="a-model-of-my-own")
    assert "The price is unknown" in repr(unknown.evaluate(questions))


def test_retrieval_only(made, questions):
    """Retrieval alone calls no model, and its measures are those of the whole."""
    rag, sim = made()
    alone = rag.evaluate(questions, retrieval_only=True)
    assert asked(sim) == 0
    assert alone.measures == ("nDCG@10", "recall@5", "MRR")
    assert alone.values("nDCG@10") == rag.evaluate(questions).values("nDCG@10")
    assert "Times: sources p50" in repr(alone) and "first token" not in repr(alone)


def test_k(made, questions):
    """k passages go to the model, and recall is that of k."""
    rag, _ = made()
    found = rag.evaluate(questions, k=1)
    assert "recall@1" in found.measures and all(len(one.answer.sources) == 1 for one in found)
    assert found.name == "openai:gpt-4o-mini, k=1"
    with pytest.raises(InvalidInputError, match="k=0"):
        rag.evaluate(questions, k=0)


async def test_the_async_twin(made, questions):
    """aevaluate is awaited on any loop."""
    rag, _ = made()
    assert (await rag.aevaluate(questions)).values("correct") == rag.evaluate(questions).values("correct")


async def test_several_at_once(made):
    """With concurrency questions are asked side by side, and results keep the order of the questions."""
    rag, sim = made(gate=True)
    task = asyncio.ensure_future(rag.aevaluate(ROWS, concurrency=3))
    while asked(sim) < 3:  # as the gate is closed, none has been answered
        await asyncio.sleep(0.005)
    sim.release(10_000)
    found = await task
    assert [one.question.id for one in found] == ["q1", "q2", "q3", "q4"] and not found.failed
    with pytest.raises(InvalidInputError, match="concurrency=0"):
        await rag.aevaluate(ROWS, concurrency=0)


def test_gold_that_is_not_in_the_index(made):
    """Such a question is named and counts in no measure of gold; it is not silently zero."""
    rag, _ = made()
    strange = {**ROWS[0], "id": "q9", "quote": "words that nobody wrote"}
    found = rag.evaluate([*ROWS, strange])
    assert found.missing == {"q9": ("refunds.md has not the words “words that nobody wrote”",)}
    assert "q9" not in found.values("nDCG@10") and "q9" not in found.values("correct")
    assert "1 question cannot be measured, as the gold is not in the index: q9" in repr(found)
    assert "words that nobody wrote" in found._repr_html_()
    with pytest.raises(InvalidInputError, match=r"Nothing that .* index: refunds\.md .*Ingest"):
        rag.evaluate([strange])


def test_an_empty_index(minilm, questions):
    """Without documents it is told to add some."""
    rag = RAGPipeline("extractive", minilm, "memory", home=None)
    with pytest.raises((EmptyIndexError, InvalidInputError), match=r"(Add|Ingest) "):
        rag.evaluate(questions)
    with pytest.raises(EmptyIndexError, match="Add documents"):
        rag.evaluate(["What?"])
    rag.close()


def test_questions_that_failed(made, questions):
    """An answer that failed is named with its reason, and counts in no measure of answers."""
    faults = [None, Status(400), None, None]
    rag, _ = made(faults=faults)
    found = rag.evaluate(questions)
    assert list(found.failed) == ["q2"]
    assert "q2" in found.values("nDCG@10") and "q2" not in found.values("correct")
    assert "q2" not in found.values("total") and "1 question got no answer" in repr(found)


def test_a_failure_that_all_will_have(made, questions):
    """A wrong key ends the evaluation at the first question."""
    rag, sim = made(api_keys=["another"])
    with pytest.raises(ProviderError, match="API key"):
        rag.evaluate(questions)
    assert asked(sim) == 1


@pytest.mark.parametrize("place", ["home", None])
def test_a_key_makes_it_idempotent(made, questions, tmp_path, place):
    """With a key, what has been answered is not asked for again; another key or none asks anew."""
    rag, sim = made(home=place and tmp_path / place)
    first = rag.evaluate(questions, key="monday")
    again = rag.evaluate(questions, key="monday")
    assert asked(sim) == 4 and [one.values for one in again] == [one.values for one in first]
    assert again.percentiles == first.percentiles and again.cost == first.cost
    rag.evaluate(questions, key="tuesday")
    rag.evaluate(questions)
    assert asked(sim) == 12


def test_a_key_of_another_pipeline(made, questions, tmp_path):
    """A key whose answers another model gave is refused, not mixed in."""
    rag, _ = made(home=tmp_path / "home")
    rag.evaluate(questions, key="monday")
    other, sim = made(home=tmp_path / "home", model="gpt-4.1")
    with pytest.raises(InvalidInputError, match=r"'monday/q1' belongs to .*gpt-4o-mini.*another key"):
        other.evaluate(questions, key="monday")
    assert asked(sim) == 0


def test_interrupted_in_this_process(made, questions, tmp_path):
    """Cancelled in the middle, it ends the answer under way; the same key goes on with that one."""
    rag, sim = made(home=tmp_path / "home", faults=[None, NeverAnswer()])

    async def interrupted():
        task = asyncio.ensure_future(rag.aevaluate(questions, key="monday"))
        while asked(sim) < 2:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupted())
    first, second = rag.answers()
    assert first.status == "finished" and second.wait(timeout=30) and second.status == "cancelled"
    assert len(rag.evaluate(questions, key="monday").values("correct")) == 4
    assert asked(sim) == 2 + 3


CHILD = """
import sys
from ragnb import Document, RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
import json

llm, vectors, home, file, documents = sys.argv[1:]
rag = RAGPipeline(
    OpenAILLM("gpt-4o-mini", base_url=llm, api_key="test"),
    OpenAIEmbeddings(base_url=vectors, api_key="test"), "memory", home=home,
)
rag.add([Document(text, source=name) for name, text in json.loads(documents).items()])
rag.evaluate(file, key="monday")
"""


def test_killed(made, questions, tmp_path):
    """kill -9 in the middle: the same key in another process asks for what was not answered, and no more."""
    reached, go = threading.Event(), threading.Event()
    seen = []

    def said(request):
        seen.append(request)
        if len(seen) == 3:
            reached.set()
            go.wait(timeout=60)
        return answer(request)

    rag, sim = made(said, home=tmp_path / "home")
    with Simulator() as vectors:
        child = subprocess.Popen(
            [
                sys.executable,
                "-c",
                CHILD,
                sim.url,
                vectors.url,
                tmp_path / "home",
                questions,
                json.dumps(DOCUMENTS),
            ],
            env={"PATH": "", "PYTHONPATH": str(ROOT)},
        )
        assert reached.wait(timeout=120)
        child.kill()
        child.wait()
        go.set()
    found = rag.evaluate(questions, key="monday")
    assert len(seen) == 3 + 2  # the third was under way, the fourth had not been asked
    assert found.estimate("correct").n == 4 and found.estimate("correct").mean == 0.5


def test_the_frame(made, questions):
    """A DataFrame with a row a question: its measures, times, tokens, text."""
    pandas = pytest.importorskip("pandas")
    rag, _ = made()
    frame = rag.evaluate([*ROWS, "Anything else?"]).frame
    assert isinstance(frame, pandas.DataFrame) and list(frame.index) == ["q1", "q2", "q3", "q4", "5"]
    assert frame.loc["q3", "answer"] == NONE and frame.loc["q2", "citation recall"] == 0
    assert pandas.isna(frame.loc["5", "correct"]) and frame["total"].gt(0).all()


def test_a_frame_without_pandas(made, questions, monkeypatch):
    """Where pandas is not installed, it is told how to install it, and nothing else needs it."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    rag, _ = made()
    found = rag.evaluate(questions)
    with pytest.raises(Exception, match="pip install pandas"):
        _ = found.frame
    assert repr(found) and found._repr_html_()


def test_shown(made, questions):
    """Shown as a table per kind with its plots and times, and nothing in it is live."""
    rag, _ = made()
    rows = [{**ROWS[0], "kind": "<b onclick=x>&"}, *ROWS[1:]]
    found = rag.evaluate(rows, name="<script>alert(1)</script>")
    html = found._repr_html_()
    assert "<script" not in html and "<b onclick" not in html and "&lt;script&gt;" in html
    assert html.count("<img ") == 2 and 'alt="Means and 95 % intervals. nDCG@10: all' in html
    times = html.partition('<div class="ragnb-times">')[2]
    assert " ms</td>" in times and "<div" not in times
    bare = re.sub(r"<img[^>]*>| style='[^']*'", "", html)
    assert "0.50<br><small>0.15–0.85</small>" in bare
    lines = repr(found).splitlines()
    assert lines[1].split()[:2] == ["questions", "nDCG@10"]
    assert [line.split()[0] for line in lines[2:6]] == ["all", "<b", "number", "fact"]
    assert lines[2].split()[-2:] == ["0.50", ".15–.85"]


def test_of_one_kind_or_none(made):
    """Without kinds there is one row; without gold only times are told."""
    rag, _ = made()
    found = rag.evaluate(["Are dogs welcome?", "Is there a pool?"])
    assert found.measures == () and "all" in repr(found) and "Times: sources" in repr(found)
    assert isinstance(found, Evaluation) and found._repr_html_()
