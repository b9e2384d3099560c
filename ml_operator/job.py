"""`MLJob`: plans an ML cluster as part of a PyFlink job."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from ml_framework.config import JobConfig
from ml_framework.inference.places import located
from ml_framework.spec import RoleKind
from ml_operator import checks
from ml_operator.inference import ERROR, Scored, check_arguments, plan_columns
from ml_operator.plan import AMConfig, JobPlan
from ml_operator.planned import note
from ml_operator.planner import Planner
from ml_operator.render import render
from ml_operator.table import ANNOUNCED, Output

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pyflink.common import JobClient
    from pyflink.common.typeinfo import TypeInformation
    from pyflink.datastream import DataStream, StreamExecutionEnvironment
    from pyflink.table import StreamTableEnvironment, Table
    from pyflink.table.types import DataType

    from ml_framework.inference import Padding
    from ml_framework.inference.runner import InferenceRunner
    from ml_framework.resources import Resources
    from ml_framework.rpc.wire import ClusterStatus
    from ml_framework.runner.base import Runner
    from ml_operator.render import Style

_DEFAULT_MAX_DELAY = timedelta(milliseconds=20)


class MLJob:
    """An ML cluster as part of a PyFlink job.

    Every call adds its operators to the environment's graph, as PyFlink's own calls do, or none of them where
    it raises; nothing runs before ``env.execute``, ``StatementSet.execute`` or the like.

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
        self._planner = Planner(env, name, config or JobConfig(), table_env)
        note(self)

    def add_am_role(self, config: AMConfig | None = None) -> None:
        """Add the application master; the first call on a job. `addAMRole` is an alias.

        Raises:
            PlanError: the job has an application master already, or its environment cannot carry one.
        """
        self._planner.add_master(config or AMConfig())

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
        resources: Resources | None = None,
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
            resources: that each node has to itself; None has the nodes share slots with the rest of the job.

        Returns:
            The output as Table or DataStream, None where the role has none.

        Raises:
            PlanError: the role cannot run as described; the message names it and the remedy.
        """
        back = self._planner.add_role(
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
            resources=resources,
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
        resources: Resources | None = None,
        python_path: Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
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
            resources: that each node has to itself, as for `add_role`.
            python_path: where they look for modules first, those of the functions among them; None takes what
                the planning process sees of its own main script and working directory.
            env: their environment variables.

        Returns:
            The answered rows and the refused ones.

        Raises:
            PlanError: the role cannot run as described; the message names it and the remedy.
        """
        with checks.naming(f"role {name!r}"):
            check_arguments(rows=rows, control=control, inputs=inputs, carry=carry, max_batch=max_batch)
            columns = plan_columns(
                rows, inputs=inputs, answers=output, carry=carry, groups=groups, version=version
            )
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
                env=env or {},
                **({} if python_path is None else {"python_path": tuple(python_path)}),
            )
        answered = self._planner.add_role(
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
            resources=resources,
        )
        assert answered is not None
        return Scored(answered, columns)

    addAMRole = add_am_role  # noqa: N815 - the spelling of the original design
    addRole = add_role  # noqa: N815

    def plan(self) -> JobPlan:
        """The cluster as planned so far; changes nothing."""
        return self._planner.plan

    def render(self, style: Style = "text") -> str:
        """The plan as text, as a drawing for a terminal, or as a Mermaid flowchart.

        Raises:
            PlanError: there is no such style.
        """
        return render(self._planner.plan, style)

    def wait(
        self,
        client: JobClient,
        on_status: Callable[[ClusterStatus], object] | None = None,
        *,
        every: timedelta = timedelta(milliseconds=500),
        rows: int | None = None,
        quiet: bool = False,
    ) -> None:
        """Wait for a submitted job to end, and show meanwhile how it gets on.

        On a terminal a table changes, elsewhere a line is printed now and then, to standard error; what the
        users' processes print stands above it.

        Args:
            client: what ``env.execute_async`` or ``StatementSet.execute().get_job_client()`` returned.
            on_status: called with the state of the cluster, about as often as `every` says.
            every: time between two looks.
            rows: that the nodes will read together, or emit where they read files of their own, if that is
                known: for the time to go.
            quiet: show nothing.

        Raises:
            JobFailed: the job failed; its message is the first cause, a user's traceback without Java frames.
            KeyboardInterrupt: Ctrl-C, after the job was cancelled.
        """
        monitor = self._planner.monitor(client)
        if quiet:
            monitor.wait(on_status, every)
        else:
            monitor.show(rows, on_status, every)
