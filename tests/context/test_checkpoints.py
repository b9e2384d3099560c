"""The state of a node at a barrier: what is saved there, and what another process makes of it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml_framework.byte_queue import FrameKind
from ml_framework.codec import Schema, plan_layout
from ml_framework.context import NodeContext
from ml_framework.context.peers import Peers, Sums, Topic
from ml_framework.errors import CheckpointError, PlanError

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

CHECKPOINT, ABORT, CUT, END, STATE = (
    FrameKind.CHECKPOINT,
    FrameKind.ABORT,
    FrameKind.CUT,
    FrameKind.END,
    FrameKind.STATE,
)


class Counter:
    """Adds up ids, as an object with a state."""

    def __init__(self) -> None:
        self.total = np.zeros(1, np.int64)
        self.batches: list[list[int]] = []

    def count(self, batch: Any) -> None:
        self.total += batch["id"].sum()
        self.batches.append(batch["id"].tolist())

    def state_dict(self) -> dict[str, Any]:
        return {"total": self.total}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.total[:] = state["total"]


class Agreeing(Peers):
    """The others say what this rank says."""

    def combine(self, topic: Topic, numbers: Sums) -> Sums:
        return numbers


def saved_at_barrier(task: Any, number: int = 1) -> list[bytes]:
    """The parts of the state before the CUT of this checkpoint, which comes next."""
    (state, parts), cut = task.transcript()
    assert (state, cut) == (STATE, (CUT, number))
    return list(parts)


def restored(make_task: Make, parts: list[bytes], **launch: Any) -> Any:
    """The task of a process that goes on from a checkpoint."""
    task = make_task(restored=len(parts), **launch)
    for part in parts:
        task.state(part)
    return task


def test_a_process_goes_on_where_another_was_at_the_barrier(make_task: Make) -> None:
    """Model and carried rows are those of the barrier, whatever came after it; batches are as ever."""
    first, second = Counter(), Counter()
    task = make_task()
    task.rows(7)
    task.control_frame(CHECKPOINT, 1)
    with task.running() as ctx:
        assert ctx.checkpointed(counter=first) is False
        batches = iter(ctx.batches(3))
        first.count(next(batches))
        first.count(next(batches))
        task.rows(2)
        first.count(next(batches))
        parts = saved_at_barrier(task)
    task = restored(make_task, parts)
    task._rows = 7
    task.rows(5)
    task.end()
    with task.running() as ctx:
        assert ctx.returned is False
        assert ctx.checkpointed(counter=second) is True
        assert second.total.tolist() == [15]
        for batch in ctx.batches(3):
            second.count(batch)
            assert batch["name"].tolist() == [
                None if i % 3 == 0 else f"näme {i}" for i in batch["id"].tolist()
            ]
    assert second.batches == [[6, 7, 8], [9, 10, 11]]
    assert second.total.tolist() == [66]


def test_random_numbers_go_on_as_at_the_barrier(make_task: Make) -> None:
    """Whatever user code draws before its first batch; not where the number of ranks is another."""
    task = make_task()
    task.rows(1)
    task.control_frame(CHECKPOINT, 1)
    task.rows(1)
    with task.running() as ctx:
        ctx.checkpointed(counter=Counter())
        batches = iter(ctx.batches())
        next(batches)
        np.random.seed(5)
        random.seed(5)
        next(batches)
        drawn = random.random(), np.random.random()
        parts = saved_at_barrier(task)
    task = restored(make_task, parts)
    task.rows(1)
    with task.running() as ctx:
        ctx.checkpointed(counter=Counter())
        random.random()
        next(iter(ctx.batches()))
        assert (random.random(), np.random.random()) == drawn


def test_a_pair_of_functions_has_a_state(make_task: Make) -> None:
    """One gives it, the other takes it."""
    taken: list[Any] = []
    task = make_task()
    task.control_frame(CHECKPOINT, 3)
    task.rows(1)
    with task.running() as ctx:
        ctx.checkpointed(steps=(lambda: {"n": 3, "best": (0.5, None)}, taken.append))
        next(iter(ctx.batches()))
        parts = saved_at_barrier(task, 3)
    with restored(make_task, parts).running() as ctx:
        ctx.checkpointed(steps=(dict, taken.append))
    assert taken == [{"n": 3, "best": (0.5, None)}]


def test_the_last_state_comes_before_the_end(make_task: Make) -> None:
    """It holds what the function has left, and answers the checkpoints that follow."""
    task = make_task()
    task.rows(3)
    task.end()
    counter = Counter()
    with task.running() as ctx:
        ctx.checkpointed(counter=counter)
        for batch in ctx.batches():
            counter.count(batch)
        counter.total += 100
    (state, parts), end = task.last
    assert (state, end) == (STATE, (END, None))
    with restored(make_task, parts, job_id="another").running() as ctx:
        assert ctx.returned is False
        ctx.checkpointed(counter=(again := Counter()))
        assert again.total.tolist() == [103]


@pytest.mark.parametrize("objects", [{}, {"counter": Counter()}])
def test_in_the_same_job_the_last_state_stays_the_last(make_task: Make, objects: dict[str, Any]) -> None:
    """Nobody takes it over, rows that still come are discarded, and every later checkpoint has it again."""
    task = make_task()
    with task.running() as ctx:
        if objects:
            ctx.checkpointed(**objects)
    last = task.last
    for _ in range(2):
        task = restored(make_task, last[0][1])
        task.rows(3)
        with task.running() as ctx:
            assert ctx.returned is True
        assert task.last == last
    assert [kind for kind, _ in last] == [STATE, END]


def test_only_rank_0_saves_what_is_the_same_everywhere(
    make_task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any other saves what is its own."""
    counts = []
    for rank in (0, 1):
        task = make_task(rank=rank, world_size=2)
        task.control_frame(CHECKPOINT, 1)
        task.rows(1)
        monkeypatch.setattr(NodeContext, "_meet_peers", lambda _, rank=rank: Agreeing(rank, 2, {}))
        with task.running() as ctx:
            ctx.checkpointed(counter=Counter())
            next(iter(ctx.batches()))
            counts.append(len(saved_at_barrier(task)))
    assert counts == [2, 1]


