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
from ml_operator.bridge import Bridge, environment_options
from ml_operator.client import JobMonitor
from ml_operator.plan import AMConfig, JobPlan, RolePlan
from ml_operator.recovery import DefaultRestarts, JobOptions, check_checkpoint_storage
from ml_operator.rest import session_address
from ml_operator.slots import check_slots
from ml_operator.table import Output, RoleRows, Rows, RowStream, schema_of
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
        options = self._job_options(source)
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
        if checkpointed:
            check_checkpoint_storage(name, options)
        runner.validate(name)
        rows = self._read(name, source, parallelism, control)
        j_output = None if output is None else self._rows.output_type(name, output)
        layouts = _Layouts(name, rows, j_output, groups, max_rows)
        checks.check_codec(name, codec, layouts.input, layouts.output)
        frames = layouts.input or (NO_COLUMNS if has_state else None)
        program = Program(
            runner=runner,
            input_layout=frames.to_json() if frames else None,
            output_layout=layouts.output.to_json() if layouts.output else None,
            codec=codec,
            max_delay_s=checks.check_max_delay(name, max_delay),
            python=checks.check_python(name, python),
        )
        role = RolePlan(spec, program, layouts.input, layouts.output, partition_by, rowtime, resources)
        checks.check_columns(role)
        plan = JobPlan(self.plan.name, self.plan.master, (*self.plan.roles, role))
        with checks.naming(name):
            check_slots(self._translation.need(plan), options.env)
        self._restarts.apply(options)
        self.plan = plan
        j_rows = self._translation.add_role(plan, rows, j_output)
        if output is None:
            return None
        return RoleRows(self._rows, j_rows, output, j_output, rowtime, f"{self.plan.name}/{name}")

    def _job_options(self, source: Table | DataStream | None = None) -> JobOptions:
        """The options of the job as they are now; a table tells of its environment."""
        if isinstance(source, Table) and self._table_env is None:
            self._table_env = source._t_env
        return JobOptions(environment_options(self._env), self._table_env)

    @cached_property
    def _rows(self) -> Rows:
        return Rows(self._bridge, self._table_env or StreamTableEnvironment.create(self._env))

    def _read(
        self,
        name: str,
        source: Table | DataStream | None,
        parallelism: int,
        control: Table | DataStream | None,
    ) -> RowStream | None:
        if source is None:
            return None
        uid = f"{self.plan.name}/{name}"
        rows = self._rows.read(name, source, parallelism, uid)
        self._translation.check_input(name, rows)
        if control is None:
            return rows
        numbers = self._rows.read(f"{name}, control", control, 1, f"{uid}/control")
        return self._rows.announced(name, rows, numbers, f"{uid}/announced")


class _Layouts:
    """The layouts of a role's frames, both ways."""

    def __init__(
        self,
        role: str,
        rows: RowStream | None,
        j_output: Any,
        groups: Mapping[str, Sequence[str] | int] | None,
        max_rows: int,
    ) -> None:
        if groups and rows is None:
            raise PlanError(f"role {role!r}: groups are of input columns, and the role has no input")
        self.input: Layout | None = None
        self.output: Layout | None = None
        try:
            if rows is not None:
                self.input = plan_layout(
                    rows.schema, groups, timestamps=j_output is not None, max_rows=max_rows
                )
            if j_output is not None:
                self.output = plan_layout(schema_of(j_output), timestamps=True, max_rows=max_rows)
        except PlanError as error:
            raise PlanError(f"role {role!r}: {error}") from None
