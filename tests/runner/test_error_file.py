"""`error.json` tells what ended a process, and when."""

from __future__ import annotations

import time

import pytest

from ml_framework.errors import PeerLost, PlanError
from ml_framework.runner.error_file import MAX_TEXT_CHARS, ErrorFile


def raised(error: BaseException) -> ErrorFile:
    with pytest.raises(type(error)) as caught:
        raise error
    return ErrorFile.of(caught.value)


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "summary"),
    [
        (ValueError("bad value"), "ValueError: bad value"),
        (ValueError("two\nlines"), "ValueError: two"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (PlanError("no"), "ml_framework.errors.PlanError: no"),
        (SystemExit(3), "sys.exit(3)"),
        (SystemExit("oh no"), "sys.exit('oh no')"),
    ],
)
def test_the_summary_is_one_line(error, summary):
    """Class and first line of the message, as Python prints them."""
    assert raised(error).summary == summary


def test_an_exception_that_cannot_speak_does_not_hide_itself():
    """A broken ``__str__`` is told of, not raised."""
    assert raised(MuteError()).message == "<its __str__ raised RuntimeError>"


def test_the_file_reads_back(tmp_path):
    """Nothing is lost on the way, and there is no partial file."""
    path = tmp_path / "error.json"
    before_s = time.time()
    error = raised(PeerLost("gone"))
    error.write(path)
    assert ErrorFile.read(path) == error
    assert before_s <= error.time_s <= time.time()
    assert error.collateral
    assert list(tmp_path.iterdir()) == [path]


def test_the_first_error_stays(tmp_path):
    """What fails while cleaning up does not replace the cause."""
    path = tmp_path / "error.json"
    raised(ValueError("cause")).write(path)
    raised(ValueError("consequence")).write(path)
    assert ErrorFile.read(path).message == "cause"


def test_no_file_is_no_error(tmp_path):
    """A process that left none did not raise."""
    assert ErrorFile.read(tmp_path / "error.json") is None


def test_a_huge_message_loses_its_middle():
    """Both ends stay, with the number of characters left out."""
    error = raised(ValueError("a" * MAX_TEXT_CHARS + "b" * 1000))
    assert len(error.message) < MAX_TEXT_CHARS + 100
    assert error.message.startswith("aaa")
    assert error.message.endswith("bbb")
    assert "[… 1000 characters …]" in error.message
