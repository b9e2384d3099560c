"""A submitted job as its client sees it: the cluster's state while it runs, the first cause when it fails."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError
from pyflink.java_gateway import get_gateway

from ml_framework.errors import JobFailed, MasterUnreachable
from ml_framework.rpc.channel import MasterConnection
from ml_framework.rpc.messages import status_from_json
from ml_operator.rest import OWN_FAILURE
from ml_operator.terminal import LogFollower, Terminal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from pyflink.common import JobClient

    from ml_framework.rpc.wire import ClusterStatus, LogPiece
    from ml_framework.spec import NodeId
    from ml_operator.bridge import Bridge
    from ml_operator.terminal import FlinkJob

_STATUS_TIMEOUT_S = 2.0
_CANCEL_TIMEOUT_S = 30
_LOOK_S = 0.05


class JobMonitor:
    """Watches one submitted job. For one thread.

    It asks the application master on one connection, as long as that one is announced.
    """

    def __init__(
        self, client: JobClient, bridge: Bridge, name: str, master_uid: str, flink: FlinkJob | None
    ) -> None:
        self._j_client = client._j_job_client
        self._graph = bridge.graph
        self._name = name
        self._master_uid = master_uid
        self._flink = flink
        self._master: MasterConnection | None = None
        self._announced: str | None = None
        self._answers = False

    def wait(self, on_status: Callable[[ClusterStatus], object] | None, every: timedelta) -> None:
        """Wait for the end; see `MLJob.wait`."""
        j_result = self._j_client.getJobExecutionResult()
        try:
            while not self._ended_within(j_result, every):
                if on_status is not None and (status := self.status()) is not None:
                    on_status(status)
        except KeyboardInterrupt:
            self._cancel(j_result)
            raise
        finally:
            self._disconnect()
        if on_status is not None and (last := j_result.get().getAccumulatorResult(f"{self._name}/status")):
            on_status(status_from_json(last))

    def show(
        self, rows: int | None, on_status: Callable[[ClusterStatus], object] | None, every: timedelta
    ) -> None:
        """Wait for the end, and show the cluster and what its processes print meanwhile."""
        logs = LogFollower(self._read_log)
        with Terminal(rows, self._flink) as terminal:

            def look(status: ClusterStatus) -> None:
                terminal.tell(logs.lines(status))
                terminal.show(status)
                if on_status is not None:
                    on_status(status)

            try:
                self.wait(look, every)
            finally:
                if terminal.last is not None:
                    terminal.tell(logs.last_lines(terminal.last))

    def status(self) -> ClusterStatus | None:
        """The cluster's state; None while its AM cannot be reached."""
        try:
            if not self._answers:
                self._connect()
            status = None if self._master is None else self._master.status()
        except (MasterUnreachable, Py4JJavaError):
            status = None  # it is busy, it has ended, or it was started anew elsewhere
        self._answers = status is not None
        return status

    def _read_log(self, node: NodeId, offset: int, limit: int) -> LogPiece:
        if self._master is None:
            raise MasterUnreachable("the application master is not known")
        return self._master.log(node, offset, limit)

    def _connect(self) -> None:
        """To the application master as it is announced, unless that is known already."""
        announced = self._graph.findMaster(self._j_client, self._master_uid)
        if announced == self._announced:
            return
        self._disconnect()
        self._announced = announced
        if announced is not None:
            master = json.loads(announced)
            self._master = MasterConnection(
                master["master"], master["token"], _STATUS_TIMEOUT_S, patient=False
            )

    def _disconnect(self) -> None:
        if self._master is not None:
            self._master.close()
        self._master = self._announced = None

    def _ended_within(self, j_result: Any, limit: timedelta) -> bool:
        """Whether the job ends in time. Python waits: Ctrl-C within a call into the JVM would break that."""
        deadline_s = time.monotonic() + limit.total_seconds()
        while not j_result.isDone():
            if (remaining_s := deadline_s - time.monotonic()) <= 0:
                return False
            time.sleep(min(_LOOK_S, remaining_s))
        try:
            j_result.get()
        except Py4JJavaError as error:
            raise JobFailed(first_cause(error.java_exception)) from None
        return True

    def _cancel(self, j_result: Any) -> None:
        unit = get_gateway().jvm.java.util.concurrent.TimeUnit.SECONDS
        try:
            self._j_client.cancel().get(_CANCEL_TIMEOUT_S, unit)
            j_result.get(_CANCEL_TIMEOUT_S, unit)
        except Py4JJavaError:
            return  # a cancelled job has no result, which is how its client hears of the end


def first_cause(j_error: Any) -> str:
    """The innermost cause of a Java exception, in its own words."""
    while (cause := j_error.getCause()) is not None:
        j_error = cause
    # Not `j_error.toString()`: the gateway keeps methods by class name, and each job loads its classes anew.
    told = str(get_gateway().jvm.java.util.Objects.toString(j_error))
    return told.removeprefix(f"{OWN_FAILURE}: ")
