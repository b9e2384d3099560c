"""`NodeContext`: what user code gets."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from ml_framework.byte_queue import Consumer, Doorbell, FrameKind, MappedQueue, Producer
from ml_framework.checkpoint import PLAIN, Framework
from ml_framework.codec import Layout, RecordBatch, Schema, find
from ml_framework.context.agreement import Agreement
from ml_framework.context.atomic import write_atomically
from ml_framework.context.batch import Batch
from ml_framework.context.board import Board
from ml_framework.context.checkpoints import Checkpoints
from ml_framework.context.counters import Counters, Phase
from ml_framework.context.input import NO_TIMESTAMP, Input
from ml_framework.context.metrics import Metrics
from ml_framework.context.output import Output
from ml_framework.context.peers import Peers
from ml_framework.context.steps import check_batch_size, steps
from ml_framework.errors import EmitError, PlanError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from ml_framework.context.control import ControlSocket
    from ml_framework.context.launch import Launch


_LOOK_S = 0.2
"""Between two looks at whether this process is asked to end, where nothing comes."""


class NodeContext:
    """What the entrypoint of a role gets, in the user's process.

    A subclass adds a framework: its process group, its tensors. As a context manager it opens and closes
    the queues; the bootstrap does that around the entrypoint.

    Args:
        launch: what the agent said about this attempt.
        control: the conversation with the agent.

    Attributes:
        job_name: name of the job.
        role: name of this node's role.
        index: 0-based, within the role.
        rank: 0-based, among the nodes that train together.
        world_size: how many train together.
        local_world_size: how many of them run on this host.
        attempt: how often this node was started before.
        params: what the job passed to the runner.
        device: where to compute: ``gpu`` where the node has one to itself (`Resources(gpu=1)`), else ``cpu``,
            or what the framework has for that.
        schema: the input's columns, names and types, in order; empty without input.
        addresses: role to ``host:port`` of each of its nodes, in order of index.
        bind_host: where this node listens, for a server of its own: a name or an address, without brackets.
        log_dir: folder for this attempt's logs.
        stopping: a `threading.Event`, set when this process is asked to end in good order.
        metrics: takes numbers, ``ctx.metrics.log(loss=loss)``.
        counters: what the agent measures this process by; kept by this class.
    """

    _framework: Framework = PLAIN
    """How the state of this context's framework is saved."""

    def __init__(self, launch: Launch, control: ControlSocket) -> None:
        self.job_name = launch.job_name
        self.role = launch.role
        self.index = launch.index
        self.rank = launch.rank
        self.world_size = launch.world_size
        self.local_world_size = launch.local_world_size
        self.attempt = launch.attempt
        self.params: Mapping[str, Any] = launch.params
        self.device: Any = launch.device
        self.addresses: Mapping[str, list[str]] = launch.addresses
        self.bind_host = launch.bind_host
        self.log_dir = Path(launch.log_dir)
        self.stopping = control.stopping
        self._board = None if launch.board is None else Board(Path(launch.board))
        self.metrics = Metrics(self._report)
        self.schema = Schema(())
        self._launch = launch
        self._control = control
        self._codec = find(launch.codec)
        self.counters = _counters(launch.descriptors.counters)
        self._producer: Producer | None = None
        self._input: Input | None = None
        self._output: Output | None = None
        self._agreement: Agreement | None = None
        self._checkpoints: Checkpoints | None = None
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._open(stack)
            self._resources = stack.pop_all()
        self.counters.enter(Phase.USER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.counters.enter(Phase.OTHER)
        succeeded = error is None or (isinstance(error, SystemExit) and error.code in (None, 0))
        with self._resources:
            self.metrics.close()
            if self._board is not None:
                self._board.close()
            if succeeded:
                self._finish()

    @property
    def returned(self) -> bool:
        """Whether the entrypoint had, in this job, before the checkpoint that it goes on from.

        It is then not called again: what it did after its last batch is part of that checkpoint.
        """
        return self._checkpoints is not None and self._checkpoints.returned

    def batches(self, batch_size: int | None = None) -> Iterable[Any]:
        """The input of this node, once.

        Asking for the next batch says that the one before is done with: a checkpoint may then be cut, and
        watermarks pass on behind what was emitted. A process that is asked to end leaves the loop by an
        exception, `Stopped`, so that nobody takes that for the end of the input. Leaving the loop early is
        allowed; a later call goes on where it was left. When the entrypoint returns before the input has
        ended, the rest of the input is discarded.

        Args:
            batch_size: rows of every batch but the last one; no delay, watermark or checkpoint shortens
                one. Rows that wait for their batch to fill are part of a checkpoint's state. None yields rows
                as they come, frame by frame, without copying.

        Yields:
            `Batch`, or with a codec other than ``columns`` what that makes of it (a list of objects), valid
            until the next one is asked for.

        Raises:
            PlanError: the role has no input.
            ValueError: `batch_size` is not positive.
            CheckpointError: the checkpoint that this job goes on from does not fit.
        """
        return self._batches(self._readable(batch_size), batch_size)

    def checkpointed(self, **objects: Any) -> bool:
        """Make the state of `objects` part of Flink's checkpoints, and take over what a checkpoint holds.

        ::

            restored = ctx.checkpointed(model=model, optimizer=optimizer, steps=(read_steps, set_steps))
            for batch in ctx.batches(batch_size=128):
                ...

        To be called once, before the first batch, on every rank alike. Each checkpoint then holds the state
        as it was between two batches, together with the position in the stream: after a failure, or from a
        savepoint, training goes on as if nothing had happened, with as many ranks as there are then. Rank 0
        saves the objects, which are the same on all ranks; each rank saves the states of the global random
        number generators, which are restored as long as the number of ranks is the same.

        Args:
            objects: by name: whatever has ``state_dict`` and ``load_state_dict``, what the framework adds, or
                a pair of functions: one returns the state (numbers, strings, arrays, tensors and containers
                of them), the other takes it over.

        Returns:
            Whether the states were restored: False in a job that begins anew.

        Raises:
            PlanError: the role has no input, and so no position in a stream.
            CheckpointError: an object is of another kind, or what the checkpoint holds does not fit.
        """
        return self._checkpointing().register(objects)

    def keep(self, save: Callable[[], Any]) -> list[Any]:
        """Make something of this node alone part of Flink's checkpoints.

        To be called once, before the first batch. Where the job goes on with as many nodes as before, each
        gets back what was its own; else whatever was there is shared out.

        Args:
            save: gives it, at each barrier: numbers, strings, arrays, and containers of them.

        Returns:
            What the checkpoint from which the job goes on holds of it for this node: nothing in a job that
            begins anew, and several where there were more nodes.

        Raises:
            PlanError: the role has no input, and so no position in a stream.
        """
        return self._checkpointing().keep(save)

    def emit(self, objects: Sequence[Any] | None = None, /, **columns: Any) -> None:
        """Send rows to Flink, any number of them, whenever user code likes.

        A row's event time is the largest of the batch last yielded.

        Args:
            objects: one object a row, for a role whose codec is not ``columns``.
            columns: values for every column of the role's output, all of one length; lists, arrays,
                tensors, and whatever a batch holds.

        Raises:
            EmitError: the role has no output, or the columns do not fit it; nothing was sent.
            CodecError: a value does not fit its column; nothing was sent.
        """
        output = self._writable()
        with self.counters.during(Phase.ENCODE):
            values = columns if objects is None else self._codec.encode(objects, output.layout.schema)
            output.emit(values, NO_TIMESTAMP if self._input is None else self._input.timestamp)

    def emit_rows(self, columns: Mapping[str, Any], timestamps: NDArray[np.int64] | None) -> None:
        """`emit`, with an event time for each row, such as that of the row that it answers.

        Args:
            columns: as for `emit`, by name.
            timestamps: ``(rows,)`` milliseconds, the int64 minimum for none; None where no row has one.

        Raises:
            EmitError: the role has no output, or the columns do not fit it; nothing was sent.
            CodecError: a value does not fit its column; nothing was sent.
        """
        output = self._writable()
        with self.counters.during(Phase.ENCODE):
            output.emit(columns, NO_TIMESTAMP if timestamps is None else timestamps)

    def check_emit(self, columns: Mapping[str, Any]) -> None:
        """Raise what `emit` would raise for these, which may be some of the output's columns; send nothing.

        Raises:
            EmitError: the role has no output, or the columns do not fit it.
            CodecError: a value does not fit its column.
        """
        self._writable().check(columns)

    def save_model(self, path: str | os.PathLike[str], model: bytes | Callable[[IO[bytes]], object]) -> Path:
        """Write a model to a file that appears whole or not at all; rank 0 writes, the others do nothing.

        Args:
            path: of the file; its folder is created, an existing file is replaced.
            model: the bytes, or a function that writes them to the file that it is given.

        Returns:
            `path`, on every rank.
        """
        target = Path(path)
        if self.rank == 0:
            write_atomically(target, model)
        return target

    def _open(self, stack: ExitStack) -> None:
        """Open what the descriptors of this attempt name, and meet the others; `stack` closes it."""
        self._open_queues(stack)
        self._join()
        if self._input is not None and self._producer is not None:
            peers = self._meet_peers()
            stack.callback(peers.close)
            self._agreement = Agreement(peers)
            alone = peers.size == 1
            self._patience_s = _LOOK_S if alone else self._launch.max_delay_s
            self._waiting = nullcontext() if alone else self.counters.during(Phase.WAIT)
            self._checkpoints = Checkpoints(
                self._input,
                self._producer,
                peers,
                self._launch,
                framework=self._framework,
                aborted=self._control.aborted,
                saving=self.counters.during(Phase.OTHER),
            )
            stack.callback(self._checkpoints.close)

    def _open_queues(self, stack: ExitStack) -> None:
        descriptors, launch = self._launch.descriptors, self._launch
        if descriptors.bell is None:
            return
        bell = Doorbell(socket.socket(fileno=descriptors.bell))
        stack.callback(bell.close)
        if descriptors.output is not None:
            blocked = self.counters.during(Phase.BLOCKED)
            self._producer = Producer(_mapped(descriptors.output), bell, blocked)
            if launch.output_layout is not None:
                layout = Layout.from_json(launch.output_layout)
                self._output = Output(self._producer, layout, self.counters)
        if descriptors.input is not None and launch.input_layout is not None:
            layout = Layout.from_json(launch.input_layout)
            waiting = self.counters.during(Phase.WAIT)
            consumer = Consumer(_mapped(descriptors.input), bell, waiting)
            self._input = Input(consumer, layout, self._reply, self.counters)
            self.schema = layout.schema

    def _join(self) -> None:
        """Become part of the framework's cluster."""

    def _meet_peers(self) -> Peers:
        """The ranks that take each step together with this one."""
        return Peers.alone()

    def _finish(self) -> None:
        """Answer what is still owed, and say that nothing more will come from here.

        Unless this process was asked to end: another one may go on with the same queues.
        """
        if self._input is not None:
            self._input.answer()
        if self.stopping.is_asked():
            return
        if self._checkpoints is not None:
            self._checkpoints.finish()
        if self._producer is not None:
            self._producer.send(FrameKind.END)
            self._producer.close()
        if self._input is not None:
            self._input.close()
        if self._agreement is not None:
            self._agreement.leave()  # when Flink has heard, which need not wait for the other ranks
        if self._checkpoints is not None:
            self._checkpoints.settle()

    def _writable(self) -> Output:
        if self._output is None:
            raise EmitError(f"{self.role} has no output: declare output= in add_role to emit rows")
        return self._output

    def _reply(self, kind: FrameKind, number: int) -> None:
        if self._producer is not None:
            self._producer.send_number(kind, number)

    def _report(self, numbers: Mapping[str, float]) -> None:
        """Tell what user code has logged; on a board by the number of batches so far."""
        self._control.send({"numbers": dict(numbers)})
        if self._board is not None:
            self._board.write(numbers, self.counters.batches)

    def _checkpointing(self) -> Checkpoints:
        if self._checkpoints is None:
            raise PlanError(
                f"{self.role} has no input, so no checkpoint of Flink's can say how far it has come: "
                "declare input= in add_role, or save and load the state yourself"
            )
        return self._checkpoints

    def _readable(self, batch_size: int | None) -> Input:
        if self._input is None:
            raise PlanError(f"{self.role} has no input: declare input= in add_role to read batches")
        check_batch_size(batch_size)
        return self._input

    def _batches(self, source: Input, batch_size: int | None) -> Iterator[Any]:
        """Each step's rows as user code gets them."""
        return self._steps(source, batch_size, self._batch)

    def _steps(
        self, source: Input, batch_size: int | None, converted: Callable[[RecordBatch, int], Any]
    ) -> Iterator[Any]:
        """What `converted` makes of the rows of each step and their number over all ranks."""
        assert self._agreement is not None
        assert self._checkpoints is not None
        self._checkpoints.begin()
        counters = self.counters
        counters.enter(Phase.DECODE)
        try:
            for records, global_rows in steps(
                source,
                self._agreement,
                self._checkpoints,
                batch_size,
                patience_s=self._patience_s,
                waiting=self._waiting,
                over=self.stopping.is_asked,
            ):
                batch = converted(records, global_rows)
                counters.begin_step(records.rows)
                try:
                    yield batch
                finally:
                    del batch
                    counters.end_step()
        finally:
            counters.enter(Phase.USER)
        self._end_if_asked()

    def _end_if_asked(self) -> None:
        """Called where a loop over batches ends, lest user code take that for the end of the input."""
        if self.stopping.is_asked() and threading.current_thread() is threading.main_thread():
            self.stopping.unwind()

    def _batch(self, records: RecordBatch, global_rows: int) -> Any:
        """`records` as user code gets them."""
        decoded = self._codec.decode(records)
        return self._columns(decoded, global_rows) if isinstance(decoded, RecordBatch) else decoded

    def _columns(self, records: RecordBatch, global_rows: int) -> Batch:
        """`records` in the types of the framework."""
        return Batch(records, global_rows)


def _mapped(descriptor: int) -> MappedQueue:
    """The queue under an inherited descriptor, which the mapping makes superfluous."""
    try:
        return MappedQueue.open(descriptor)
    finally:
        os.close(descriptor)


def _counters(descriptor: int | None) -> Counters:
    """The same of counters."""
    try:
        return Counters(descriptor)
    finally:
        if descriptor is not None:
            os.close(descriptor)
