"""`mlflink logs`: which lines of a log, and what comes after them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from ml_framework.errors import LogUnavailable, MasterUnreachable
from ml_framework.rpc.wire import LogPiece
from ml_framework.spec import NodeId
from ml_operator.cli import logs
from ml_operator.followed import Followed

if TYPE_CHECKING:
    from collections.abc import Callable

NODE = NodeId("worker", 0)


class FakeMaster:
    """Has the log of one attempt after the other, and is gone behind the last."""

    def __init__(self, *attempts: bytes, piece_bytes: int = 1 << 18) -> None:
        self.attempts = list(attempts)
        self.asked: list[tuple[int, int]] = []
        self._piece_bytes = piece_bytes
        self._number = 0

    def log(self, node: NodeId, offset: int, limit: int) -> LogPiece:
        assert node == NODE
        self.asked.append((offset, limit))
        text = self.attempts[0]
        begin = max(len(text) + offset, 0) if offset < 0 else offset if offset <= len(text) else 0
        end = begin + min(limit, self._piece_bytes)
        return LogPiece(text[begin:end], begin, len(text), f"/logs/attempt_{self._number}/worker-0.log")

    def next_attempt(self, _seconds: float) -> None:
        """Called where the reader would sleep."""
        if len(self.attempts) == 1:
            raise MasterUnreachable("gone")
        self.attempts.pop(0)
        self._number += 1


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    found: list[bytes] = []
    monkeypatch.setattr(logs, "_write", found.append)
    return found


@pytest.mark.parametrize(
    ("lines", "kept"),
    [(0, b""), (1, b"300\n"), (2, b"299\n300\n"), (300, None), (1000, None)],
)
@pytest.mark.parametrize("width", [1, 400])
def test_the_last_lines(lines: int, kept: bytes | None, width: int) -> None:
    """Short lines and long ones: as many as were asked for, or all."""
    text = b"".join(b"%s%d\n" % (b" " * (width - 1), number) for number in range(1, 301))
    piece = logs._tail(FakeMaster(text).log, NODE, lines)
    wanted = text if kept is None else text[len(text) - len(kept) - lines * (width - 1) :]
    assert piece.text == wanted
    assert piece.offset + len(piece.text) == piece.size


def test_a_line_that_is_not_whole_yet_is_a_line() -> None:
    assert logs._tail(FakeMaster(b"one\ntwo\nthr").log, NODE, 2).text == b"two\nthr"


def test_it_follows_into_the_next_attempt(
    written: list[bytes], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which begins at its beginning; the end of the application master ends it."""
    master = FakeMaster(b"a\nb\nc\n", b"d\n", piece_bytes=2)
    monkeypatch.setattr(logs.time, "sleep", master.next_attempt)
    logs._follow(Followed(NODE, master.log, "/logs/attempt_0/worker-0.log", offset=2))
    assert written == [b"b\n", b"c\n", b"d\n"]
    another, ended = capsys.readouterr().err.splitlines()
    assert another == "mlflink: another attempt of worker[0]: /logs/attempt_1/worker-0.log"
    assert ended == "mlflink: the job's application master has ended"


def test_between_two_attempts_there_is_no_log(written: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    master = FakeMaster(b"a\n", b"b\n")
    there: Callable[..., LogPiece] = master.log
    gaps = iter([True, False])

    def log(node: NodeId, offset: int, limit: int) -> LogPiece:
        if next(gaps, False):
            raise LogUnavailable("worker[0] is absent")
        return there(node, offset, limit)

    monkeypatch.setattr(logs.time, "sleep", master.next_attempt)
    logs._follow(Followed(NODE, log, "/logs/attempt_0/worker-0.log", offset=2))
    assert written == [b"b\n"]


def test_what_is_followed_may_have_no_log_yet(
    written: list[bytes], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    master = FakeMaster(b"a\n")
    monkeypatch.setattr(logs, "_master", lambda *_: nullcontext(master))
    monkeypatch.setattr(logs.time, "sleep", master.next_attempt)
    there: Callable[..., LogPiece] = master.log
    gaps = iter([True])

    def log(node: NodeId, offset: int, limit: int) -> LogPiece:
        if next(gaps, False):
            raise LogUnavailable("worker[0] is absent")
        return there(node, offset, limit)

    monkeypatch.setattr(master, "log", log)
    logs.show("job", "worker/0", None, lines=5, follow=True)
    assert b"".join(written) == b"a\n"
    assert capsys.readouterr().err == "mlflink: the job's application master has ended\n"
