"""`CoordinatorContext`: what the entrypoint gets in a cluster with parameter servers."""

from __future__ import annotations

import json
import os
from collections import deque
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, NoReturn

import tensorflow as tf

from ml_framework.codec import Layout
from ml_framework.errors import EmitError, PlanError
from tf_integration import roles
from tf_integration.context import TFContext
from tf_integration.parameter_server import remote
from tf_integration.parameter_server.cause import cause_first
from tf_integration.parameter_server.feed import Feed
from tf_integration.parameter_server.server import SERVERS, bound_beside, new_server
from tf_integration.parameter_server.slices import REPORT, slice_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import ExitStack

    from tf_integration.batch import Batch

_AHEAD = 2
"""Slices a worker has before it; what training goes on with while the coordinator does something else."""


class CoordinatorContext(TFContext):
    """What the entrypoint gets where there are parameter servers: it runs on one node, the coordinator.

    Attributes:
        strategy: `tf.distribute.ParameterServerStrategy`; variables made in its scope are on the servers.
        coordinator: `tf.distribute.coordinator.ClusterCoordinator`, to schedule functions of one's own.
        schema: of the workers' input.
    """

    coordinator: Any
    _layout: Layout | None = None
    _feed: Feed | None = None
    """Of a worker that coordinates."""

    def steps(self, step: Callable[[Batch], object], batch_size: int | None = None) -> Iterator[int]:
        """Train on the rows of all workers, once, asynchronously: each worker at its own pace.

        ::

            with ctx.strategy.scope():
                model, optimizer = build()
                last_loss = tf.Variable(0.0)

            def step(batch):                            # runs on a worker, as a graph
                with tf.GradientTape() as tape:
                    losses = tf.keras.losses.mse(batch["label"], model(batch["features"]))
                    mean = mean_loss(losses, batch)
                gradients = tape.gradient(mean, model.trainable_variables)
                optimizer.apply(gradients, model.trainable_variables)
                last_loss.assign(mean)
                ctx.emit(id=batch["id"], loss=losses)

            for rows in ctx.steps(step, batch_size=128):
                ctx.metrics.log(loss=last_loss)

        A worker steps whenever it has rows; a batch has at least one row, and ``global_rows`` are its own.
        The next batch is read when everything that `step` did with the one before is done. Training goes on
        while the loop's body runs, for about half a second. After the loop no step is running any more;
        leaving it early leaves the rest of the input unread.

        Workers change variables under each other's hands. ``tf.Variable.assign_add``, and so what optimizers
        do to weights, loses no update; the counts of Keras (``optimizer.iterations``, metrics) are read and
        written back, and miss some.

        A step is never repeated. Where it fails, or its worker is lost, the loop raises.

        Args:
            step: traced once, in the scope of `strategy`.
            batch_size: rows of every batch but a worker's last one; None takes rows as they come.

        Yields:
            How many rows were read so far, a few times a second.

        Raises:
            PlanError: the workers have no input, or one with a codec of its own.
            ValueError: `batch_size` is not positive.
            tf.errors.OpError: a step failed.
        """
        if self._layout is None:
            raise PlanError("the workers have no input: declare input= in their add_role to take steps")
        if self._codec_name != "columns":
            raise PlanError(
                f"the workers' codec {self._codec_name!r} makes objects, which are no tensors: "
                "leave codec= out in their add_role"
            )
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, it must be at least 1")
        with self.strategy.scope():
            graph = slice_of(step, self._layout, batch_size)
        return self._on_every_worker(graph)

    def emit(self, objects: Sequence[Any] | None = None, /, **columns: Any) -> None:
        """Send rows to Flink from the worker that a step runs on; in a step only.

        A row's event time is the largest of the step's batch.

        Args:
            objects: must be left out: a step has tensors only.
            columns: tensors for every column of the workers' output, each with one value a row.

        Raises:
            EmitError: the workers have no output, or this is called outside of a step.
        """
        if objects is not None or not tf.inside_function():
            raise EmitError(
                "with parameter servers rows are emitted by column, in the step that a worker runs"
            )
        if not self._has_output:
            raise EmitError("the workers have no output: declare output= in their add_role to emit rows")
        names = list(columns)
        remote.call(remote.EMIT, tf.constant(names), *(tf.convert_to_tensor(columns[n]) for n in names))

    def batches(self, batch_size: int | None = None) -> NoReturn:  # noqa: ARG002 - the base's
        """Not with parameter servers: rows are on the workers; see `steps`."""
        raise PlanError("with parameter servers rows are read on the workers: use ctx.steps()")

    def dataset(self, *_: Any, **__: Any) -> NoReturn:
        """Not with parameter servers: rows are on the workers; see `steps`."""
        raise PlanError("with parameter servers rows are read on the workers: use ctx.steps()")

    def _open(self, stack: ExitStack) -> None:
        super()._open(stack)
        if self._feed is not None:
            self._feed.start()
            stack.callback(self._feed.stop)
        self.coordinator = tf.distribute.coordinator.ClusterCoordinator(self.strategy)
        with remote.on_worker(0):
            self._learn(
                json.loads(remote.call(remote.DESCRIBE, returns=tf.TensorSpec((), tf.string)).numpy())
            )

    def _learn(self, worker: Mapping[str, Any]) -> None:
        """Take note of what a worker has said about its role."""
        self._codec_name = worker["codec"]
        self._has_output = worker["output"] is not None
        if worker["input"] is not None:
            self._layout = Layout.from_json(worker["input"])
            self.schema = self._layout.schema
        if self._layout is not None or self._has_output:
            for lane in self.coordinator._cluster.workers:
                lane.failure_handler = _NoRecovery()

    def _new_strategy(self) -> Any:
        cluster = {role: list(self.addresses[role]) for role in SERVERS}
        if self.role == roles.WORKER:
            self._feed = Feed(self._launch, self._input, super().emit, self.metrics.log)
            self._feed.register()
            self._server = new_server(self._launch)
            self._port, address = bound_beside(cluster[roles.WORKER][0])
            cluster[roles.CHIEF] = [address]
        else:
            cluster[roles.CHIEF] = list(self.addresses[roles.CHIEF])
        os.environ.setdefault("GRPC_FAIL_FAST", "use_caller")  # servers may take longer to come than we did
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec(cluster), task_type=roles.CHIEF, task_id=0, rpc_layer="grpc"
        )
        strategy = tf.distribute.ParameterServerStrategy(resolver)
        strategy.extended._allow_run_without_coordinator = True
        return strategy

    def _agrees(self) -> bool:
        return False

    def _finish(self) -> None:
        if not self.stopping.is_set():
            self._release_workers()
        if self._feed is not None:
            self._feed.stop()
        super()._finish()

    def _release_workers(self) -> None:
        """Tell every worker that training is over; one that is being restarted hears of it, too."""

        @tf.function  # type: ignore[untyped-decorator] # tensorflow has no types
        def retire() -> Any:
            return remote.call(remote.RETIRE, returns=REPORT)

        deque(self._on_every_worker(retire), maxlen=0)
        for index in range(len(self.addresses[roles.WORKER])):
            with suppress(tf.errors.OpError), remote.on_worker(index):  # it may go before it has answered
                remote.call(remote.LEAVE)

    def _on_every_worker(self, function: Any) -> Iterator[int]:
        """Schedule `function`, which returns a `REPORT`, until every worker has reported that it is done.

        Yields:
            rows that all workers have read.
        """
        workers = len(self.addresses[roles.WORKER])
        rows, done = [0] * workers, [False] * workers
        pending: deque[Any] = deque()
        try:
            while not all(done):
                while len(pending) < _AHEAD * workers:
                    pending.append(self.coordinator.schedule(function))
                index, rows_read, is_done = pending.popleft().fetch().tolist()
                rows[index], done[index] = rows_read, bool(is_done)
                yield sum(rows)
        except GeneratorExit:
            self.coordinator.join()
            raise
        except tf.errors.OpError as error:
            raise cause_first(error) from error
        self.coordinator.join()


class _NoRecovery:
    """In place of TensorFlow's way with a lost worker, which is to wait for it and to repeat its steps.

    Rows that a lost worker had read would be lost with it: with rows, a lost worker is a failure of the job.
    """

    def wait_on_failure(self, **_: Any) -> AbstractContextManager[None]:
        return nullcontext()

    def stop(self) -> None:
        pass
