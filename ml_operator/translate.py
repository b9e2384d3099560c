"""Puts planned roles into the job graph, by the bridge's `Graph`: plan in, operators out."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_framework import config as configs
from ml_framework.errors import PlanError
from ml_framework.node.settings import assignment, grace_ms, node_settings, pickled
from ml_framework.runner.entrypoint import search_path
from ml_operator import announced
from ml_operator.bridge import Bridge, python_options
from ml_operator.slots import Need

if TYPE_CHECKING:
    from pyflink.datastream import StreamExecutionEnvironment

    from ml_framework.config import JobConfig
    from ml_operator.plan import AMConfig, JobPlan, RolePlan
    from ml_operator.table import RowStream


class Translation:
    """The job graph of one ML cluster while it grows.

    `JobSpec` grows with every role, and the AM is planned first: its operator reads the spec when the job is
    submitted, from the settings object that `add_master` registered.
    """

    def __init__(self, env: StreamExecutionEnvironment, bridge: Bridge, name: str, config: JobConfig) -> None:
        self._env = env
        self._bridge = bridge
        self._name = name
        self._config = config
        self._key = uuid.uuid4().hex
        self._j_settings: Any = None
        self._j_control: Any = None
        self._j_with_output: list[Any] = []
        self._j_without_output: list[Any] = []
        self.master_uid = f"{_url_safe(name)}{announced.MASTER_SUFFIX}"
        """Uid of the operator that can say where the AM is; Flink's REST API takes it in a path."""

    def add_master(self, master: AMConfig) -> None:
        """Add the AM and its control edge."""
        self._j_settings = self._bridge.graph.master(json.dumps(self._master_settings(master)))
        self._j_control = self._bridge.graph.addMaster(
            self._env._j_stream_execution_environment, self.master_uid, self._j_settings
        )
        self._bridge.graph.announce(self._env._j_stream_execution_environment, str(announced.folder()))

    def check_input(self, rows: RowStream) -> None:
        """Refuse rows that come from a role of this cluster, with `PlanError`."""
        if self._bridge.graph.isOfCluster(rows.j_stream, self._j_control):
            raise PlanError(
                "its input comes from another role of the same cluster, whose nodes end together, so neither "
                "would end: plan it in an MLJob of its own, in the same environment"
            )

    def need(self, plan: JobPlan) -> Need:
        """The slots that everything planned so far needs, and the cluster of `plan`."""
        planned = dict(self._bridge.graph.slots(self._env._j_stream_execution_environment))
        for group, slots in plan.slots.items():
            planned[group] = max(slots, planned.get(group, 0))
        sizes = plan.sizes
        if sizes:  # else Flink gives every slot its share
            j_sizes = self._bridge.graph.sizes(self._env._j_stream_execution_environment)
            sizes = {**{group: dict(j_size) for group, j_size in j_sizes.items()}, **sizes}
        return Need(plan.slots, planned, self._env.get_parallelism(), sizes)

    def add_role(self, plan: JobPlan, rows: RowStream | None, j_output_type: Any) -> Any:
        """Add the nodes of the last role of `plan`; returns the Java stream of rows that come back."""
        role = plan.roles[-1]
        j_rows = None if rows is None else self._partition(role, rows)
        uid = f"{self._name}/{role.name}"
        j_nodes = self._bridge.graph.addNodes(
            self._env._j_stream_execution_environment,
            j_rows,
            self._j_control,
            None if j_output_type is None else j_output_type.getLogicalType(),
            json.dumps({**self._role_settings(role, uid), "group": _group(plan, role)}),
        )
        self._tie(j_nodes, has_output=j_output_type is not None)
        self._j_settings.setJob(json.dumps(plan.spec.to_json()))
        if role.resources is None or j_output_type is None:
            return j_nodes
        return self._bridge.graph.leaveGroup(j_nodes, f"{uid}/rows out")

    def _tie(self, j_nodes: Any, *, has_output: bool) -> None:
        """Running a table runs only what leads to it: that takes along every role without output."""
        (self._j_with_output if has_output else self._j_without_output).append(j_nodes)
        for j_with in [j_nodes] if has_output else self._j_with_output:
            for j_without in self._j_without_output if has_output else [j_nodes]:
                self._bridge.graph.tie(j_with, j_without)

    def _partition(self, role: RolePlan, rows: RowStream) -> Any:
        if rows.keyed:
            return rows.j_stream
        column = -1 if role.partition_by is None else rows.schema.names.index(role.partition_by)
        return self._bridge.graph.partition(rows.j_stream, rows.j_row_type, column, role.spec.parallelism)

    def _common_settings(self) -> dict[str, Any]:
        return {
            "job": self._key,
            "python": python_options(self._env).get("python.executable", sys.executable),
            "python_path": _import_path(),
            "python_options": python_options(self._env),
        }

    def _master_settings(self, master: AMConfig) -> dict[str, Any]:
        machine = master.state_machine
        configuration = {
            "timeouts": configs.to_json(self._config.timeouts),
            "restart": configs.to_json(self._config.restart),
            "port": master.port,
            "page": master.page,
            "page_port": master.page_port,
            "machine": None if machine is None else pickled(machine),
        }
        return {
            **self._common_settings(),
            "grace_ms": grace_ms(self._config.timeouts),
            "configuration": configuration,
        }

    def _role_settings(self, role: RolePlan, uid: str) -> dict[str, Any]:
        assigned = assignment(self._name, role.name, role.spec.parallelism, role.program, self._config)
        rowtime = (
            -1
            if role.rowtime is None or role.output is None
            else role.output.schema.names.index(role.rowtime)
        )
        precision = (
            0 if rowtime < 0 or role.output is None else role.output.schema.columns[rowtime].type.precision
        )
        return {
            **self._common_settings(),
            **node_settings(assigned, role.program, self._config, role.input, role.output),
            "name": role.operator,
            "uid": uid,
            "rowtime_column": rowtime,
            "rowtime_precision": precision,
            "gpus": 0 if role.resources is None else role.resources.gpu,
        }


def _url_safe(name: str) -> str:
    """`name`, or one like it for no other name."""
    safe = re.sub(r"[^\w.-]", "-", name, flags=re.ASCII)
    return safe if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _group(plan: JobPlan, role: RolePlan) -> dict[str, Any]:
    """The slot sharing group of a role, and the size of its slots, None for Flink's own."""
    group = plan.group(role)
    return {"name": group, "size": plan.sizes.get(group)}


def _import_path() -> str:
    """Where the planning process finds its user's own modules, and what it has put before that."""
    first = str(Path(sys.path[0] or ".").resolve())
    return os.pathsep.join(dict.fromkeys([first, *search_path()]))
