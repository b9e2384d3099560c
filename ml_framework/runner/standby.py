"""A process that has loaded what takes long to load, and waits to become a user's process.

``python -m ml_framework.runner.standby DESCRIPTOR module…`` imports the modules and reads one `Part` from the
stream socket DESCRIPTOR. From then on it is what ``python -m`` would have made of the part; it ends with the
other end of the socket. What the modules read from the environment while they are imported has to be the same
for the part: `ml_framework.node.standby` sees to that.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import struct
import sys
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import TYPE_CHECKING, TextIO

from ml_framework.runner.parent import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIRST_DESCRIPTOR = 200
"""Numbers from here on are free in a process that has only just begun."""

_LENGTH = struct.Struct("<Q")
_MOST_DESCRIPTORS = 16


@dataclass(frozen=True)
class Part:
    """What a waiting process becomes.

    Args:
        arguments: ``module argument…``, as behind ``python -m``.
        environment: all variables.
        descriptors: the numbers, from `FIRST_DESCRIPTOR` on, under which it finds the descriptors it is sent.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    descriptors: Sequence[int]

    def send(self, connection: socket.socket, output: int) -> None:
        """Hand the part over, with its descriptors and the one that its output goes to."""
        message = json.dumps(asdict(self)).encode()
        socket.send_fds(connection, [_LENGTH.pack(len(message))], [output, *self.descriptors])
        connection.sendall(message)

    @classmethod
    def receive(cls, connection: socket.socket) -> Part | None:
        """Take the part and its descriptors, which then have their numbers; None if there will be none."""
        header, received, _, _ = socket.recv_fds(connection, _LENGTH.size, _MOST_DESCRIPTORS)
        if not header:
            return None
        with connection.makefile("rb") as stream:
            message = stream.read(*_LENGTH.unpack(header))
        part = cls(**json.loads(message))
        output, *others = received
        sys.stdout, sys.stderr = _reopened(sys.stdout, output), _reopened(sys.stderr, output)
        for descriptor, number in zip(others, part.descriptors, strict=True):
            os.dup2(descriptor, number)
        for descriptor in received:
            os.close(descriptor)
        return part


def _reopened(stream: TextIO, descriptor: int) -> TextIO:
    """`stream`, anew: the old one remembers whether it can seek, and where it was."""
    os.dup2(descriptor, stream.fileno())
    return open(stream.fileno(), "w", encoding=stream.encoding, closefd=False)


def main(descriptor: int, modules: Sequence[str]) -> None:
    """Load `modules`, wait for the part, and play it."""
    die_with_parent(signal.SIGKILL)
    for module in modules:
        import_module(module)
    with socket.socket(fileno=descriptor) as connection:
        part = Part.receive(connection)
    if part is None:
        return
    os.environ.clear()
    os.environ.update(part.environment)
    module, *sys.argv[1:] = part.arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
