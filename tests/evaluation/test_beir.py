"""BEIR folders: read, and evaluated by document without a model."""

from __future__ import annotations

import json

import pytest

from ragnb.errors import InvalidInputError
from ragnb.evaluation import beir
from ragnb.evaluation.questions import Gold
from tests.evaluation.conftest import DOCUMENTS, asked


def write(folder, corpus=None, queries=None, qrels=None, split="test"):
    rows = [{"_id": name, "title": name[:4], "text": text} for name, text in DOCUMENTS.items()]
    asks = [
        {"_id": "1", "text": "refunds paid"},
        {"_id": "2", "text": "a dog in a cabin"},
        {"_id": "3", "text": "?"},
    ]
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for name, given, default in (("corpus", corpus, rows), ("queries", queries, asks)):
        text = "".join(f"{json.dumps(row)}\n" for row in default) if given is None else given
        (folder / f"{name}.jsonl").write_text(text)
    judged = (
        "query-id\tcorpus-id\tscore\n1\trefunds.md\t2\n1\tdogs.md\t0\n2\tdogs.md\t1\n2\tshowers.md\t1\n"
    )
    (folder / "qrels" / f"{split}.tsv").write_text(judged if qrels is None else qrels)
    return folder


def test_read(tmp_path):
    """Documents keep their ids as sources; queries are those that are judged, with what is relevant."""
    folder = write(tmp_path)
    documents = list(beir.documents(folder))
    assert [(one.source, one.title, one.text) for one in documents] == [
        (name, name[:4], text) for name, text in DOCUMENTS.items()
    ]
    first, second = beir.questions(folder)
    assert first.gold == (Gold("refunds.md", grade=2),)
    assert [gold.document for gold in second.gold] == ["dogs.md", "showers.md"]
    assert first.split == "test"


def test_splits(tmp_path):
    """Without a wish it is test, or the only split; one that is not there is told with those that are."""
    write(tmp_path, split="dev")
    assert beir.questions(tmp_path)[0].split == "dev"
    write(tmp_path, split="train")
    with pytest.raises(InvalidInputError, match=r"no qrels/test\.tsv.*dev, train"):
        beir.questions(tmp_path)
    assert beir.questions(tmp_path, "train")[0].split == "train"


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"queries": '{"_id": "1", "text": "x"}\n{"_id"\n'}, "Line 2 of .*queries.jsonl is no JSON"),
        (
            {"queries": '{"_id": 1, "text": "x"}\n'},
            "Line 1 of .*queries.jsonl has not the texts _id and text",
        ),
        ({"qrels": "query-id\tcorpus-id\tscore\n1\tdogs.md\tyes\n"}, "Line 2 of .*test.tsv is no query"),
        ({"qrels": "9\tdogs.md\t1\n"}, "Line 1 of .*test.tsv is no query"),
        ({"qrels": "1 dogs.md 1\n"}, "Line 1 of .*test.tsv is no query"),
        ({"qrels": "1\tdogs.md\t0\n"}, "says of no document that it is relevant"),
    ],
)
def test_broken(tmp_path, broken, told):
    """Broken lines are named by file and number."""
    with pytest.raises(InvalidInputError, match=told):
        beir.questions(write(tmp_path, **broken))


def test_not_a_folder_of_that_kind(tmp_path):
    """A folder without the files is told what it should hold."""
    with pytest.raises(InvalidInputError, match=r"corpus\.jsonl cannot be read: .*qrels"):
        list(beir.documents(tmp_path))
    with pytest.raises(InvalidInputError, match=r"queries\.jsonl cannot be read"):
        beir.questions(tmp_path)


def test_evaluated(made, tmp_path):
    """Retrieval alone is measured, by document, to a depth of 100; no model is called."""
    rag, sim = made()
    found = rag.evaluate(write(tmp_path))
    assert found.measures == ("nDCG@10", "recall@5", "recall@100", "MRR")
    assert found.estimate("recall@100").mean == 1.0 and not found.kinds
    assert all(len(one.hits) == len(DOCUMENTS) and one.answer is None for one in found)
    assert asked(sim) == 0 and not rag.answers() and set(found.percentiles) == {"sources"}


def test_documents_that_were_not_added(made, tmp_path):
    """Judged documents that are not in the index are named, not counted as not found."""
    rag, _ = made()
    folder = write(tmp_path, qrels="1\trefunds.md\t1\n2\tdogs.md\t1\n2\tother\t1\n")
    found = rag.evaluate(folder)
    assert found.missing == {"2": ("other is not in the index",)}
    assert found.estimate("MRR").n == 1 and "2: other is not in the index" in repr(found)
    with pytest.raises(InvalidInputError, match="Nothing that the questions name is in the index: other"):
        rag.evaluate(write(tmp_path, qrels="1\tother\t1\n"))
