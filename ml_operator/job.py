"""`MLJob`: plans an ML cluster as part of a PyFlink job."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pyflink.table import StreamTableEnvironment, Table

from ml_framework.codec import NO_COLUMNS, Layout, plan_layout
from ml_framework.config import JobConfig
from ml_framework.errors import PlanError
from ml_framework.runner.base import Program, Runner
from ml_framework.spec import RoleKind
from ml_operator import checks
from ml_operator.bridge import Bridge, environment_options
from ml_operator.client import JobMonitor
from ml_operator.inference import ERROR, Scored, located, plan_columns
from ml_operator.plan import AMConfig, JobPlan, RolePlan
from ml_operator.recovery import DefaultRestarts, JobOptions, check_checkpoint_storage
from ml_operator.render import render
from ml_operator.table import ANNOUNCED, Output, RoleRows, Rows, RowStream, schema_of
from ml_operator.translate import Translation

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pyflink.common import JobClient
    from pyflink.common.typeinfo import TypeInformation
    from pyflink.datastream import DataStream, StreamExecutionEnvironment
    from pyflink.table.types import DataType

    from ml_framework.inference import Padding
    from ml_framework.inference.runner import InferenceRunner
    from ml_framework.rpc.wire import ClusterStatus

_DEFAULT_MAX_DELAY = timedelta(milliseconds=20)


class MLJob:
    """An ML cluster as part of a PyFlink job.

    Every call validates first and then adds its operators to the environment's graph, as PyFlink's own calls
    do; nothing runs before ``env.execute``, ``StatementSet.execute`` or the like.

    Args:
        env: the environment of the user's job.
        name: name of the cluster, unique in the job; the operators' uids begin with it.
        config: time limits, restarts, queues, logs.
        table_env: the table environment of the user's job, needed when a role has a Table as output and none
            as input; made from `env` if left out.
    """

    def __init__(
        self,
        env: StreamExecutionEnvironment,
        name: str,
        config: JobConfig | None = None,
        *,
        table_env: StreamTableEnvironment | None = None,
    ) -> None:
        self._env = env
        self._config = config or JobConfig()
        self._plan = JobPlan(name)
        self._table_env = table_env
        self._bridge = Bridge(env)
        self._restarts = DefaultRestarts()
        self._translation = Translation(env, self._bridge, name, self._config)

    def add_am_role(self, config: AMConfig | None = None) -> None:
        """Add the application master; the first call on a job. `addAMRole` is an alias.

        Raises:
            PlanError: the job has an application master already, or its environment cannot carry one.
        """
        if self._plan.master is not None:
            raise PlanError(
                f"job {self._plan.name!r} has an application master already: call add_am_role once"
            )
        options = self._job_options()
        checks.check_runtime_mode(options.env)
        self._restarts.apply(options)
        master = config or AMConfig()
        self._translation.add_master(master)
        self._plan = JobPlan(self._plan.name, master)

    def add_role(
        self,
        name: str,
        *,
        runner: Runner,
        parallelism: int = 1,
        input: Table | DataStream | None = None,  # noqa: A002 - the word for it
        output: Output | None = None,
        kind: RoleKind | Literal["drives", "serves", "side"] = RoleKind.DRIVES,
        partition_by: str | None = None,
        rowtime: str | None = None,
        groups: Mapping[str, Sequence[str] | int] | None = None,
        codec: str = "columns",
        max_delay: timedelta = _DEFAULT_MAX_DELAY,
        max_rows: int = 1024,
        python: str | Path | None = None,
    ) -> Any:
        """Add a role: `parallelism` nodes that run `runner`. `addRole` is an alias.

        Checkpoints are switched on, and given a folder, before: the state of a role with input goes into
        them, so that only Flink can restart its nodes, from the last one.

        Args:
            name: lower-case letters, digits, ``-`` and ``_``.
            runner: what every node runs.
            parallelism: number of nodes.
            input: rows for the nodes, insert-only; a role without input is a source.
            output: columns of the rows that come back as ``(name, DataType)``, which makes a Table, or a
                `TypeInformation`, which makes a DataStream.
            kind: what the role means for the end of the job: ``drives`` it, ``serves`` the drivers, or stands
                at the ``side``.
            partition_by: input column whose equal values go to one node; else rows are spread round robin,
                and a keyed stream stays keyed.
            rowtime: output column, TIMESTAMP or TIMESTAMP_LTZ of precision 0 to 3, that is the time attribute
                of the output; else an emitted row carries the largest timestamp of the batch last handed out.
            groups: input columns as tensors: ``{"dense": ["a", "b"]}`` is one matrix ``(rows, 2)``,
                ``{"embedding": 16}`` an ARRAY column of exactly 16 elements.
            codec: ``columns``, ``raw``, ``json``, ``pickle``, or ``module:name`` of a `Codec` of your own.
            max_delay: longest time that a row waits for its frame to fill; zero for the lowest latency.
            max_rows: rows of a full frame.
            python: interpreter of the user's process, which then needs numpy and its framework only.

        Returns:
            The output as Table or DataStream, None where the role has none.

        Raises:
            PlanError: the role cannot run as described; the message names it and the remedy.
        """
        back = self._add_role(
            name,
            input,
            runner=runner,
            parallelism=parallelism,
            output=output,
            kind=kind,
            partition_by=partition_by,
            rowtime=rowtime,
            groups=groups,
            codec=codec,
            max_delay=max_delay,
            max_rows=max_rows,
            python=python,
        )
        return None if back is None else back.all()

    def add_inference(
        self,
        rows: Table | DataStream,
        model: str | os.PathLike[str],
        *,
        runner: Callable[..., InferenceRunner],
        output: Sequence[tuple[str, DataType | TypeInformation]],
        inputs: Sequence[str] = (),
        preprocess: Callable[[Any], Any] | None = None,
        postprocess: Callable[[Any], Any] | None = None,
        padding: Padding | None = None,
        factory: Callable[[], Any] | None = None,
        carry: Sequence[str] | None = None,
        version: str | None = None,
        control: Table | DataStream | None = None,
        threads: int | None = None,
        name: str = "inference",
        parallelism: int = 1,
        max_batch: int = 1024,
        max_delay: timedelta = timedelta(),
        groups: Mapping[str, Sequence[str] | int] | None = None,
        partition_by: str | None = None,
        rowtime: str | None = None,
        python: str | Path | None = None,
    ) -> Scored:
        """Add a role that scores rows; what the ``inference`` functions of the integrations call.

        Every row is answered once, in the order of each node's input, with its event time. A batch is scored
        as soon as its node is free, with the rows that have come until then: one where few come, `max_batch`
        where many do.

        A row that pre-processing or the model cannot take, or that is answered with NaN, is refused: it comes
        out as a row of `Scored.refused`, with the error, and every other row of its batch is answered.

        Where the model is a folder of versions (``models/7/``, ``models/8/``), the largest that can be loaded
        serves, and a newer one takes over within about a second of its appearance, between two batches.
        `ml_framework.inference.publish` makes a model the next version. One that cannot be loaded, that
        differs from its checksums, or whose answers have another form is refused: the log says why, and the
        old one serves on. A job that goes on from a checkpoint begins with the version that it had.

        Args:
            rows: insert-only.
            model: a path on every machine that scores, or a URL that fsspec knows (``s3://…``): a model, as
                the framework has it, or a folder of versions of one.
            runner: makes the role's runner, that of a framework.
            output: columns that the model answers, as ``(name, type)``: a `DataType` of pyflink.table where
                `rows` is a Table, a `TypeInformation` of pyflink.common where it is a DataStream. A dict of
                arrays or tensors is taken by name, one or several in this order; each has a value for every
                row.
            inputs: columns or groups that the model is called with, in order; a row in which one of them is
                null is refused.
            preprocess: instead of `inputs`, makes the arguments of the model of a batch: a tuple, a dict for
                arguments by name, or the only one.
            postprocess: makes the answers of what the model returns.
            padding: makes tensors of the ARRAY columns among `inputs`.
            factory: makes the model for a file that holds weights alone.
            carry: columns of `rows` that come back beside the answers; None takes all that are in no group.
            version: name of a BIGINT column with the version that has answered; None for none.
            control: rows of one integer, the number of the version in the folder that shall serve from then
                on, be it newer or older; None has the newest serve.
            threads: that one process computes with; None shares the CPUs among the role's nodes on a host.
            name: of the role.
            parallelism: number of nodes.
            max_batch: rows of a batch, at most.
            max_delay: longest time that a row waits for its batch to fill while its node is free.
            groups: input columns as tensors, as for `add_role`.
            partition_by: input column whose equal values go to one node, as for `add_role`.
            rowtime: carried column that is the time attribute of the output, as for `add_role`.
            python: interpreter of the nodes' processes, as for `add_role`.

        Returns:
            The answered rows and the refused ones.

        Raises:
            PlanError: the role cannot run as described; the message names it and the remedy.
        """
        columns = plan_columns(
            name, rows, inputs=inputs, answers=output, carry=carry, groups=groups, version=version
        )
        with checks.naming(name):
            planned = runner(
                model=located(model),
                answers=columns.answers,
                carried=columns.carried,
                inputs=tuple(inputs),
                error=ERROR,
                version=version,
                announced=None if control is None else ANNOUNCED,
                factory=factory,
                padding=padding,
                preprocess=preprocess,
                postprocess=postprocess,
                threads=threads,
            )
        answered = self._add_role(
            name,
            rows,
            runner=planned,
            parallelism=parallelism,
            output=columns.output,
            control=control,
            partition_by=partition_by,
            rowtime=rowtime,
            groups=groups,
            max_rows=max_batch,
            max_delay=max_delay,
            python=python,
        )
        assert answered is not None
        return Scored(answered, columns)

    addAMRole = add_am_role  # noqa: N815 - the spelling of the original design
    addRole = add_role  # noqa: N815

    def plan(self) -> JobPlan:
        """The cluster as planned so far; changes nothing."""
        return self._plan

    def render(self, style: Literal["text", "mermaid"] = "text") -> str:
        """The plan as text, or as a Mermaid flowchart."""
        return render(self._plan, style)

    def wait(
        self,
        client: JobClient,
        on_status: Callable[[ClusterStatus], object] | None = None,
        *,
        every: timedelta = timedelta(milliseconds=500),
    ) -> None:
        """Wait for a submitted job to end.

        Args:
            client: what ``env.execute_async`` or ``StatementSet.execute().get_job_client()`` returned.
            on_status: called with the state of the cluster, about as often as `every` says.
            every: time between two looks.

        Raises:
            JobFailed: the job failed; its message is the first cause, a user's traceback without Java frames.
            KeyboardInterrupt: Ctrl-C, after the job was cancelled.
        """
        JobMonitor(client, self._bridge, self._translation.node_uid).wait(on_status, every)

    def _add_role(
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
        kind: RoleKind | Literal["drives", "serves", "side"] = RoleKind.DRIVES,
        codec: str = "columns",
        control: Table | DataStream | None = None,
    ) -> RoleRows | None:
        options = self._job_options(source)
        has_state = source is not None or runner.answers_checkpoints
        checkpointed = has_state and options.checkpoints()
        spec = checks.check_role(
            self._plan,
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
            max_rows=max_rows,
            python=checks.check_python(name, python),
            restartable=spec.restartable,
        )
        role = RolePlan(spec, program, layouts.input, layouts.output, partition_by, rowtime)
        checks.check_columns(role)
        self._restarts.apply(options)
        self._plan = JobPlan(self._plan.name, self._plan.master, (*self._plan.roles, role))
        j_rows = self._translation.add_role(role, self._plan.spec, rows, j_output)
        if output is None:
            return None
        return RoleRows(self._rows, j_rows, output, j_output, rowtime, f"{self._plan.name}/{name}")

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
        uid = f"{self._plan.name}/{name}"
        rows = self._rows.read(name, source, parallelism, uid)
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
