"""`Planner`: what is said of a role becomes a plan, checked, and operators in the job graph."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pyflink.table import StreamTableEnvironment, Table

from ml_framework.codec import NO_COLUMNS, Layout, plan_layout
from ml_framework.errors import PlanError
from ml_framework.runner.base import Program, Runner
from ml_framework.spec import RoleKind
from ml_operator import announced, checks, embedded
from ml_operator.bridge import Bridge, environment_options, undone
from ml_operator.client import JobMonitor
from ml_operator.plan import AMConfig, JobPlan, RolePlan
from ml_operator.recovery import DefaultRestarts, JobOptions, check_checkpoint_storage
from ml_operator.rest import session_address
from ml_operator.slots import check_slots
from ml_operator.table import Output, RoleRows, Rows, RowStream, check_rows, schema_of
from ml_operator.terminal import FlinkJob
from ml_operator.translate import Translation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from pathlib import Path

    from pyflink.common import JobClient
    from pyflink.datastream import DataStream, StreamExecutionEnvironment

    from ml_framework.config import JobConfig
    from ml_framework.resources import Resources


class Planner:
    """The cluster of one job while it is planned; the arguments are those of `MLJob`.

    Attributes:
        plan: so far.
    """

    def __init__(
        self,
        env: StreamExecutionEnvironment,
        name: str,
        config: JobConfig,
        table_env: StreamTableEnvironment | None,
    ) -> None:
        self.plan = JobPlan(name)
        self._env = env
        self._table_env = table_env
        self._bridge = Bridge(env)
        self._restarts = DefaultRestarts()
        self._translation = Translation(env, self._bridge, name, config)

    def add_master(self, master: AMConfig) -> None:
        """Add the application master.

        Raises:
            PlanError: there is one already, or the environment cannot carry one.
        """
        if self.plan.master is not None:
            raise PlanError(
                f"job {self.plan.name!r} has an application master already: call add_am_role once"
            )
        options = self._job_options()
        checks.check_runtime_mode(options.env)
        embedded.complete(options.env)
        self._restarts.apply(options)
        self._translation.add_master(master)
        self.plan = JobPlan(self.plan.name, master)

    def monitor(self, client: JobClient) -> JobMonitor:
        """Watches the job that was submitted."""
        options = self._job_options().env
        job_id = str(client.get_job_id())
        address = announced.address(job_id) if embedded.is_embedded(options) else session_address(options)
        flink = None if address is None else FlinkJob(address, job_id)
        return JobMonitor(client, self._bridge, self.plan.name, self._translation.master_uid, flink)

    def add_role(
        self,
        name: str,
        source: Table | DataStream | None,
        *,
        runner: Runner,
        parallelism: int,
        output: Output | None,
        max_delay: timedelta,
        max_rows: int,
        partition_by: str | None,
        rowtime: str | None,
        groups: Mapping[str, Sequence[str] | int] | None,
        python: str | Path | None,
        resources: Resources | None = None,
        kind: RoleKind | Literal["drives", "serves", "side"] = RoleKind.DRIVES,
        codec: str = "columns",
        control: Table | DataStream | None = None,
    ) -> RoleRows | None:
        """Add a role, as `MLJob.add_role` describes it; its nodes see what `control` sends, too.

        Returns:
            The rows that come back, None where the role has no output.

        Raises:
            PlanError: the role cannot run as described; the message names it and the remedy.
        """
        options = self._job_options(source, control)
        has_state = source is not None or runner.answers_checkpoints
        checkpointed = has_state and options.checkpoints()
        spec = checks.check_role(
            self.plan,
            options.env,
            name,
            parallelism=parallelism,
            kind=kind,
            restartable=output is None and not checkpointed,
        )
        runner.validate(name)
        uid = f"{self.plan.name}/{name}"
        with checks.naming(f"role {name!r}"), undone(self._env):
            if source is not None:
                check_rows("input", source)
            if checkpointed:
                check_checkpoint_storage(options)
            rows = None if source is None else self._read(source, parallelism, control, uid)
            j_output = None if output is None else self._rows.output_type(output)
            taken, given = _layouts(rows, j_output, groups, max_rows)
            checks.check_codec(codec, taken, given)
            frames = taken or (NO_COLUMNS if has_state else None)
            program = Program(
                runner=runner,
                input_layout=frames.to_json() if frames else None,
                output_layout=given.to_json() if given else None,
                codec=codec,
                max_delay_s=checks.check_max_delay(max_delay),
                python=checks.check_python(python),
            )
            role = RolePlan(spec, program, taken, given, partition_by, rowtime, resources)
            checks.check_columns(role)
            plan = JobPlan(self.plan.name, self.plan.master, (*self.plan.roles, role))
            check_slots(self._translation.need(plan), options.env)
            self._restarts.apply(options)
            j_rows = self._translation.add_role(plan, rows, j_output)
        self.plan = plan
        if output is None:
            return None
        return RoleRows(self._rows, j_rows, output, j_output, rowtime, uid)

    def _job_options(self, *sources: Table | DataStream | None) -> JobOptions:
        """The options of the job as they are now; the first table tells of its environment."""
        if self._table_env is None:
            self._table_env = next((rows._t_env for rows in sources if isinstance(rows, Table)), None)
        return JobOptions(environment_options(self._env), self._table_env)

    @property
    def _rows(self) -> Rows:
        return Rows(self._bridge, self._table_env or self._own_tables)

    @cached_property
    def _own_tables(self) -> StreamTableEnvironment:
        """For roles that have come without a table."""
        return StreamTableEnvironment.create(self._env)

    def _read(
        self,
        source: Table | DataStream,
        parallelism: int,
        control: Table | DataStream | None,
        uid: str,
    ) -> RowStream:
        rows = self._rows.read(source, parallelism, uid)
        self._translation.check_input(rows)
        if control is None:
            return rows
        with checks.naming("control"):
            numbers = self._rows.read(control, 1, f"{uid}/control")
        return self._rows.announced(rows, numbers, f"{uid}/announced")


def _layouts(
    rows: RowStream | None, j_output: Any, groups: Mapping[str, Sequence[str] | int] | None, max_rows: int
) -> tuple[Layout | None, Layout | None]:
    """The layouts of a role's frames: those that it takes, and those that it gives."""
    if groups and rows is None:
        raise PlanError("groups are of input columns, and the role has no input")
    taken = given = None
    if rows is not None:
        taken = plan_layout(rows.schema, groups, timestamps=j_output is not None, max_rows=max_rows)
    if j_output is not None:
        given = plan_layout(schema_of(j_output), timestamps=True, max_rows=max_rows)
    return taken, given
