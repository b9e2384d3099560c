"""``mlflink logs``: what the process of a node prints."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from ml_framework.errors import CommandFailed, LogUnavailable, MasterUnreachable
from ml_framework.rpc.wire import LogPiece
from ml_framework.spec import NodeId
from ml_operator.cli.jobs import find
from ml_operator.cli.master import connect
from ml_operator.followed import Followed

if TYPE_CHECKING:
    from ml_framework.rpc.channel import MasterConnection
    from ml_operator.followed import Read

_PIECE_BYTES = 1 << 18
_LINE_BYTES = 120
"""Of a line, as guessed for how much of the log's end to ask for."""
_LOOK_EVERY_S = 0.5


def show(word: str, node: str, address: str | None, *, lines: int, follow: bool) -> None:
    """Print the last `lines` of a node's log, and what it prints from then on if `follow` says so.

    Raises:
        CommandFailed: there is no such job or node, or the job has ended.
        LogUnavailable: the node has no log yet, and nobody follows it.
        MasterUnreachable: the application master does not answer.
    """
    wanted = _parsed(node)
    with _master(word, wanted, address) as master:
        try:
            piece = _tail(master.log, wanted, lines)
        except LogUnavailable:
            if not follow:
                raise
            piece = LogPiece(b"", 0, 0, path="")  # it will come
        _write(piece.text)
        if follow:
            _follow(Followed(wanted, master.log, piece.path, piece.offset + len(piece.text)))
        elif not piece.size:
            typer.echo(f"mlflink: {node} has printed nothing yet", err=True)


def _parsed(node: str) -> NodeId:
    try:
        return NodeId.parse(node)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _master(word: str, node: NodeId, address: str | None) -> MasterConnection:
    """The application master that knows `node`, of those of the job."""
    job, clusters = find(word, address)
    if job.ended:
        raise CommandFailed(
            f"the job {job.id} is {job.state} and its nodes are gone: their logs lie on their hosts, where "
            "JobConfig(log_dir=…) says, else in the folder ml-on-flink-logs of the temporary one"
        )
    known: list[NodeId] = []
    for cluster in clusters:
        with ExitStack() as stack:
            master = stack.enter_context(connect(job, cluster))
            nodes = [status.node for status in master.status().nodes]
            if node in nodes:
                stack.pop_all()
                return master
            known += nodes
    names = ", ".join(other.path for other in known)
    raise CommandFailed(f"the job {job.id} has no node {node.path}; it has {names}")


def _tail(read: Read, node: NodeId, lines: int) -> LogPiece:
    """The log from its last `lines` on, in one piece that ends where the log does now."""
    piece = read(node, -lines * _LINE_BYTES, _PIECE_BYTES)
    while piece.offset > 0 and piece.text.count(b"\n") <= lines and len(piece.text) < _PIECE_BYTES:
        piece = read(node, -2 * max(len(piece.text), _LINE_BYTES), _PIECE_BYTES)
    return _last_lines(piece, lines)


def _last_lines(piece: LogPiece, lines: int) -> LogPiece:
    kept = b"".join(piece.text.splitlines(keepends=True)[-lines:]) if lines else b""
    return replace(piece, text=kept, offset=piece.offset + len(piece.text) - len(kept))


def _follow(log: Followed) -> None:
    """Print what comes, until the application master has ended."""
    try:
        while True:
            if text := _news(log):
                _write(text)
            else:
                time.sleep(_LOOK_EVERY_S)  # the log is asked for: it does not tell by itself
    except MasterUnreachable:
        typer.echo("mlflink: the job's application master has ended", err=True)


def _news(log: Followed) -> bytes:
    before = log.path
    try:
        piece = log.next(_PIECE_BYTES)
    except LogUnavailable:  # between two attempts
        return b""
    if before and piece.path != before:
        typer.echo(f"mlflink: another attempt of {log.node}: {piece.path}", err=True)
    return piece.text


def _write(text: bytes) -> None:
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()
