"""Retention: old answers go, by age and by size."""

from __future__ import annotations

import os
import time

import pytest

from ragnb.errors import InvalidInputError
from ragnb.resumption.journal import Journal
from ragnb.resumption.retention import Keep
from tests.resumption.samples import left, path, started, written

DAY = 86_400


def aged(journal: Journal, answer_id: str, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path(journal, answer_id), (then, then))


def kept(journal: Journal) -> list[int]:
    files = sorted(int(one.name[16:22]) for one in journal.folder.glob("*.jsonl"))
    assert [int(entry.id[16:22]) for entry in journal.answers().entries] == files
    return files


def test_by_age(tmp_path):
    """What was last written longer ago is deleted, with what was set aside of it; the newest always stays."""
    journal = Journal(tmp_path, Keep(days=30))
    for number, days in ((1, 40), (2, 31), (3, 29), (4, 50)):
        aged(journal, written(journal, number).id, days)
    aged(journal, left(journal, 5), 60)
    aged(journal, written(journal, 6).id, 70)
    beside = next(tmp_path.glob("*000001*.jsonl")).with_suffix(".damaged")
    beside.write_text("x")
    journal.tidy()
    assert kept(journal) == [3, 6] and not beside.exists()


def test_by_size(tmp_path):
    """The oldest beyond the total size are deleted; the newest stays, however large."""
    journal = Journal(tmp_path)
    for number in range(1, 6):
        aged(journal, written(journal, number).id, 1)
    size = path(journal, journal.answers().entries[0].id).stat().st_size
    Journal(tmp_path).tidy()
    assert kept(journal) == [1, 2, 3, 4, 5]
    Journal(tmp_path, Keep(megabytes=3.5 * size / 1e6)).tidy()
    assert kept(journal) == [3, 4, 5]
    Journal(tmp_path, Keep(megabytes=0)).tidy()
    assert kept(journal) == [5]


def test_never_what_runs(tmp_path):
    """An answer that is being written, or was begun a moment ago, stays."""
    journal = Journal(tmp_path, Keep(days=0, megabytes=0))
    running = journal.begin(started(1))
    aged(journal, running.id, 10)
    written(journal, 2)  # young
    aged(journal, written(journal, 3).id, 10)
    aged(journal, written(journal, 4).id, 10)
    journal.tidy()
    assert kept(journal) == [1, 2, 4]


@pytest.mark.parametrize("bound", ["days", "megabytes", "sync"])
def test_no_negative_bound(bound):
    """A bound below zero is told at once."""
    for value in (-1, float("nan")):
        with pytest.raises(InvalidInputError, match="No bound is negative"):
            Keep(**{bound: value})
