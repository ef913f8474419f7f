"""Questions in files: what is read, what is written, and what is told of broken ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb.errors import InvalidInputError
from ragnb.evaluation.questions import Gold, Question, QuestionList, as_questions, read_questions
from tests.conftest import ROOT


def test_the_sample_questions():
    """All questions of data/ are read: two documents as two pieces of gold, null as no answer."""
    questions = {one.id: one for one in read_questions(ROOT / "data" / "questions.jsonl")}
    assert len(questions) == 131
    assert questions["q02"].gold == (
        Gold(
            "handbook/refunds.md",
            "Refunds are paid within five working days, to the card or account that paid.",
        ),
    )
    two = [one for one in questions.values() if one.kind == "two documents"]
    assert len(two) == 9 and all(len(one.gold) == 2 for one in two)
    none = [one for one in questions.values() if one.kind == "unanswerable"]
    assert len(none) == 19 and not any(one.gold or one.answerable for one in none)
    assert {one.answerable for one in questions.values() if one.kind != "unanswerable"} == {True}


def test_broken_lines_are_named(tmp_path):
    """Each line that is no question is named with its number and what is wrong with it; all at once."""
    file = tmp_path / "q.jsonl"
    file.write_text(
        "\n".join(
            [
                '{"id": "a", "question": "One?"}',
                "",
                '{"id": "b", "question": "Two?"',
                '["Three?"]',
                '{"id": "d"}',
                '{"id": "e", "question": 5}',
                '{"id": "f", "question": "Six?", "quote": "words"}',
                '{"id": "g", "question": "Seven?", "document": ["a", "b"], "quote": ["x"]}',
                '{"id": "a", "question": "Again?"}',
            ]
        )
    )
    with pytest.raises(InvalidInputError) as raised:
        read_questions(file)
    said = raised.value.message
    for told in (
        "7 of 8",
        "line 3: is no JSON",
        "line 4: is a list",
        'line 5: "question" is missing',
        'line 6: "question" is no text',
        'line 7: there is a "quote" without a "document"',
        "line 8: there are 2 documents and 1 quotes",
        "line 9: the id 'a' is that of line 1 too",
    ):
        assert told in said
    assert '{"id": "q1"' in raised.value.advice


def test_many_broken_lines(tmp_path):
    """Of a file that is something else, ten lines are named and the others counted."""
    file = tmp_path / "q.jsonl"
    file.write_text("nothing\n" * 50)
    with pytest.raises(InvalidInputError, match=r"50 of 50 .*line 10: .*and 40 more"):
        read_questions(file)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "holds no questions"), (b"\n \n", "holds no questions"), (b"\xff\xfe\x00", "cannot be read")],
)
def test_files_without_questions(tmp_path, content, told):
    """An empty file and one that is no text are told apart."""
    file = tmp_path / "q.jsonl"
    file.write_bytes(content)
    with pytest.raises(InvalidInputError, match=told):
        read_questions(file)


def test_no_file(tmp_path):
    """A file that is not there is told so, with what to pass."""
    with pytest.raises(InvalidInputError, match=r"No such file.*JSON Lines"):
        read_questions(tmp_path / "none.jsonl")


def test_what_else_stands_for_questions():
    """Texts, rows and questions are taken; what has no id gets its place."""
    found = as_questions(["One?", {"question": "Two?", "document": None}, Question("x", "Three?")])
    assert [(one.id, one.question, one.answerable) for one in found] == [
        ("1", "One?", None),
        ("2", "Two?", False),
        ("x", "Three?", None),
    ]
    with pytest.raises(InvalidInputError, match="item 2: is a int"):
        as_questions(["One?", 2])
    with pytest.raises(InvalidInputError, match="holds no questions"):
        as_questions([])


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool)


@given(
    st.lists(
        st.builds(
            Question,
            id=texts,
            question=texts,
            kind=texts | st.just(""),
            answer=texts.filter(lambda text: text.casefold() != "no answer"),
            gold=st.lists(st.builds(Gold, document=texts, quote=texts), min_size=1, max_size=3).map(tuple),
            answerable=st.just(True),
            split=st.just("tune"),
        ),
        min_size=1,
        unique_by=lambda one: one.id,
    )
)
def test_what_is_written_is_read_again(tmp_path_factory, questions):
    """Whatever texts a list of questions holds, its file gives the same list."""
    file = tmp_path_factory.mktemp("q") / "q.jsonl"
    QuestionList(questions).save(file)
    assert read_questions(file) == questions


def test_saving_leaves_edited_files_alone(tmp_path):
    """A file that is there is replaced only if that was said."""
    file = tmp_path / "new" / "q.jsonl"
    one = QuestionList([Question("a", "One?", answerable=False)])
    one.save(file)
    with pytest.raises(InvalidInputError, match="overwrite=True"):
        one.save(file)
    one.save(file, overwrite=True)
    row = json.loads(file.read_text())
    assert row["document"] is None and row["quote"] is None
    assert read_questions(file) == one


def test_shown():
    """A list shows itself as a table whose texts are no HTML."""
    shown = QuestionList([Question("a", "<script>1</script>", gold=(Gold("a.md", "x & y"),))] * 30)
    assert "&lt;script&gt;" in shown._repr_html_() and "x &amp; y" in shown._repr_html_()
    assert "<script>" not in shown._repr_html_() and "and 10 more" in shown._repr_html_()
    assert str(shown).endswith("and 10 more") and str(QuestionList()) == "No questions."
