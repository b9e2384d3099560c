"""`Workers`: has all workers do something, again and again, and brings them together at checkpoints.

Workers come to a barrier each in its own time, and then take no step. When all stand at one, everything under
way is joined: each row before it, on whichever worker, has been in a step, and no row behind it has. That is
when the coordinator's state is saved; then all answer. A worker at a smaller barrier than another will never
meet the others there, for barriers come in order: that checkpoint was given up.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import tensorflow as tf

from ml_framework.context.agreement import NO_BARRIER
from tf_integration.parameter_server import remote
from tf_integration.parameter_server.cause import cause_first

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_AHEAD = 2
"""Slices a worker has before it; what training goes on with while the coordinator does something else."""


class _Report(NamedTuple):
    """What `slices.REPORT` describes."""

    worker: int
    rows: int = 0
    done: int = False
    barrier: int = NO_BARRIER


class Workers:
    """The workers, as the coordinator sees them.

    Args:
        coordinator: schedules functions on them.
        count: how many there are.
        save: saves the coordinator's state for the checkpoint with this id.
    """

    def __init__(self, coordinator: Any, count: int, save: Callable[[int], object]) -> None:
        self._coordinator = coordinator
        self._count = count
        self._save = save
        self._pending: deque[Any] = deque()
        self._reports: list[_Report] = []

    def repeat(self, function: Any) -> Iterator[int]:
        """Schedule `function`, which returns a `REPORT`, until every worker has reported that it is done.

        Yields:
            rows that all workers have read.

        Raises:
            tf.errors.OpError: it failed on a worker.
            CheckpointError: the state of the coordinator cannot be saved.
        """
        self._pending.clear()
        self._reports = [_Report(index) for index in range(self._count)]
        try:
            while not all(report.done for report in self._reports):
                while len(self._pending) < _AHEAD * self._count:
                    self._pending.append(self._coordinator.schedule(function))
                self._hear()
                self._meet()
                yield sum(report.rows for report in self._reports)
        except GeneratorExit:
            self._coordinator.join()
            raise
        except tf.errors.OpError as error:
            raise cause_first(error) from error
        self._coordinator.join()

    def _hear(self) -> None:
        report = _Report(*self._pending.popleft().fetch().tolist())
        self._reports[report.worker] = report

    def _meet(self) -> None:
        """Let those go on who need not stand at their barrier any longer."""
        barriers = [report.barrier for report in self._reports]
        highest = max(barriers)
        if min(barriers) == highest != NO_BARRIER:
            self._coordinator.join()
            while self._pending:
                self._hear()  # lest a word from before the barrier be taken for one from behind it
            self._save(highest)
            self._release(dict.fromkeys(range(self._count), highest), cuts=True)
        else:
            late = {
                index: barrier for index, barrier in enumerate(barriers) if NO_BARRIER < barrier < highest
            }
            self._release(late, cuts=False)

    def _release(self, barriers: Mapping[int, int], *, cuts: bool) -> None:
        """Have workers answer the barriers at which they stand, all at a time."""
        answers = []
        for index, barrier in barriers.items():
            with remote.on_worker(index):
                answers.append(
                    remote.call(
                        remote.RELEASE,
                        tf.constant(barrier, tf.int64),
                        tf.constant(cuts),
                        returns=tf.TensorSpec((), tf.int64),
                    )
                )
            self._reports[index] = self._reports[index]._replace(barrier=NO_BARRIER)
        for answer in answers:
            answer.numpy()  # it is done
