"""Hosts of a network of their own, made of Linux namespaces: it takes root, util-linux and iproute2.

A host is a process that reads its standard input, with namespaces for network, mounts, processes, names and
shared memory around it. It ends with whoever made it, however that ends, and the kernel ends all that runs on
the host and removes its interfaces and its files with it. Nothing gets a name that could be left behind.

Each host has ``/tmp`` and ``/dev/shm`` of its own, and knows its own name as an address of its loopback, as
on Debian. It has two interfaces: ``eth0`` leads to the switch, ``decoy0`` nowhere. The hosts have in common
what is installed, and one folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

from support.standalone import Host

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_ALONE = ("unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--mount-proc")
_SWITCH = """
ip link add bridge0 type bridge
ip link set bridge0 up
"""
_HOST = """
mount --bind "$2" /mnt
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /dev/shm
mkdir -p "$2"
mount --move /mnt "$2"
hostname "$1"
printf '127.0.0.1 localhost\\n127.0.1.1 %s\\n' "$1" > /tmp/hosts
mount --bind /tmp/hosts /etc/hosts
ip link set lo up
ip link add decoy0 type bridge
ip address add "192.168.77.$3/24" dev decoy0
ip link set decoy0 up
"""
_UNTIL_END_OF_INPUT = "echo ready; cat; :"  # the shell waits for the orphans that it adopts, cat would not


def missing() -> str | None:
    """Why there can be no namespaces here; None where there can."""
    if os.geteuid():
        return "it takes root to make network namespaces"
    tools = [tool for tool in ("ip", "unshare", "nsenter") if shutil.which(tool) is None]
    if tools:
        return f"{' and '.join(tools)} are not installed (iproute2, util-linux)"
    trial = subprocess.run([*_ALONE, "true"], capture_output=True, text=True, check=False)
    return f"this machine makes no namespaces: {trial.stderr.strip()}" if trial.returncode else None


@dataclass(frozen=True)
class NamespaceHost:
    """One host of a `Network`.

    Args:
        name: its own.
        address: on the switch.
        init: its first process.
        port: of the switch, at which it is.
    """

    name: str
    address: str
    init: psutil.Process
    port: str

    @property
    def host(self) -> Host:
        """Where a process of a cluster runs."""
        spaces = ("--net", "--mount", "--pid", "--uts", "--ipc")
        return Host(self.address, ("nsenter", "--target", str(self.init.pid), *spaces))

    def processes(self) -> list[psutil.Process]:
        """All that run on it but its first ones."""
        own = {self.init.pid, *(child.pid for child in self.init.children() if child.name() == "cat")}
        return [process for process in _in_namespace_of(self.init.pid) if process.pid not in own]


class Network:
    """Hosts at a switch, until the block ends.

    Args:
        shared: the one folder that all hosts see.
        hosts: how many.

    Attributes:
        hosts: them, at 10.77.0.1 and so on.
    """

    def __init__(self, shared: Path, hosts: int) -> None:
        self._shared = shared
        self._count = hosts
        self._stack = ExitStack()
        self.hosts: list[NamespaceHost] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._switch = _first_process(stack, _SWITCH)
            for number in range(1, self._count + 1):
                self.hosts.append(self._plugged_in(stack, number))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def cut(self, host: NamespaceHost) -> None:
        """Pull the cable of `host` out of the switch: no connection is closed, nothing gets through."""
        self._on_switch("ip", "link", "set", host.port, "down")

    def restore(self, host: NamespaceHost) -> None:
        """Put the cable of `host` in again."""
        self._on_switch("ip", "link", "set", host.port, "up")

    def _plugged_in(self, stack: ExitStack, number: int) -> NamespaceHost:
        name, port, address = f"host-{number}", f"port{number}", f"10.77.0.{number}"
        init = _first_process(stack, _HOST, name, str(self._shared), str(number))
        plug = f"ip link add {port} type veth peer name eth0 netns {init.pid}"
        self._on_switch(*plug.split())
        self._on_switch("ip", "link", "set", port, "master", "bridge0", "up")
        _in_network(init, "ip", "address", "add", f"{address}/24", "dev", "eth0")
        _in_network(init, "ip", "link", "set", "eth0", "up")
        return NamespaceHost(name, address, init, port)

    def _on_switch(self, *command: str) -> None:
        _in_network(self._switch, *command)


def _first_process(stack: ExitStack, script: str, *arguments: str) -> psutil.Process:
    """The first process of new namespaces, after `script` has run in them; `stack` ends it."""
    command = [*_ALONE, "sh", "-e", "-c", script + _UNTIL_END_OF_INPUT, "sh", *arguments]
    outer = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    assert outer.stdout is not None
    if outer.stdout.readline() != b"ready\n":
        raise OSError(f"no namespaces: {command} ended with {outer.wait()}")
    (first,) = psutil.Process(outer.pid).children()
    return first


def _in_network(init: psutil.Process, *command: str) -> None:
    subprocess.run(["nsenter", "--target", str(init.pid), "--net", *command], check=True)


def _in_namespace_of(pid: int) -> Iterator[psutil.Process]:
    theirs = _process_namespace(pid)
    for process in psutil.process_iter():
        try:
            if _process_namespace(process.pid) == theirs:
                yield process
        except OSError:  # it has just ended
            continue


def _process_namespace(pid: int) -> Path:
    return Path(f"/proc/{pid}/ns/pid").readlink()
