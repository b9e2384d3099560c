"""`CoordinatorContext`: what the entrypoint gets in a cluster with parameter servers."""

from __future__ import annotations

import json
import os
from collections import deque
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, NoReturn

import tensorflow as tf

from ml_framework.codec import Layout
from ml_framework.context.steps import check_batch_size
from ml_framework.errors import CheckpointError, EmitError, PlanError
from tf_integration import roles
from tf_integration.context import TFContext
from tf_integration.parameter_server import remote
from tf_integration.parameter_server.feed import Feed
from tf_integration.parameter_server.server import SERVERS, bound_beside, new_server, unconnected_peers
from tf_integration.parameter_server.slices import REPORT, slice_of
from tf_integration.parameter_server.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import ExitStack

    from ml_framework.context.peers import Peers
    from tf_integration.batch import Batch


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
    _workers: Workers

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

        At a barrier of Flink's a worker takes no further rows. When all have come to it, and the loop asks
        for more, everything under way is joined, also what user code has scheduled by itself, and the
        checkpoint is cut.

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
            CheckpointError: the checkpoint that this job goes on from does not fit.
        """
        if self._layout is None:
            raise PlanError("the workers have no input: declare input= in their add_role to take steps")
        if self._codec_name != "columns":
            raise PlanError(
                f"the workers' codec {self._codec_name!r} makes objects, which are no tensors: "
                "leave codec= out in their add_role"
            )
        check_batch_size(batch_size)
        with self.strategy.scope():
            graph = slice_of(step, self._layout, batch_size)
        if self._checkpoints is not None:
            self._checkpoints.begin()
        return self._workers.repeat(graph)

    def checkpointed(self, **objects: Any) -> bool:
        """`NodeContext.checkpointed`, by the coordinator, of variables on parameter servers, too.

        Each checkpoint holds what the steps with every row before it, on all workers, have made of the
        objects, and nothing of the rows behind it.
        """
        if self._checkpoints is None and self._layout is not None:
            raise PlanError(
                f"{self.role} was planned as a node that no checkpoint waits for: plan the cluster with "
                "TFClusterConfig, or its chief with TFRunner(…, answers_checkpoints=True)"
            )
        return super().checkpointed(**objects)

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
        if self.role == roles.WORKER:
            self._feed = Feed(self._launch, self._input, self._checkpoints, super().emit, self.counters)
            self._feed.register()
            self._feed.start()
            stack.callback(self._feed.stop)
        self.coordinator = tf.distribute.coordinator.ClusterCoordinator(self.strategy)
        self._workers = Workers(self.coordinator, len(self.addresses[roles.WORKER]), self._save)
        with remote.on_worker(0):
            described = remote.call(remote.DESCRIBE, returns=tf.TensorSpec((), tf.string)).numpy()
        self._learn(json.loads(described))

    def _learn(self, worker: Mapping[str, Any]) -> None:
        """Take note of what a worker has said about its role."""
        self._codec_name = worker["codec"]
        self._has_output = worker["output"] is not None
        if worker["input"] is not None:
            self._layout = Layout.from_json(worker["input"])
            self.schema = self._layout.schema
            self._take_over()
        if self._layout is not None or self._has_output:
            for lane in self.coordinator._cluster.workers:
                lane.failure_handler = _NoRecovery()

    def _take_over(self) -> None:
        """Have what a checkpoint has given to others of this node's state.

        Flink gives the pieces of a state to other nodes than before where there are more of them, or fewer.
        """
        for index in range(0 if self._feed is None else 1, len(self.addresses[roles.WORKER])):
            with remote.on_worker(index):
                state = remote.call(remote.HAND_OVER, returns=tf.TensorSpec((), tf.string)).numpy()
            if state and self._checkpoints is None:
                raise CheckpointError(
                    f"the checkpoint holds a state that {self.role} cannot take over: plan it with "
                    "answers_checkpoints=True, as TFClusterConfig does"
                )
            if state and self._checkpoints is not None:
                self._checkpoints.take(bytearray(state))

    def _save(self, barrier: int) -> None:
        """Cut this node's part of a checkpoint, where every worker stands at its barrier."""
        if self._feed is not None:
            self._feed.release(barrier, cuts=True)
        elif self._input is not None and self._checkpoints is not None:
            self._input.stand_at(barrier)
            self._checkpoints.cut()

    def _new_strategy(self) -> Any:
        cluster = {role: list(self.addresses[role]) for role in SERVERS}
        if self.role == roles.WORKER:
            self._server = new_server(self._launch)
            self._port, address = bound_beside(self._launch)
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

    def _meet_peers(self) -> Peers:
        return unconnected_peers(self._launch)

    def _finish(self) -> None:
        if self._feed is not None:
            self._feed.stop()
        super()._finish()  # the last state is saved while the whole cluster is there
        if not self.stopping.is_asked():
            self._release_workers()

    def _release_workers(self) -> None:
        """Tell every worker that training is over; one that is being restarted hears of it, too."""

        @tf.function  # type: ignore[untyped-decorator] # tensorflow has no types
        def retire() -> Any:
            return remote.call(remote.RETIRE, returns=REPORT)

        deque(self._workers.repeat(retire), maxlen=0)
        for index in range(len(self.addresses[roles.WORKER])):
            with suppress(tf.errors.OpError), remote.on_worker(index):  # it may go before it has answered
                remote.call(remote.LEAVE)


class _NoRecovery:
    """In place of TensorFlow's way with a lost worker, which is to wait for it and to repeat its steps.

    Rows that a lost worker had read would be lost with it: with rows, a lost worker is a failure of the job.
    """

    def wait_on_failure(self, **_: Any) -> AbstractContextManager[None]:
        return nullcontext()

    def stop(self) -> None:
        pass
