"""Work in a thread, of which the caller waits for as much as there is time for."""

from __future__ import annotations

import subprocess
import sys
import threading
from threading import Event

import pytest

from ragnb.rerankers.steps import Steps


def no_wait(ended, seconds):
    return False


def joined(steps):
    thread = steps._thread
    if thread is not None:
        thread.join(60)
        assert not thread.is_alive()


def test_all_is_done():
    """With time enough all steps are done in their order, by one thread that ends with them."""
    steps, done = Steps(), []
    steps.do([lambda n=n: done.append((n, threading.current_thread())) for n in range(5)], 60)
    assert [number for number, _ in done] == list(range(5))
    assert len({thread for _, thread in done}) == 1
    assert threading.current_thread() not in {thread for _, thread in done}
    joined(steps)
    steps.do([], 60)
    assert steps._thread is None


def test_the_time_is_over():
    """The caller gets back while the first step is still at work; the steps after it are done all the same."""
    steps, go, done = Steps(), Event(), []
    steps.do([lambda: go.wait(60), lambda: done.append(1)], 0.001)
    assert done == []
    go.set()
    joined(steps)
    assert done == [1]


def test_the_later_comes_first():
    """Steps that are given later are done before what is left of earlier ones."""
    steps, begun, go, done = Steps(no_wait), Event(), Event(), []
    steps.do([lambda: begun.set() or go.wait(60), lambda: done.append("first")], 0)
    assert begun.wait(60)
    steps.do([lambda: done.append("second"), lambda: done.append("second")], 0)
    steps.do([lambda: done.append("third")], 0)
    go.set()
    joined(steps)
    assert done == ["third", "second", "second", "first"]


def test_a_step_that_raises():
    """What is raised in time reaches the caller, and steps given later are done; raised later it is nobody's."""
    steps, done = Steps(), []
    with pytest.raises(ZeroDivisionError):
        steps.do([lambda: 1 / 0, lambda: done.append("after it")], 60)
    steps.do([lambda: done.append("later")], 60)
    assert done == ["later"]
    go = Event()
    steps.do([lambda: go.wait(60) and 1 / 0], 0.001)
    go.set()
    joined(steps)


def test_stopped():
    """Stopped, it ends after the step under way."""
    steps, begun, go, done = Steps(no_wait), Event(), Event(), []
    steps.do([lambda: begun.set() or go.wait(60), lambda: done.append(1)], 0)
    assert begun.wait(60)
    steps.stop()
    go.set()
    joined(steps)
    assert done == []


def test_the_process_ends():
    """A process that ends waits for the step under way and for no other."""
    code = (
        "import threading\n"
        "from ragnb.rerankers.steps import Steps\n"
        "def first():\n"
        "    threading.main_thread().join()\n"
        "    print('ended', flush=True)\n"
        "Steps().do([first, lambda: print('never')], 0.001)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ended\n", "")
