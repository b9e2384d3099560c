"""Reading pieces of a log, and telling them to the AM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_framework.node.log import MAX_PIECE_BYTES, NO_LOG, read_piece
from ml_framework.rpc import wire
from ml_framework.spec import Token
from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("offset", "limit", "begin", "text"),
    [
        (0, 100, 0, b"0123456789"),
        (3, 4, 3, b"3456"),
        (-4, 100, 6, b"6789"),
        (-4, 2, 6, b"67"),
        (-100, 3, 0, b"012"),
        (10, 100, 10, b""),
        (4, 0, 4, b""),
        (11, 2, 0, b"01"),
    ],
    ids=["all", "inside", "tail", "part of the tail", "long tail", "at the end", "nothing", "cut since"],
)
def test_a_piece_is_where_it_was_asked_for(
    tmp_path: Path, offset: int, limit: int, begin: int, text: bytes
) -> None:
    """Or at the beginning of a log that is shorter than that by now."""
    log = tmp_path / "worker-0.log"
    log.write_bytes(b"0123456789")
    assert read_piece(log, offset, limit) == wire.LogPiece(text, begin, 10, str(log))


def test_a_piece_is_bounded(tmp_path: Path) -> None:
    """However much is asked for."""
    log = tmp_path / "worker-0.log"
    log.write_bytes(bytes(MAX_PIECE_BYTES + 7))
    piece = read_piece(log, 0, 1 << 31)
    assert (len(piece.text), piece.size) == (MAX_PIECE_BYTES, MAX_PIECE_BYTES + 7)


def test_without_a_log_there_is_no_piece(tmp_path: Path) -> None:
    """Neither before the first process nor when somebody has removed the file."""
    assert read_piece(None, 0, 10) == read_piece(tmp_path / "gone.log", 0, 10) == NO_LOG


def test_the_agent_reads_the_log_of_its_latest_attempt(stage) -> None:
    """None before the first, and also when its process has ended."""
    node = stage.node("happy")
    address = stage.registered(node).address
    stage.master.tell(wire.ReadLog(1, -100, 100))
    assert stage.master.wait_for(wire.LogRead) == wire.LogRead(node.node, Token(), 1, NO_LOG)
    for number in (0, 1):
        stage.master.tell(wire.Start(stage.cluster(address)))
        stage.master.wait_for(wire.Ended, count=number + 1)
        stage.master.tell(wire.ReadLog(2 + number, -10, 100))
        answer = stage.master.wait_for(wire.LogRead, count=number + 2)
        path = stage.log_dir / f"attempt_{number}" / "worker-0.log"
        text = f"worker[0] of 1, attempt {number}\n".encode()
        assert answer.request == 2 + number
        assert answer.piece == wire.LogPiece(text[-10:], len(text) - 10, len(text), str(path))
        if number == 0:
            stage.master.tell(wire.Restart(Token(0, 1)))
            address = stage.registered(node, count=2).address


def test_a_process_that_is_asked_to_end_can_be_read(stage) -> None:
    """Also while its node leaves, which its grace may make long."""
    node = stage.node("ignores_sigterm")
    stage.start(node)
    eventually(stage.log)
    stage.master.tell(wire.Abort("no more"))
    stage.master.tell(wire.ReadLog(5, 0, 100))
    answer = stage.master.wait_for(wire.LogRead)
    assert (answer.request, answer.piece.text.decode()) == (5, stage.log())
