"""The application masters of a job, and what they tell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ml_framework.errors import CommandFailed
from ml_operator import announced
from ml_operator.cli import gateway

if TYPE_CHECKING:
    from ml_framework.rpc.wire import ClusterStatus, LogPiece
    from ml_framework.spec import NodeId
    from ml_operator.cli.jobs import Job

_ANSWER_WITHIN_S = 5.0


class Master:
    """The application master of one ML cluster of a job that runs.

    Raises:
        CommandFailed: it cannot be found: the job has just ended, or is being started.
    """

    def __init__(self, job: Job, cluster: str) -> None:
        host, _, port = job.rest.address.rpartition(":")
        uid = cluster + announced.MASTER_SUFFIX
        try:
            found = gateway.instance("org.mlonflink.flink.Graph").findMaster(host, int(port), job.id, uid)
        except gateway.java_error():
            found = None
        if found is None:
            raise CommandFailed(
                f"the application master of {cluster!r} is not there: the job {job.id} is being started, or "
                "has just ended; try again"
            )
        place = json.loads(found)
        self._address, self._token = place["master"], place["token"]

    def status(self) -> ClusterStatus:
        """The cluster; raises `MasterUnreachable`."""
        from ml_framework.rpc.channel import fetch_status  # noqa: PLC0415 - a quarter of a second

        return fetch_status(self._address, self._token, _ANSWER_WITHIN_S)

    def log(self, node: NodeId, offset: int, limit: int) -> LogPiece:
        """A piece of a node's log, see `fetch_log`; raises `MasterUnreachable`, `LogUnavailable`."""
        from ml_framework.rpc.channel import fetch_log  # noqa: PLC0415 - a quarter of a second

        return fetch_log(
            self._address, self._token, node, offset=offset, limit=limit, timeout_s=_ANSWER_WITHIN_S
        )
