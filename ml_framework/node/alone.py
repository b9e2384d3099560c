"""The answers that a node gets where no application master leads it: those to a cluster of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_framework.rpc import wire
from ml_framework.spec import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Callable


class OwnMaster:
    """Stands in for a `MasterLink` where there is no AM.

    The node starts as soon as it is there, and its failure is the failure of the whole. The others of its
    role know nothing of it, nor it of them; they count as being on this host, whose CPUs they share.

    Args:
        parallelism: of the role.
        post: called with every command.
    """

    def __init__(self, parallelism: int, post: Callable[[wire.NodeCommand], None]) -> None:
        self._parallelism = parallelism
        self._post = post

    def send(self, event: wire.NodeEvent) -> None:
        """Answer `event`; one that an AM would only take down is dropped."""
        match event:
            case wire.Registered(node, _, address):
                self._post(wire.Start(ClusterSpec({node.role: (address,) * self._parallelism})))
            case wire.Ended(node, token, failure=wire.Failure() as failure):
                self._post(wire.Abort(wire.Cause(node, token, failure).text()))
            case wire.Ended():
                self._post(wire.Finish())

    async def run(self) -> None:
        """There is no conversation to hold."""
