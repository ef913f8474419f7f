"""The journal: what is shown is on disk, one writes, and the index follows the files."""

from __future__ import annotations

import os
import sqlite3
import stat

import pytest

from ragnb.answer import Answer
from ragnb.errors import AnswerInUseError, InvalidInputError, JournalError
from ragnb.events import Token
from ragnb.resumption.journal import Journal
from ragnb.resumption.listing import AnswerList, entry
from ragnb.resumption.retention import Keep
from tests.resumption.samples import END, elsewhere, left, no_room_beyond, path, started, written


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "answers")


def seen(journal: Journal) -> list[tuple[str, str]]:
    return [(entry.id[16:22], entry.status) for entry in journal.answers().entries]


def test_an_event_is_in_the_file_when_a_reader_sees_it(journal):
    """At each event that is shown, the file holds it already."""
    answer = journal.begin(started())
    for event in (Token(text="a"), Token(text="b\nc"), END):
        answer.append(event)
        assert path(journal, answer.id).read_bytes() == answer.to_jsonl()


def test_readable_by_the_owner_alone(journal):
    """The folder, the logs, the index and its lock are closed to all others, also in a folder that was open."""
    journal.folder.mkdir(mode=0o755)
    written(journal)
    with journal.claim("key"):
        pass
    assert stat.S_IMODE(journal.folder.stat().st_mode) == 0o700
    files = [one for one in journal.folder.iterdir() if one.is_file()]
    assert {one.name for one in files} >= {"index.sqlite", ".lock"}
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


@pytest.mark.parametrize("sync", [0, 3600, None])
def test_forced_to_the_disk(tmp_path, monkeypatch, sync):
    """With an interval the file is forced to the disk that often and at the end, without one never."""
    forced = []
    monkeypatch.setattr(os, "fsync", forced.append)
    written(Journal(tmp_path, Keep(sync=sync)))
    assert len(forced) == {0: 5, 3600: 1, None: 0}[sync]


def test_listed_without_being_read(journal, monkeypatch):
    """The list tells of each answer from the index; events are read when an answer is taken out."""
    ids = [written(journal, number, f"key {number}").id for number in range(20)]
    read = []
    monkeypatch.setattr(Answer, "from_jsonl", lambda lines: read.append(lines) or Answer())
    answers = Journal(journal.folder).answers()
    assert [entry.id for entry in answers.entries] == ids
    last = answers.entries[-1]
    assert (last.key, last.question, last.status, last.cost) == ("key 19", "Why?", "finished", 0.25)
    assert (last.input_tokens, last.output_tokens) == (7, 2)
    assert f"{last.started:%H:%M:%S}" == "10:15:00" and last.ended > last.started
    assert len(answers[5:]) == 15 and answers[5:] == answers[5:] and answers != answers[1:]
    assert "key 19" in repr(answers) and read == []
    assert answers[3].events == () and len(read) == 1


def test_a_long_list_shows_its_newest(journal):
    """Shown in a notebook, a list is bounded; printed, it is whole."""
    listed = AnswerList([entry(f"{n:03}", Answer(), "failed") for n in range(70)], journal.answer)
    assert repr(listed).startswith("20 older ones, and:\n020  failed") and repr(listed).count("\n") == 50
    assert str(listed).startswith("000  failed") and str(listed).count("\n") == 69


def test_an_empty_list(journal):
    """Where nothing was asked there are no answers, and nothing is written to tell so."""
    assert journal.answers() == [] and not journal.answers() and repr(journal.answers()) == "no answers yet"
    assert not journal.folder.exists()


def test_the_answer_that_runs_is_the_one_that_is_listed(journal):
    """Whoever asks for an answer that this process writes gets the one that grows."""
    answer = journal.begin(started())
    assert Journal(journal.folder).answers()[0] is answer
    assert seen(journal) == [("000001", "running")]
    answer.append(END)
    assert seen(journal) == [("000001", "finished")]