def test_nodes_that_train_by_themselves_keep_their_number(make_task: Make) -> None:
    """Each has a state of its own, which no other could go on with."""
    parts = parts_of(make_task, model=Counter())
    with pytest.raises(CheckpointError, match=r"was 1 and is 2: .* with parallelism 1"):
        restored(make_task, parts, world_size=2).context().__enter__()


def test_a_memory_is_used_again_once_it_was_read(make_task: Make) -> None:
    """Every checkpoint finds the memory of the first one."""
    task = make_task()
    memories = set()
    with task.running() as ctx:
        ctx.checkpointed(counter=Counter())
        batches = iter(ctx.batches())
        for number in range(1, 6):
            task.control_frame(CHECKPOINT, number)
            task.rows(1)
            next(batches)
            saved_at_barrier(task, number)
            memories.add(len(ctx._checkpoints._memories._memories))
    assert memories == {1}


def test_without_objects_and_carried_rows_a_barrier_has_no_state(task: Any) -> None:
    """There is a CUT alone."""
    task.rows(4)
    task.control_frame(CHECKPOINT, 1)
    task.end()
    with task.running() as ctx:
        assert sum(batch.rows for batch in ctx.batches(2)) == 4
    cut, (state, _), end = task.last
    assert [cut, state, end] == [(CUT, 1), STATE, (END, None)]


def test_each_node_keeps_what_is_its_own(make_task: Make) -> None:
    """As it was at the barrier; of several nodes, whoever gets it has all of it."""
    task = make_task()
    task.control_frame(CHECKPOINT, 1)
    task.rows(2)
    numbers = [7]
    with task.running() as ctx:
        assert ctx.keep(lambda: numbers[0]) == []
        next(iter(ctx.batches()))
        numbers[0] = 8
        parts = saved_at_barrier(task)
    for pieces in ([], parts, parts * 2):
        with restored(make_task, pieces).running() as ctx:
            assert ctx.keep(lambda: 0) == [7] * len(pieces)


# -------------------------------------------------------------------------------- refusals


def parts_of(make_task: Make, **objects: Any) -> list[bytes]:
    """What a checkpoint holds of these objects."""
    task = make_task()
    task.rows(3)
    task.control_frame(CHECKPOINT, 1)
    task.rows(4)
    with task.running() as ctx:
        ctx.checkpointed(**objects)
        next(iter(ctx.batches(4)))
        return saved_at_barrier(task)


def test_names_must_be_those_of_the_checkpoint(make_task: Make) -> None:
    """Both are told."""
    parts = parts_of(make_task, model=Counter(), optimizer=Counter())
    with (
        restored(make_task, parts).running() as ctx,
        pytest.raises(
            CheckpointError,
            match=r"state of model, optimizer, and .* called with model, schedule: register",
        ),
    ):
        ctx.checkpointed(model=Counter(), schedule=Counter())


def test_a_state_that_nobody_takes_over_is_told(make_task: Make) -> None:
    """Before the first batch: else a new model would be trained on the rest of the stream."""
    task = restored(make_task, parts_of(make_task, model=Counter()))
    task.rows(1)
    refusal = pytest.raises(CheckpointError, match=r"state of model, which nobody has taken over")
    with refusal, task.running() as ctx:
        next(iter(ctx.batches()))


def test_rows_of_other_columns_are_told(make_task: Make) -> None:
    """With both schemas."""
    other = plan_layout(Schema.parse([("id", "BIGINT NOT NULL")]), timestamps=True, max_rows=64)
    task = restored(make_task, parts_of(make_task, model=Counter()), source=other)
    with pytest.raises(
        CheckpointError, match=r"rows of the columns id BIGINT.*, name VARCHAR.*, and the input has id"
    ):
        task.context().__enter__()


def test_it_is_called_once_and_before_the_first_batch(task: Any) -> None:
    """What is registered later would have no place in the first checkpoint."""
    with task.running() as ctx:
        ctx.checkpointed(model=Counter())
        with pytest.raises(CheckpointError, match="once, with every object, before the first batch"):
            ctx.checkpointed(optimizer=Counter())


def test_without_input_there_is_no_checkpoint(make_task: Make) -> None:
    """The remedy is told."""
    with (
        make_task(source=None).running() as ctx,
        pytest.raises(PlanError, match=r"worker has no input.*declare input="),
    ):
        ctx.checkpointed(model=Counter())
