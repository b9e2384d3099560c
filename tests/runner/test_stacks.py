"""The stack of the main thread, found among all that a process prints."""

from __future__ import annotations

import pytest

from ml_framework.runner.stacks import StackDump

DUMP = """\
epoch 3:  50%Thread 0x00007f7a550fe6c0 (most recent call first):
  File "/lib/python3.11/threading.py", line 327 in wait
  File "/lib/python3.11/threading.py", line 1002 in _bootstrap

Current thread 0x00007f7a5c61ab80 (most recent call first):
  File "/code/train.py", line 7 in step
  File "/code/train.py", line 3 in main
  File "/site-packages/ml_framework/runner/bootstrap.py", line 96 in _run
  File "<frozen runpy>", line 88 in _run_code
  File "<frozen runpy>", line 198 in _run_module_as_main
"""
USER = ['File "/code/train.py", line 7 in step', 'File "/code/train.py", line 3 in main']


@pytest.fixture
def dump() -> StackDump:
    return StackDump()


def read(dump: StackDump, text: str) -> None:
    for line in text.encode().splitlines():
        dump.feed(line)


def test_the_frames_of_user_code_are_those_of_the_main_thread(dump):
    """The innermost is the first, and what called the entrypoint is left out."""
    read(dump, "loss 0.1\n" + DUMP)
    assert dump.complete.is_set()
    assert dump.frames == USER


def test_what_comes_behind_a_dump_is_no_part_of_it(dump):
    """A process goes on printing."""
    read(dump, DUMP + '  File "/other.py", line 1 in f\n')
    assert dump.frames == USER


def test_a_dump_is_complete_with_the_outermost_frame_of_the_main_thread(dump):
    """Until then there are the frames of the thread that is being printed."""
    *begun, last = DUMP.splitlines()
    read(dump, "\n".join(begun))
    assert not dump.complete.is_set()
    assert dump.frames == USER
    read(dump, last)
    assert dump.complete.is_set()


def test_output_without_a_dump_has_no_frames(dump):
    """Whatever it says."""
    read(dump, "File\n(most recent call last):\n")
    assert dump.frames == []
    assert not dump.complete.is_set()
