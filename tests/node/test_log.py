"""Reading pieces of a log, and telling them to the AM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_framework.node.log import MAX_PIECE_BYTES, NO_LOG, read_piece
from ml_framework.rpc import wire
from ml_framework.runner.log_file import LogFile
from ml_framework.spec import Token
from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path


def test_a_piece_says_where_it_was(tmp_path: Path) -> None:
    """And how long the log is."""
    log = LogFile(tmp_path / "worker-0.log", 1 << 20)
    log.write(b"0123456789")
    assert read_piece(log, 3, 4) == wire.LogPiece(b"3456", 3, 10, str(log.path))
    assert read_piece(log, -4, 100) == wire.LogPiece(b"6789", 6, 10, str(log.path))
    log.close()


def test_a_piece_is_bounded(tmp_path: Path) -> None:
    """However much is asked for."""
    log = LogFile(tmp_path / "worker-0.log", 4 << 20)
    log.write(bytes(MAX_PIECE_BYTES + 7))
    log.close()
    piece = read_piece(log, 0, 1 << 31)
    assert (len(piece.text), piece.size) == (MAX_PIECE_BYTES, MAX_PIECE_BYTES + 7)


def test_without_a_log_there_is_no_piece(tmp_path: Path) -> None:
    """Neither before the first process nor when somebody has removed the file."""
    log = LogFile(tmp_path / "worker-0.log", 1 << 20)
    log.close()
    log.path.unlink()
    assert read_piece(None, 0, 10) == read_piece(log, 0, 10) == NO_LOG


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
        beats = [event for event in stage.master.events if isinstance(event, wire.Heartbeat)]
        told = [beat.measured for beat in beats if beat.measured]  # which not every one says
        assert told[-1]["log_bytes"] == len(text)
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
