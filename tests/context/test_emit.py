"""What user code emits: the frames that come out of it, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml_framework.byte_queue import FrameKind
from ml_framework.codec import Schema, decode, plan_layout
from ml_framework.errors import CodecError, EmitError

if TYPE_CHECKING:
    from collections.abc import Callable

OUT = plan_layout(Schema.parse([("id", "BIGINT NOT NULL")]), timestamps=True, max_rows=64)


def test_rows_get_the_largest_timestamp_of_the_batch_last_yielded(task: Any) -> None:
    """Before the first batch they have none."""
    task.rows(3)
    with task.running() as ctx:
        ctx.emit(id=[7])
        next(iter(ctx.batches()))
        ctx.emit(id=[8, 9])
        sent = []
        for frame in task.answers():
            sent.append(decode(OUT, frame.payload).timestamps.tolist())
            frame.release()
    assert sent == [[np.iinfo(np.int64).min], [20, 20]]
    assert [kind for kind, _ in task.last] == [FrameKind.STATE, FrameKind.END]


def test_many_rows_become_frames_of_the_planned_size(task: Any) -> None:
    """An emit of 150 rows where a frame has 64 is three frames; one of no rows is none."""
    with task.running() as ctx:
        ctx.emit(id=np.arange(150))
        ctx.emit(id=[])
    sent = [ids for kind, ids in task.last if kind is FrameKind.BATCH]
    assert [len(ids) for ids in sent] == [64, 64, 22]
    assert [i for ids in sent for i in ids] == list(range(150))


def test_emitting_waits_while_the_queue_is_full(make_task: Callable[..., Any]) -> None:
    """More rows than the queue holds arrive whole and in order, while somebody takes them."""
    task = make_task(capacity=4096)
    with ThreadPoolExecutor(1) as thread:
        receiving = thread.submit(task.transcript, 10.0)
        with task.context() as ctx:
            for start in range(0, 10_000, 500):
                ctx.emit(id=range(start, start + 500))
        sent = [ids for kind, ids in receiving.result(10) if kind is FrameKind.BATCH]
    assert [i for ids in sent for i in ids] == list(range(10_000))


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({}, EmitError, "'id'"),
        ({"id": [1], "it": [1]}, EmitError, "'it'.*'id'"),
        ({"id": 1}, EmitError, "'id'.*one value for each row"),
        ({"id": np.array(1)}, EmitError, r"'id'.*\(\)"),
        ({"id": ["a"]}, CodecError, "'id'.*'a'"),
        ({"id": [*range(100), "a"]}, CodecError, "'id'.*'a'"),
        ({"id": np.zeros((2, 2), np.int64)}, EmitError, r"'id'.*\(2, 2\)"),
    ],
)
def test_what_does_not_fit_is_refused_whole(
    task: Any, columns: dict[str, Any], error: type[Exception], message: str
) -> None:
    """The error names the column, and no row of that emit is sent."""
    with task.running() as ctx, pytest.raises(error, match=message):
        ctx.emit(**columns)
    assert [kind for kind, _ in task.last] == [FrameKind.STATE, FrameKind.END]


def test_columns_of_one_emit_have_one_length(make_task: Callable[..., Any]) -> None:
    """Also when only one of them is longer than a frame, nothing is sent."""
    layout = plan_layout(Schema.parse([("a", "INT"), ("b", "INT")]), max_rows=4)
    task = make_task(sink=layout)
    with task.running() as ctx, pytest.raises(EmitError, match="rows"):
        ctx.emit(a=[1, 2, 3], b=[1, 2, 3, 4, 5, 6])
    assert [kind for kind, _ in task.last] == [FrameKind.STATE, FrameKind.END]


def test_a_role_without_output_is_told_so(make_task: Callable[..., Any]) -> None:
    """The error names the role and the remedy."""
    task = make_task(sink=None)
    with task.running() as ctx, pytest.raises(EmitError, match=r"worker has no output.*output="):
        ctx.emit(id=[1])


def test_rows_may_have_times_of_their_own(task: Any) -> None:
    """Each keeps its own, also where they are more than a frame takes."""
    times = np.arange(100, dtype=np.int64) * 7
    with task.running() as ctx:
        ctx.emit_rows({"id": np.arange(100)}, times)
        sent = []
        for frame in task.answers():
            sent += decode(OUT, frame.payload).timestamps.tolist()
            frame.release()
    assert sent == times.tolist()


def test_rows_can_be_sent_back_as_they_came(make_task: Callable[..., Any]) -> None:
    """Whole, in part, and from a copy: with nulls, and with their times."""
    columns = [("n", "BIGINT"), ("name", "STRING"), ("f", "FLOAT NOT NULL")]
    layout = plan_layout(Schema.parse(columns), timestamps=True)
    task = make_task(source=layout, sink=layout)
    values = {"n": np.ma.array([1, 2, 3], mask=[0, 1, 0]), "name": ["a", None, "c"], "f": [0.5, 1.5, 2.5]}
    task.send(values, layout, [10, 20, 30])
    with task.running() as ctx:
        batch = next(iter(ctx.batches()))
        for part in (batch, batch.slice(1, 3), batch.slice(0, 2).copy()):
            ctx.emit_rows({name: part.received(name) for name in part}, part.timestamps)
        found = []
        for frame in task.answers():
            rows = decode(layout, frame.payload)
            numbers = np.ma.masked_array(rows["n"], ~rows.valid("n")).tolist()
            found.append((numbers, rows["name"].tolist(), rows["f"].tolist(), rows.timestamps.tolist()))
            frame.release()
    assert found == [
        ([1, None, 3], ["a", None, "c"], [0.5, 1.5, 2.5], [10, 20, 30]),
        ([None, 3], [None, "c"], [1.5, 2.5], [20, 30]),
        ([1, None], ["a", None], [0.5, 1.5], [10, 20]),
    ]


def test_columns_are_checked_without_being_sent(task: Any) -> None:
    """As `emit` would check them."""
    with task.running() as ctx:
        ctx.check_emit({"id": [1, 2]})
        with pytest.raises(CodecError, match="'id'"):
            ctx.check_emit({"id": [None]})
        with pytest.raises(EmitError, match="'id'"):
            ctx.check_emit({"id": np.array([0.5])})
    assert FrameKind.BATCH not in [kind for kind, _ in task.last]
