"""A log is bounded, and what is left of it can be read by position."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_framework.runner.log_file import LogFile


def everything(log: LogFile, offset: int) -> tuple[bytes, int]:
    """All that there is from `offset` on, and where it begins."""
    text, begin = log.read(offset, 7)
    while piece := log.read(begin + len(text), 7)[0]:
        text += piece
    return text, begin


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=60))
def test_what_is_left_is_the_end_of_what_was_written(tmp_path_factory, chunks):
    """At most the limit, and at least all of the files but one."""
    folder = tmp_path_factory.mktemp("log")
    log = LogFile(folder / "log", 200)
    written = b""
    for chunk in chunks:
        assert log.write(chunk) is None
        written += chunk
    log.close()
    left, begin = everything(log, 0)
    assert written[begin:] == left
    assert log.size == len(written)
    assert len(left) == folder_bytes(folder) <= 200
    assert begin == 0 or len(left) >= 150


@pytest.mark.parametrize(
    ("offset", "limit", "expected"),
    [
        (0, 4, (b"0123", 0)),
        (6, 100, (b"6789", 6)),
        (-3, 2, (b"78", 7)),
        (-50, 3, (b"012", 0)),
        (10, 5, (b"", 10)),
        (11, 5, (b"01234", 0)),
    ],
)
def test_a_piece_is_read_by_its_place(tmp_path, offset, limit, expected):
    """From the beginning or from the end; further on than the end is another log's place."""
    log = LogFile(tmp_path / "log", 1 << 20)
    log.write(b"0123456789")
    assert log.read(offset, limit) == expected
    log.close()


def test_what_is_gone_is_not_read(tmp_path):
    """The piece then begins with the oldest byte that is left."""
    log = LogFile(tmp_path / "log", 40)
    for number in range(10):
        log.write(b"%d" % number * 10)
    assert log.read(0, 3) == (b"666", 60)
    assert log.read(-100, 100) == (b"6" * 10, 60)
    assert everything(log, 0)[0] == b"".join(b"%d" % number * 10 for number in range(6, 10))
    log.close()


def test_a_log_goes_on_where_a_file_was(tmp_path):
    """What an earlier attempt of the same number has left stays."""
    (tmp_path / "log").write_bytes(b"before ")
    log = LogFile(tmp_path / "log", 1 << 20)
    log.write(b"after")
    assert log.read(0, 100) == (b"before after", 0)
    log.close()


def test_a_full_disk_is_told_once(tmp_path, monkeypatch):
    """And the process goes on."""
    log = LogFile(tmp_path / "log", 40)
    log.write(b"x" * 10)

    def full(_self: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    problem = log.write(b"y" * 10)
    assert problem is not None
    assert problem.errno == errno.ENOSPC
    assert log.write(b"z" * 10) is None
    assert log.size == 10
    log.close()
