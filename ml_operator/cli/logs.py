"""``mlflink logs``: what the process of a node prints."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import replace

import typer

from ml_framework.errors import CommandFailed, LogUnavailable, MasterUnreachable
from ml_framework.rpc.wire import LogPiece
from ml_framework.spec import NodeId
from ml_operator.cli.jobs import find
from ml_operator.cli.master import Master

_NODE = re.compile(r"(?P<role>[a-z][\w-]*)(?:/(?P<index>\d+)|\[(?P<bracketed>\d+)\])")
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
    wanted = parse(node)
    master = _master(word, wanted, address)
    try:
        piece = _tail(master, wanted, lines)
    except LogUnavailable:
        if not follow:
            raise
        piece = LogPiece(b"", 0, 0, path="")  # it will come
    _write(piece.text)
    if not follow:
        if not piece.size:
            typer.echo(f"mlflink: {node} has printed nothing yet", err=True)
        return
    try:
        _follow(master, wanted, piece)
    except MasterUnreachable:
        typer.echo("mlflink: the job's application master has ended", err=True)


def parse(node: str) -> NodeId:
    """The node that ``role/index`` or ``role[index]`` names."""
    found = _NODE.fullmatch(node)
    if found is None:
        raise typer.BadParameter(f"{node!r} is no node: write role/index, such as worker/0")
    return NodeId(found["role"], int(found["index"] or found["bracketed"]))


def _master(word: str, node: NodeId, address: str | None) -> Master:
    """The application master that knows `node`, of those of the job."""
    job, clusters = find(word, address)
    if job.ended:
        raise CommandFailed(
            f"the job {job.id} is {job.state} and its nodes are gone: their logs lie on their hosts, where "
            "JobConfig(log_dir=…) says, else in the folder ml-on-flink-logs of the temporary one"
        )
    known: list[NodeId] = []
    for master in (Master(job, cluster) for cluster in clusters):
        nodes = [status.node for status in master.status().nodes]
        if node in nodes:
            return master
        known += nodes
    names = ", ".join(f"{other.role}/{other.index}" for other in known)
    raise CommandFailed(f"the job {job.id} has no node {node.role}/{node.index}; it has {names}")


def _tail(master: Master, node: NodeId, lines: int) -> LogPiece:
    """The log from its last `lines` on, in one piece that ends where the log does now."""
    piece = master.log(node, -lines * _LINE_BYTES, _PIECE_BYTES)
    while piece.offset > 0 and piece.text.count(b"\n") <= lines and len(piece.text) < _PIECE_BYTES:
        piece = master.log(node, -2 * max(len(piece.text), _LINE_BYTES), _PIECE_BYTES)
    return _last_lines(piece, lines)


def _last_lines(piece: LogPiece, lines: int) -> LogPiece:
    kept = b"".join(piece.text.splitlines(keepends=True)[-lines:]) if lines else b""
    return replace(piece, text=kept, offset=piece.offset + len(piece.text) - len(kept))


def _follow(master: Master, node: NodeId, piece: LogPiece) -> None:
    """Print what comes, for ever; `MasterUnreachable` ends it."""
    path, offset = piece.path, piece.offset + len(piece.text)
    while True:
        try:
            piece = master.log(node, offset, _PIECE_BYTES)
        except LogUnavailable:  # between two attempts
            piece = replace(piece, text=b"", path=path)
        if piece.path != path:
            if path:
                typer.echo(f"mlflink: another attempt of {node}: {piece.path}", err=True)
            path, offset = piece.path, 0
        elif piece.text:
            _write(piece.text)
            offset = piece.offset + len(piece.text)
        else:
            time.sleep(_LOOK_EVERY_S)  # the log is asked for: it does not tell by itself


def _write(text: bytes) -> None:
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()
