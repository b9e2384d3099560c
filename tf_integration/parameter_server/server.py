"""What parameter servers, and workers other than the coordinator, run: a `tf.distribute.Server`."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ml_framework.context import NodeContext
from ml_framework.context.peers import Peers
from ml_framework.host import family_of, host_of
from tf_integration import roles, tensors
from tf_integration.log import say, tamed
from tf_integration.parameter_server.feed import Feed

if TYPE_CHECKING:
    from contextlib import ExitStack

    from ml_framework.context.launch import Launch

SERVERS = (roles.WORKER, roles.PS)
"""Who runs a server, by role."""


class ServerContext(NodeContext):
    """The context of a node that serves: the queues of a worker are behind `feed`."""

    feed: Feed

    @property
    def returned(self) -> bool:
        """Never: a coordinator that has returned still asks every worker to end."""
        return False

    def _open(self, stack: ExitStack) -> None:
        super()._open(stack)
        if self.role == roles.WORKER:
            self.feed = Feed(self._launch, self._input, self._checkpoints, self._emit_tensors, self.counters)
            self.feed.register()
        self.server = new_server(self._launch)
        say(f"{self.role}[{self.index}] serves")

    def _meet_peers(self) -> Peers:
        return unconnected_peers(self._launch)

    def _emit_tensors(self, **columns: Any) -> None:
        if self._output is not None:
            columns = tensors.emittable(columns, self._output.layout.schema)
        self.emit(**columns)


def serve(ctx: ServerContext) -> None:
    """Serve: a worker until the coordinator says that training is over, a parameter server until stopped."""
    if ctx.role == roles.WORKER:
        ctx.feed.run()
    else:
        ctx.stopping.wait()


def unconnected_peers(launch: Launch) -> Peers:
    """Those who train with a node: they have one state among them, and none speaks but the coordinator."""
    return Peers(0, launch.world_size, {})


def new_server(launch: Launch) -> Any:
    """The server of a node, at its own address; it serves until the process ends."""
    cluster = {role: launch.addresses[role] for role in SERVERS}
    with tamed():
        return tf.distribute.Server(cluster, job_name=launch.role, task_index=launch.index)


def bound_beside(launch: Launch) -> tuple[socket.socket, str]:
    """A further port on the host of a node: the socket that keeps it from everybody else, and its address.

    TensorFlow can listen there all the same, as it does at the nodes' addresses.
    """
    kept = socket.socket(family_of(launch.bind_host))
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    kept.bind((launch.bind_host, 0))
    host = host_of(launch.addresses[launch.role][launch.index])
    return kept, f"{host}:{kept.getsockname()[1]}"