@pytest.mark.parametrize("harm", ["gone", "damaged", "empty", "other", "behind", "ahead", "tables"])
def test_the_index_follows_the_files(journal, harm):
    """An index that is missing, damaged, another version's, behind or ahead of the files is made right."""
    for number in (1, 2):
        written(journal, number)
    left(journal, 3)
    expected = seen(journal)
    assert expected == [("000001", "finished"), ("000002", "finished"), ("000003", "interrupted")]
    index = journal.folder / "index.sqlite"
    database = sqlite3.connect(index)
    with database:
        if harm == "other":
            database.execute("PRAGMA user_version = 99")
        elif harm == "behind":
            database.execute("UPDATE answers SET status = 'running', cost = NULL WHERE id LIKE '%2-abcd'")
            database.execute("DELETE FROM answers WHERE id LIKE '%1-abcd'")
        elif harm == "ahead":
            database.execute(
                "INSERT INTO answers SELECT 'x', key, question, status, 1, 2, 0, 0, 0, 0, '' FROM answers LIMIT 1"
            )
        elif harm == "tables":
            database.execute("DROP TABLE answers")
    database.close()
    if harm in ("gone", "damaged", "empty"):
        for one in journal.folder.glob("index.sqlite*"):
            one.unlink()
        if harm != "gone":
            index.write_bytes(b"no database at all, " * 1000 if harm == "damaged" else b"")
    again = Journal(journal.folder)
    assert seen(again) == expected
    assert [entry.cost for entry in again.answers().entries] == [0.25] * 3
    assert seen(Journal(journal.folder)) == expected


def test_an_index_that_cannot_be_made(journal):
    """Without room for an index it is kept in memory, and the list is right all the same."""
    journal.folder.mkdir()
    (journal.folder / "index.sqlite").mkdir()
    written(journal)
    left(journal, 2)
    assert seen(journal) == [("000001", "finished"), ("000002", "interrupted")]
    assert seen(Journal(journal.folder)) == seen(journal)


def test_written_on(journal):
    """An interrupted answer goes on in the same file: seq and at follow, and the index knows its end."""
    name = left(journal)
    before = path(journal, name).read_bytes()
    answer = Journal(journal.folder).reopen(name)
    assert (answer.text, answer.is_read, answer.notes) == ("Hello", False, ())
    last = answer.events[-1]
    assert seen(journal) == [("000001", "running")]
    assert journal.answers()[0] is answer
    new = answer.append(Token(text="!"))
    assert new.seq == last.seq + 1 and last.at <= new.at < last.at + 60
    answer.append(END)
    assert path(journal, name).read_bytes() == answer.to_jsonl()
    assert answer.to_jsonl().startswith(before)
    assert seen(journal) == [("000001", "finished")]


def test_half_a_line_is_cut_off(journal):
    """Half an event at the end, which nobody saw, is cut off and told; the log goes on behind the last whole one."""
    name = left(journal)
    whole = path(journal, name).read_bytes()
    path(journal, name).write_bytes(whole + b'{"type":"Tok')
    assert Journal(journal.folder).answers()[0].text == "Hello"
    answer = journal.reopen(name)
    assert answer.notes == ("After event 3 stood 12 bytes of one that no reader saw; they are cut off.",)
    answer.append(Token(text="!"))
    again = Answer.from_jsonl(path(journal, name).read_bytes())
    assert (again.text, again.notes) == ("Hello!", ())


def test_damage_is_set_aside(journal):
    """What stands after a broken line is kept beside the log, and the log goes on before it."""
    name = left(journal)
    lines = path(journal, name).read_bytes().splitlines(keepends=True)
    path(journal, name).write_bytes(b"\n" + lines[0] + lines[1] + b"\0\0\0\n" + lines[2])
    answer = journal.reopen(name)
    assert answer.text == "Hel" and f"set aside in {name}.damaged" in answer.notes[0]
    assert path(journal, name).with_suffix(".damaged").read_bytes() == b"\0\0\0\n" + lines[2]
    answer.append(Token(text="p"))
    assert Answer.from_jsonl(path(journal, name).read_bytes()).text == "Help"


