"""`TFContext`: the node's context for TensorFlow."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    import tensorflow as tf
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"{sys.executable} has no TensorFlow: install ml-on-flink[tensorflow] there", name=error.name
    ) from error

from ml_framework.context import NodeContext
from ml_framework.context.atomic import write_whole
from ml_framework.context.peers import Peers
from ml_framework.errors import PlanError
from ml_framework.host import split_address
from tf_integration import roles, tensors
from tf_integration.batch import Batch
from tf_integration.dataset import StepDataset
from tf_integration.export import is_model, write_model, write_nowhere
from tf_integration.log import say, tamed
from tf_integration.state import TENSORFLOW
from tf_integration.strategy import WorkersStrategy

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence

    from ml_framework.codec import RecordBatch


class TFContext(NodeContext):
    """What an entrypoint gets under a `TFRunner`, in a cluster without parameter servers.

    Attributes:
        strategy: `tf.distribute.MultiWorkerMirroredStrategy` where several nodes train together, else the
            default strategy, whose scope changes nothing.
        device: where to compute: ``/device:GPU:0`` where the node has a GPU to itself, else
            ``/device:CPU:0``.
    """

    strategy: Any
    _framework = TENSORFLOW

    def batches(self, batch_size: int | None = None) -> Iterable[Any]:
        """The input of this node as tensors, once, in steps that all workers take together.

        Workers may have different numbers of rows. A worker that has none while another has some (its input
        has ended, or nothing came within the role's ``max_delay``) gets a batch of zero rows, with the dtypes
        and shapes of any other, so that it takes part in the step's collectives. Iteration ends at the same
        step on every worker: when all inputs have ended, or when the entrypoint of one worker has returned. A
        loop over `batches` must therefore run on every worker, or on none.

        Beyond that it is `NodeContext.batches`. The number of rows differs from batch to batch: give a
        `tf.function` that takes one ``reduce_retracing=True``, lest it be traced for each number.

        Args:
            batch_size: rows of every batch but the last one and those of zero rows; None yields rows as
                they come.

        Returns:
            An iterable of `tf_integration.batch.Batch`; with a codec other than ``columns``, of lists of
            Python objects.

        Raises:
            PlanError: the role has no input.
            ValueError: `batch_size` is not positive.
        """
        return super().batches(batch_size)

    def dataset(
        self, batch_size: int | None = None, transform: Callable[[Batch], Any] | None = None
    ) -> StepDataset:
        """What `batches` yields, as a dataset: for `keras.Model.fit`, or for the steps of a `tf.function`.

        ::

            rows = ctx.dataset(128, lambda batch: (batch["features"], batch["label"], batch.weights))
            model.fit(rows)

        There is one epoch, the stream, and ``steps_per_execution`` stays 1. A worker without rows takes part
        with a batch of zero rows, which is harmless to all that treats rows one by one; a layer that looks at
        the batch as a whole has to look at that of all workers, as ``BatchNormalization(synchronized=True)``.

        Args:
            batch_size: as for `batches`.
            transform: makes of each batch what the dataset yields; traced once.

        Raises:
            PlanError: the role has no input, or a codec of its own.
            ValueError: `batch_size` is not positive.
        """
        source = self._readable(batch_size)
        if self._launch.codec != "columns":
            raise PlanError(
                f"{self.role} has codec {self._launch.codec!r}, whose objects are no tensors: "
                "leave codec= out in add_role, or read ctx.batches()"
            )
        world_size = self.world_size
        signature = (tensors.specs(source.layout), tf.TensorSpec((), tf.int64))

        def transformed(columns: Any, global_rows: Any) -> Any:
            batch = Batch(columns, global_rows, world_size)
            return batch if transform is None else transform(batch)

        steps = self._steps(source, batch_size, lambda records, rows: (tensors.values(records), rows))
        return StepDataset(steps, signature, transformed, self._end_if_asked)

    def emit(self, objects: Sequence[Any] | None = None, /, **columns: Any) -> None:
        """`NodeContext.emit`, of tensors as `tf_integration.tensors` describes them, too."""
        if self._output is not None:
            columns = tensors.emittable(columns, self._output.layout.schema)
        super().emit(objects, **columns)

    def save_model(self, path: str | os.PathLike[str], model: Any) -> Path:
        """`NodeContext.save_model`, which takes Keras models and TensorFlow modules too.

        The name says in which form: ``model.keras`` and ``model.weights.h5`` are files of Keras, anything
        else is the folder of a SavedModel. A folder that is there already is replaced.

        Workers that train together must all call it: variables may have to be read from all of them. Rank 0
        writes.
        """
        if not is_model(model):
            return super().save_model(path, model)
        target = Path(path)
        write = partial(write_model, model)
        if self.rank == 0:
            write_whole(target, write)
        elif self._agrees():
            write_nowhere(target.name, write)
        return target

    def _join(self) -> None:
        with tamed():
            self.strategy = self._new_strategy()
        self.device = self._device()
        say(f"{self.role}[{self.index}], rank {self.rank} of {self.world_size}")

    def _device(self) -> str:
        if self._launch.device == "gpu" and not tf.config.list_physical_devices("GPU"):
            raise RuntimeError(
                f"{self.role} has a GPU for each node, and TensorFlow {tf.__version__} sees none here: "
                "install a build of it for CUDA and the driver, or leave gpu= out of Resources"
            )
        return f"/device:{self._launch.device.upper()}:0"

    def _new_strategy(self) -> Any:
        if self._agrees():
            return WorkersStrategy()
        return tf.distribute.get_strategy()

    def _meet_peers(self) -> Peers:
        if not self._agrees():
            return super()._meet_peers()
        addresses = [*self.addresses.get(roles.CHIEF, ()), *self.addresses[roles.WORKER]]
        hosts = [split_address(address)[0] for address in addresses]
        return Peers.meet(self.rank, hosts, self._tell, bind_host=self.bind_host)

    def _tell(self, numbers: tuple[int, int]) -> tuple[int, int]:
        """Hand the numbers of rank 0 to every worker, by the strategy's own means; others give zeros."""

        def in_replica() -> Any:
            mine = tf.constant(numbers, tf.int64)
            return tf.distribute.get_replica_context().all_reduce("SUM", mine)

        first, second = tf.function(lambda: self.strategy.run(in_replica))().numpy().tolist()
        return first, second

    def _agrees(self) -> bool:
        """Whether this node takes each step together with others."""
        return self.world_size > 1 and self.role != roles.EVALUATOR

    def _columns(self, records: RecordBatch, global_rows: int) -> Any:
        return Batch(tensors.values(records), tf.constant(global_rows, tf.int64), self.world_size)
