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
        stopping.unwind()

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


def test_a_second_end_of_a_loop_disturbs_nothing() -> None:
    """Code that cleans up may read what is left of the input, which ends at once."""
    assert said("""
def code():
    try:
        ask()
        time.sleep(10)
    finally:
        try:
            stopping.unwind()
        except Stopped:
            pass
        time.sleep(0.7)
        print("cleaned up")

ended(code)
""") == ["cleaned up", "stopped"]


def test_who_keeps_it_gets_it_again() -> None:
    """After some seconds: nobody can tell that it is not on its way any more."""
    assert said("""
kept = []

def code():
    try:
        ask()
        time.sleep(10)
    except Stopped as error:
        kept.append(error)
    print("goes on")
    time.sleep(10)

ended(code)
""") == ["goes on", "stopped"]


def test_what_a_loop_drops_cleans_up_undisturbed() -> None:
    """Python does that before anybody handles the exception that has ended the loop."""
    assert said("""
def rows():
    try:
        yield 1
    finally:
        time.sleep(0.7)
        print("closed")

class Reader:
    def __iter__(self):
        return self

    def __next__(self):
        return 1

    def __del__(self):
        time.sleep(0.7)
        print("dropped")

def code():
    try:
        for _ in rows():
            ask()
            time.sleep(10)
    finally:
        for _ in Reader():
            ask()
            break

ended(code)
""") == ["closed", "dropped", "stopped"]


def test_what_comes_behind_is_not_disturbed() -> None:
    """Such as functions that are called at the exit; however the block was left."""
    assert said("""
import atexit

@atexit.register
def late():
    ask()
    time.sleep(0.7)
    print("left")

def code():
    try:
        ask()
        time.sleep(10)
    except Stopped:
        raise SystemExit from None

ended(code)
""") == ["left"]


def test_a_forked_child_ends_by_the_signal() -> None:
    """Whether its parent has looked or not: it says nothing, and does not go on."""
    assert said("""
import multiprocessing

def code():
    for _ in range(2):
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(10,))
        child.start()
        time.sleep(0.1)
        child.terminate()
        child.join(5)
        print(child.exitcode)
        stopping.is_set()

ended(code)
""") == ["-15", "-15"]


def test_who_handles_sigterm_instead_is_not_asked_again() -> None:
    """Nor does a handler that is back at the default end the process."""
    assert said("""
def code():
    try:
        ask()
        time.sleep(10)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        time.sleep(0.7)
        print("cleaned up")

ended(code)
""") == ["cleaned up", "stopped"]


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
