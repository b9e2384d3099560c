"""The agent's standard input and output: what the parent says, and what it is told. JSON, a line each."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ml_framework.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_MAX_LINE_BYTES = 256 * 1024 * 1024
"""The assignment may hold a callable with what it refers to."""


@dataclass(frozen=True)
class MasterAt:
    """The AM listens at `address` (``host:port``) and wants to see the job's `token`."""

    address: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Alone:
    """No AM leads this node: it is a cluster of its own."""


@dataclass(frozen=True)
class StopAsked:
    """The node shall end in good order."""


@dataclass(frozen=True)
class CheckpointAborted:
    """Flink has given up the checkpoint with this id."""

    checkpoint: int


@dataclass(frozen=True)
class ParentGone:
    """Standard input has ended: nobody waits for this node any more."""


ParentMessage = MasterAt | Alone | StopAsked | CheckpointAborted | ParentGone


class Parent:
    """The process that started this one. Made by `connect`."""

    def __init__(self, lines: asyncio.StreamReader, output_fd: int) -> None:
        self._lines = lines
        self._output_fd = output_fd

    @classmethod
    async def connect(cls) -> Parent:
        """Take over standard input and output; what anything else prints goes to standard error."""
        reader = asyncio.StreamReader(limit=_MAX_LINE_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
        output_fd = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return cls(reader, output_fd)

    async def assignment(self) -> Mapping[str, Any] | None:
        """The next assignment, None when the parent is gone; what still concerns the last one is dropped."""
        while line := await self._lines.readline():
            message = _decoded(line)
            if _message(message) is None:
                return message
        return None

    async def messages(self) -> AsyncIterator[ParentMessage]:
        """Every further message; the last one is `ParentGone`. `ProtocolError` for any unknown one."""
        while line := await self._lines.readline():
            content = _decoded(line)
            message = _message(content)
            if message is None:
                raise ProtocolError(f"the parent sent an unknown message with the keys {sorted(content)}")
            yield message
        yield ParentGone()

    def tell(self, event: str, **details: Any) -> None:
        """Send ``{"event": event, …}``; nothing happens when the parent is gone."""
        line = json.dumps({"event": event, **details}).encode() + b"\n"
        with suppress(BrokenPipeError):
            while line:
                line = line[os.write(self._output_fd, line) :]


def _message(content: Mapping[str, Any]) -> ParentMessage | None:
    match content:
        case {"master": str(address), "token": str(token)}:
            return MasterAt(address, token)
        case {"alone": True}:
            return Alone()
        case {"stop": True}:
            return StopAsked()
        case {"aborted": int(checkpoint)}:
            return CheckpointAborted(checkpoint)
        case _:
            return None


def _decoded(line: bytes) -> Mapping[str, Any]:
    try:
        message = json.loads(line)
    except ValueError as error:
        raise ProtocolError(f"the parent sent a line that is no JSON: {error}") from error
    if not isinstance(message, dict):
        raise ProtocolError("the parent sent a line that is no JSON object")
    return message
