"""`Host`: where a process listens, and where the others reach it."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_framework.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what an operator may choose


@dataclass(frozen=True)
class Host:
    """The host of a node, or of the application master. An IPv6 address may have its brackets or not.

    Args:
        advertised: name or address by which the others reach it.
        bound: name or address at which it listens; `advertised` where that is empty.

    Attributes:
        advertised: as it is written in front of a port, an IPv6 address in brackets.
        bound: as the system takes it, without brackets.

    Raises:
        PlanError: nobody can connect to `advertised`.
    """

    advertised: str
    bound: str = ""

    def __post_init__(self) -> None:
        advertised = self.advertised.strip("[]")
        if not advertised or _is_unspecified(advertised):
            raise PlanError(
                f"the TaskManager announces {advertised!r}, to which nobody can connect: "
                "set taskmanager.host or mlonflink.advertised-host to where the others reach it, and "
                f"mlonflink.bind-host to {EVERYWHERE} where it is to listen at all of its own"
            )
        object.__setattr__(self, "bound", self.bound.strip("[]") or advertised)
        object.__setattr__(self, "advertised", _written(advertised))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Host:
        """The host that `data` names with ``host`` and ``bind_host``."""
        return cls(data["host"], data["bind_host"])

    def listening_at(self, port: int) -> str:
        """``host:port`` to listen at."""
        return f"{_written(self.bound)}:{port}"

    def reached_at(self, port: int) -> str:
        """``host:port`` to connect to."""
        return f"{self.advertised}:{port}"

    def cannot_listen(self, error: Exception) -> str:
        """What is wrong where listening fails with `error`, and what to change."""
        if self.bound != self.advertised.strip("[]"):
            return (
                f"cannot listen on {self.bound}: {error}. That is mlonflink.bind-host: set it to an address "
                f"of this host, or to {EVERYWHERE} for all of them"
            )
        return (
            f"cannot listen on {self.bound}: {error}. It is what the TaskManager announces: set "
            "taskmanager.host or mlonflink.advertised-host to an address of this host; where others reach it "
            f"by one that is not its own, as through NAT, set mlonflink.bind-host too ({EVERYWHERE} for all)"
        )


def host_of(address: str) -> str:
    """The host of ``host:port`` as it is written there, an IPv6 address in brackets."""
    return address.rpartition(":")[0]


def split_address(address: str) -> tuple[str, int]:
    """Host and port of ``host:port`` as the system takes them, an IPv6 address without brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def family_of(host: str) -> socket.AddressFamily:
    """Of sockets at `host`, a name or an address without brackets; names are of IPv4."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_unspecified(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
