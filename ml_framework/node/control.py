"""The agent's end of the control socket: numbers come in, the wish to stop and aborted checkpoints go out."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ml_framework.errors import ProtocolError
from ml_framework.runner.lines import Lines

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

_MAX_LINE_BYTES = 1024 * 1024
_READ_BYTES = 64 * 1024


class Control:
    """JSON lines both ways with one user's process.

    Args:
        end: connected stream socket, owned from now on; its closing ends the process.
        on_numbers: called with what the process has logged, name to value.
        on_nonsense: called with a sentence when the process has sent something else.
    """

    def __init__(
        self,
        end: socket.socket,
        on_numbers: Callable[[Mapping[str, float]], None],
        on_nonsense: Callable[[str], None],
    ) -> None:
        self._socket = end
        self._on_numbers = on_numbers
        self._on_nonsense = on_nonsense
        self._lines = Lines(_MAX_LINE_BYTES)
        end.setblocking(False)  # noqa: FBT003 - the standard library's
        asyncio.get_running_loop().add_reader(end, self._read)

    def ask_to_stop(self) -> None:
        """Set the process's `ctx.stopping`."""
        self._send({"stop": True})

    def tell_aborted(self, checkpoint: int) -> None:
        """Say that Flink has given up the checkpoint with the id `checkpoint`."""
        self._send({"aborted": checkpoint})

    def close(self) -> None:
        """End the conversation."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        """Send `message`, if the process is still there to hear of it."""
        with suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            self._socket.send(json.dumps(message).encode() + b"\n")

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._socket)
        for line in self._lines.feed(data):
            try:
                self._on_numbers(_numbers(line))
            except ProtocolError as error:
                self._on_nonsense(str(error))


def _numbers(line: bytes) -> Mapping[str, float]:
    try:
        return {str(name): float(value) for name, value in json.loads(line)["numbers"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProtocolError(f"the control socket carried {line[:80]!r}: {error}") from error
