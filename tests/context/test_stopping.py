"""How a process that is asked to end hears of it: where `Stopped` is raised, and where it must not be."""

from __future__ import annotations

import subprocess
import sys

_BEGIN = """
import os, signal, time
from ml_framework.context.stopping import Stopping
from ml_framework.errors import Stopped

stopping = Stopping()

def ask():
    os.kill(os.getpid(), signal.SIGTERM)

def ended(code):
    try:
        with stopping.raised_by_sigterm():
            code()
    except Stopped:
        print("stopped")
"""


def said(program: str) -> list[str]:
    """What `program` prints, which is to end in good order and without a word of complaint."""
    run = subprocess.run(
        [sys.executable, "-c", _BEGIN + program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.splitlines()


def test_cleaning_up_is_not_disturbed() -> None:
    """However long it takes and often the process is asked, and whatever is raised and caught meanwhile."""
    assert said("""
def code():
    try:
        ask()
        time.sleep(10)
    finally:
        for _ in range(8):
            ask()
            time.sleep(0.1)
        try:
            raise ValueError
        except ValueError:
            ask()
            time.sleep(0.1)
        print("cleaned up")

ended(code)
ask()
time.sleep(1)
print("nothing comes behind")
""") == ["cleaned up", "stopped", "nothing comes behind"]


def test_the_end_of_a_with_is_not_disturbed() -> None:
    """A file that is being closed, for one."""
    assert said("""
from contextlib import contextmanager

@contextmanager
def resource():
    try:
        yield
    finally:
        ask()
        time.sleep(0.7)
        print("closed")

def code():
    with resource():
        raise Stopped

ended(code)
""") == ["closed", "stopped"]


def test_code_that_looks_is_trusted() -> None:
    """Whether it asks or waits."""
    assert said("""
def code():
    print(stopping.is_set(), stopping.wait(0.01))
    ask()
    time.sleep(0.7)
    stopping.set()
    print(stopping.is_set(), stopping.wait(10))

ended(code)
""") == ["False False", "True True"]


def test_what_others_look_at_leaves_no_trace() -> None:
    """`is_asked` is for code that is not the user's."""
    assert said("""
def code():
    print(stopping.is_asked())
    ask()
    time.sleep(10)

ended(code)
""") == ["False", "stopped"]


def test_it_is_raised_again_where_a_library_has_swallowed_it() -> None:
    """By a bare ``except``."""
    assert said("""
def code():
    try:
        ask()
        time.sleep(10)
    except:
        print("swallowed")
    time.sleep(10)

ended(code)
""") == ["swallowed", "stopped"]


def test_it_is_raised_again_where_a_destructor_has_swallowed_it() -> None:
    """Python prints what destructors raise; here nothing is printed."""
    assert said("""
class Late:
    def __del__(self):
        ask()
        time.sleep(0.1)
        print("never reached")

def code():
    Late()
    time.sleep(10)

ended(code)
""") == ["stopped"]


def test_other_complaints_of_destructors_are_printed() -> None:
    """As Python does without us."""
    program = """
class Broken:
    def __del__(self):
        raise ValueError("of a destructor")

ended(Broken)
"""
    run = subprocess.run(
        [sys.executable, "-c", _BEGIN + program], capture_output=True, text=True, timeout=30, check=True
    )
    assert "Exception ignored in: <function Broken.__del__" in run.stderr
    assert run.stderr.endswith("ValueError: of a destructor\n")


def test_another_exception_is_made_in_peace() -> None:
    """A native library that makes one would choke on another: it comes when that one is there."""
    assert said("""
class Slow(Exception):
    def __init__(self):
        ask()
        self._fill()

    def _fill(self):
        time.sleep(0.1)
        print("made")

def code():
    error = Slow()
    time.sleep(10)

ended(code)
""") == ["made", "stopped"]
