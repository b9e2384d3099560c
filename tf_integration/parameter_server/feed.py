"""`Feed`: the queues of a worker's process, behind the functions that graphs call in it."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ml_framework.codec import empty
from ml_framework.context.agreement import NO_BARRIER
from ml_framework.context.counters import Phase
from ml_framework.errors import EmitError
from tf_integration import tensors
from tf_integration.parameter_server import remote

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ml_framework.codec import RecordBatch
    from ml_framework.context.checkpoints import Checkpoints
    from ml_framework.context.counters import Counters
    from ml_framework.context.input import Input
    from ml_framework.context.launch import Launch

SLICE_S = 0.2
"""How long a slice goes on: what a coordinator that would do something else has to wait for."""
_LOOK_S = 0.2
"""Between two looks at whether this worker has retired, where nothing comes."""
_LOOK_SOON_S = 0.02
"""Between two looks for what nothing tells of: checkpoints after the end of the rows, and aborted ones."""
_FAREWELL_S = 60.0
"""How long a retired worker waits for the coordinator to have heard of all of them.

Long, for another worker may just be starting anew: TensorFlow cannot take it back in while one is missing.
"""


class Feed:
    """What a worker's process does for the graphs that run in it, one at a time.

    The thread in `run` reads the input. It asks for the next batch as soon as the one before has been dealt
    with, whether or not a slice is there to take it, so that watermarks pass on at any time. At a barrier it
    stands still, and slices end at once, until the coordinator tells what the answer is.

    Args:
        launch: of the worker's process.
        source: its input, None without.
        checkpoints: answers the barriers, None without input.
        emit: sends rows to Flink, as numpy arrays by column, of bytes where they are text.
        counters: of the process.
    """

    def __init__(
        self,
        launch: Launch,
        source: Input | None,
        checkpoints: Checkpoints | None,
        emit: Callable[..., None],
        counters: Counters,
    ) -> None:
        self._launch = launch
        self._source = source
        self._checkpoints = checkpoints
        self._emit = emit
        self._counters = counters
        self._changed = threading.Condition()
        self._batch_size: int | None = None
        self._wanted = False
        """Everything handed out has been dealt with, and the next batch is not there yet."""
        self._batch: RecordBatch | None = None
        """The next batch, not handed out yet."""
        self._barrier = NO_BARRIER
        """Where the input stands, everything before it dealt with, until somebody answers."""
        self._until = 0.0
        self._rows = 0
        self._failed = False
        self._retired = threading.Event()
        self._left = threading.Event()

    def register(self) -> None:
        """Let graphs call this feed."""
        for token, function in (
            (remote.READ, self._read),
            (remote.EMIT, self._take_output),
            (remote.REPORT, self._report),
            (remote.DESCRIBE, self._describe),
            (remote.HAND_OVER, self._hand_over),
            (remote.RELEASE, self._release),
            (remote.RETIRE, self._retire),
            (remote.LEAVE, self._left.set),
        ):
            remote.register(token, function)

    def run(self) -> None:
        """Read the input until this worker has retired and the coordinator knows.

        Raises:
            PeerLost: the task at the other end has gone.
        """
        try:
            while not self._retired.is_set():
                if self._source is None:
                    self._retired.wait()
                else:
                    self._look_for_rows(self._source)
        except BaseException:
            with self._changed:
                self._failed = True
                self._changed.notify_all()
            raise
        self._left.wait(_FAREWELL_S)

    def start(self) -> None:
        """`run` in a thread of its own, until `stop`."""
        self._thread = threading.Thread(target=self.run, name="mlflink-feed", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End what `start` has started; stopping twice is allowed."""
        self._left.set()
        self._retire()
        self._thread.join()

    def release(self, barrier: int, *, cuts: bool) -> int:
        """Answer this barrier, if it is where the input stands, and go on behind it.

        Args:
            barrier: id of the checkpoint.
            cuts: whether it is cut here, or else given up.

        Returns:
            where the input stands then.
        """
        with self._changed:
            if self._checkpoints is not None and self._barrier == barrier != NO_BARRIER:
                (self._checkpoints.cut if cuts else self._checkpoints.give_up)()
                self._barrier = NO_BARRIER
                self._changed.notify_all()
            return self._barrier

    def _look_for_rows(self, source: Input) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._wanted, _LOOK_S):
                return
            batch_size = self._batch_size
        batch = source.poll(batch_size, _LOOK_S)
        if batch is not None:
            with self._changed:
                self._batch, self._wanted = batch, False
                self._changed.notify_all()
        elif source.barrier:
            self._stand_at(source.barrier)
        elif source.ended:  # there is nothing to wait for but checkpoints
            self._retired.wait(_LOOK_SOON_S)

    def _stand_at(self, barrier: int) -> None:
        """Wait for the answer to a barrier; of a checkpoint that Flink has given up the answer is known."""
        assert self._checkpoints is not None
        with self._changed:
            self._barrier = barrier
            self._changed.notify_all()
            while self._barrier and not self._retired.is_set():
                if self._checkpoints.aborted(barrier):
                    self.release(barrier, cuts=False)
                else:
                    self._changed.wait(_LOOK_SOON_S)

    # What graphs call

    def _read(self, batch_size: NDArray[np.int64], begins: NDArray[np.bool_]) -> list[Any]:
        """The components of the next batch; zero rows where the slice is over, or at a barrier."""
        assert self._source is not None
        self._counters.enter(Phase.WAIT)
        with self._changed:
            if begins:
                self._until = time.monotonic() + SLICE_S
            self._batch_size = int(batch_size) or None
            if self._batch is None:
                self._wanted = True
                self._changed.notify_all()
            left_s = max(0.0, self._until - time.monotonic())
            self._changed.wait_for(self._interrupted, left_s)
            batch, self._batch = self._batch, None
        if batch is None:
            return _components(empty(self._source.layout))
        with self._counters.during(Phase.DECODE):
            components = _components(batch.copy())  # TensorFlow would use the queue's memory as it is
        self._rows += batch.rows
        self._counters.count_batch(batch.rows)
        self._counters.enter(Phase.USER)
        return components

    def _interrupted(self) -> bool:
        if self._batch is not None or self._barrier:
            return True
        return self._failed or self._retired.is_set()

    def _take_output(self, names: NDArray[Any], *columns: NDArray[Any]) -> list[Any]:
        with self._changed:
            if self._source is not None and self._wanted:
                raise EmitError("rows can be emitted in a step of ctx.steps() only")
        values = {name.decode(): column for name, column in zip(names, columns, strict=True)}
        self._emit(**values)
        return []

    def _report(self) -> NDArray[np.int64]:
        with self._changed:
            ended = self._source is None or (self._source.ended and self._batch is None)
            return np.array([self._launch.index, self._rows, ended, self._barrier])

    def _describe(self) -> bytes:
        launch = self._launch
        return json.dumps(
            {"input": launch.input_layout, "output": launch.output_layout, "codec": launch.codec}
        ).encode()

    def _hand_over(self) -> bytes:
        """What a checkpoint has given this worker of the coordinator's state; nothing, as a rule."""
        state = None if self._checkpoints is None else self._checkpoints.hand_over()
        return b"" if state is None else bytes(state)

    def _release(self, barrier: NDArray[np.int64], cuts: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.array(self.release(int(barrier), cuts=bool(cuts)))

    def _retire(self) -> NDArray[np.int64]:
        """Take no further rows; whoever says so again waits, so that the others hear of it."""
        if self._retired.is_set():
            self._left.wait(_LOOK_S)
        self._retired.set()
        with self._changed:
            self._changed.notify_all()
        return np.array([self._launch.index, self._rows, True, NO_BARRIER])


def _components(records: RecordBatch) -> list[Any]:
    return [np.asarray(value) for value in tf.nest.flatten(tensors.values(records), expand_composites=True)]