def test_one_writer(journal):
    """A second writer is told in a sentence, in this process and in another; a dead one's place is free."""
    answer = journal.begin(started())
    with pytest.raises(AnswerInUseError, match="is being written now"):
        journal.reopen(answer.id)
    script = """
from pathlib import Path
from ragnb.resumption.journal import Journal
from ragnb.resumption.listing import AnswerList, entry
from tests.resumption.samples import written
journal = Journal(Path(sys.argv[1]))
answer = written(journal, 2, "key", end=False)
"""
    with elsewhere(script, str(journal.folder)) as process:
        name = journal.answers().entries[1].id
        assert seen(journal) == [("000001", "running"), ("000002", "running")]
        assert journal.answers()[1].text == "Hello"
        with pytest.raises(AnswerInUseError, match="Wait until its process has ended"):
            journal.reopen(name)
        with (
            pytest.raises(
                AnswerInUseError, match=r"Another process is answering 'Why.' with the key 'key'"
            ),
            journal.claim("key"),
        ):
            pass
        process.kill()
        process.wait()
        assert seen(journal)[1] == ("000002", "interrupted")
        assert journal.reopen(name).text == "Hello"


def test_what_cannot_be_written_on(journal):
    """An answer that ended, is not there, or has nothing to read is told in a sentence."""
    with pytest.raises(InvalidInputError, match=r"has ended \(finished\)"):
        journal.reopen(written(journal).id)
    for name in ("nothing", "../answers/x", "", "a\0b", "x" * 300):
        with pytest.raises(InvalidInputError, match="There is no answer"):
            journal.reopen(name)
        with pytest.raises(InvalidInputError, match="There is no answer"):
            journal.answer(name)
    path(journal, "broken").write_bytes(b"nonsense\n")
    path(journal, "empty").write_bytes(b"")
    for name in ("broken", "empty"):
        with pytest.raises(JournalError, match="no event can be read"):
            journal.reopen(name)
    assert [entry.id for entry in journal.answers().entries][1:] == ["broken"]


def test_a_full_disk(journal):
    """When the disk is full the answer goes on, says from where it is in memory only, and the file ends in a whole line."""
    answer = journal.begin(started(key="key"))
    answer.append(Token(text="Hello"))
    whole = path(journal, answer.id).read_bytes()
    with no_room_beyond(len(whole) + 10):
        answer.append(Token(text=" world"))
    answer.append(END)
    assert (answer.text, answer.status) == ("Hello world", "finished")
    (note,) = answer.notes
    assert "cannot be written" in note and "after event 1 is in memory only" in note
    assert path(journal, answer.id).read_bytes() == whole
    assert seen(journal) == [("000001", "interrupted")] and journal.answers()[0] is answer
    with journal.claim("key") as found:
        assert found is answer
    with pytest.raises(JournalError, match="cannot be written"), no_room_beyond(0):
        journal.begin(started(2, key="other"))
    with no_room_beyond(0):
        answer = journal.begin(started(3))
    assert "in memory only" in answer.notes[0]
    assert [entry[0] for entry in seen(journal)] == ["000001"]


def test_a_folder_that_cannot_be_written(tmp_path):
    """Without a place to write, an answer goes on in memory and says so; one with a key is refused."""
    (tmp_path / "answers").write_text("no folder")
    journal = Journal(tmp_path / "answers")
    answer = written(journal)
    assert answer.status == "finished" and "This answer is in memory only." in answer.notes[0]
    with pytest.raises(JournalError, match=r"use another home"), journal.claim("key"):
        pass
    with pytest.raises(JournalError, match="cannot be written"):
        journal.begin(started(2, "key"))
    assert journal.answers() == []
    journal.tidy()
