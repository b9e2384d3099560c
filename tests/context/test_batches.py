"""Batches: their sizes, their lifetime, and what Flink is answered at which moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_framework.byte_queue import FrameKind
from ml_framework.checkpoint.memory import MAX_MEMORIES
from ml_framework.codec import Schema, decode, plan_layout
from ml_framework.errors import PeerLost, PlanError, ProtocolError, QueueClosed

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH, WATERMARK, STATUS, CHECKPOINT, _, CUT, END, STATE = FrameKind

_frames = st.lists(
    st.one_of(
        st.tuples(st.just(BATCH), st.integers(1, 40)),
        st.sampled_from([(WATERMARK, None), (STATUS, None), (CHECKPOINT, None)]),
    ),
    max_size=25,
).filter(
    lambda frames: frames.count((CHECKPOINT, None)) < MAX_MEMORIES
)  # unread until the end, which has one


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=_frames, batch_size=st.one_of(st.none(), st.integers(1, 70)))
def test_any_stream_becomes_exact_batches_and_ordered_answers(
    make_task: Callable[..., Any], frames: list[tuple[FrameKind, int | None]], batch_size: int | None
) -> None:
    """Every row comes once and in order; batches have their size; no answer overtakes a row or gets lost."""
    task = make_task()
    before = play(task, frames)
    total = sum(count for kind, count in frames if kind is BATCH and count)
    ids: list[int] = []
    sizes = []
    with task.running() as ctx:
        for batch in ctx.batches(batch_size):
            assert batch["name"].tolist() == [
                None if i % 3 == 0 else f"näme {i}" for i in batch["id"].tolist()
            ]
            ids += batch["id"].tolist()
            sizes.append(batch.rows)
            ctx.emit(id=batch["id"])
    assert ids == list(range(total))
    if batch_size is None:
        assert sizes == [count for kind, count in frames if kind is BATCH]
    else:
        assert sizes == [batch_size] * (total // batch_size) + (
            [total % batch_size] if total % batch_size else []
        )
    check_answers(task.last, before, batch_size)


def play(task: Any, frames: list[tuple[FrameKind, int | None]]) -> dict[tuple[FrameKind, int], int]:
    """Send `frames` and END, numbered; returns the rows before each control frame."""
    rows = 0
    before = {}
    for number, (kind, count) in enumerate(frames, 1):
        if kind is BATCH:
            task.rows(count)
            rows += count or 0
        else:
            task.control_frame(kind, number)
            before[kind, number] = rows
    task.end()
    return before


def check_answers(
    answers: list[tuple[FrameKind, Any]], before: dict[tuple[FrameKind, int], int], batch_size: int | None
) -> None:
    """Each answer stands behind the rows that it speaks of, in order, and none that matters is missing."""
    assert [kind for kind, _ in answers].count(END) == 1
    assert answers[-1][0] is END
    emitted = 0
    carried = (batch_size or 1) - 1
    for kind, content in answers:
        if kind is BATCH:
            emitted += len(content)
        elif kind is CUT:
            assert before[CHECKPOINT, content] - carried <= emitted <= before[CHECKPOINT, content]
        elif kind not in (END, STATE):
            assert emitted >= before[kind, content]
    numbers = {kind: [n for k, n in answers if k is kind] for kind in (WATERMARK, STATUS, CUT)}
    assert numbers[CUT] == [number for kind, number in before if kind is CHECKPOINT]
    for kind in (WATERMARK, STATUS):
        sent = [number for k, number in before if k is kind]
        assert numbers[kind] == sorted(set(numbers[kind]) & set(sent))
        assert numbers[kind][-1:] == sent[-1:]


def test_a_watermark_waits_until_its_rows_are_done_with(task: Any) -> None:
    """It is passed on when user code asks for more, not when it is read."""
    task.rows(4)
    task.control_frame(WATERMARK, 7)
    with task.running() as ctx:
        batches = iter(ctx.batches(2))
        next(batches)
        next(batches)
        assert task.transcript() == []
        ctx.emit(id=[0, 1])
        task.rows(2)
        next(batches)
        assert task.transcript() == [(BATCH, [0, 1]), (WATERMARK, 7)]


def test_a_checkpoint_is_cut_over_carried_rows(task: Any) -> None:
    """Rows that wait for their batch to fill do not hold up a checkpoint."""
    task.rows(3)
    task.control_frame(CHECKPOINT, 1)
    task.rows(1)
    with task.running() as ctx:
        batch = next(iter(ctx.batches(4)))
        assert batch["id"].tolist() == [0, 1, 2, 3]
        assert [kind for kind, _ in task.transcript()] == [STATE, CUT]


def test_a_batch_within_a_frame_is_no_copy(task: Any) -> None:
    """Its arrays lie over the queue's memory, at the rows of the frame."""
    task.rows(10)
    with task.running() as ctx:
        batches = iter(ctx.batches(4))
        first, second = next(batches)["id"], next(batches)["id"]
        assert second.ctypes.data - first.ctypes.data == 4 * first.itemsize


def test_small_queues_carry_large_streams(make_task: Callable[..., Any]) -> None:
    """Frames larger than the ring pass both ways; nobody holds room that the other end waits for."""
    task = make_task(capacity=4096)
    with ThreadPoolExecutor(2) as threads:
        sending = threads.submit(
            lambda: [task.rows(rows) for rows in (5, 700, 40, 1, 300) * 4] and task.end()
        )
        receiving = threads.submit(task.transcript, 10.0)
        with task.context() as ctx:
            for batch in ctx.batches(37):
                ctx.emit(id=batch["id"])
        sending.result(10)
        answers = receiving.result(10)
    assert [i for kind, ids in answers if kind is BATCH for i in ids] == list(range(4 * 1046))


def test_polling_ends_in_time_and_loses_nothing(task: Any) -> None:
    """Without enough rows `poll` returns None at the deadline; the rows stay for later."""
    with task.running() as ctx:
        source = ctx._input
        assert source is not None
        assert source.poll(4, timeout_s=0.0) is None
        task.rows(3)
        assert source.poll(4, timeout_s=0.001) is None
        assert not source.ended
        task.end()
        records = source.poll(4, timeout_s=0.0)
        assert records is not None
        assert records["id"].tolist() == [0, 1, 2]
        assert source.ended
        task.control_frame(CHECKPOINT, 5)
        assert source.poll(4) is None
        assert source.barrier == 5
        task.control_frame(CHECKPOINT, 6)
        assert source.poll(4) is None
        assert source.pass_barrier() == 5
        assert source.poll(4) is None
        assert source.barrier == 6


def test_leaving_the_loop_and_coming_back_loses_nothing(task: Any) -> None:
    """Rows that were not handed out are there for the next loop, also with another batch size."""
    task.rows(5)
    task.rows(5)
    task.end()
    with task.running() as ctx:
        seen = [next(iter(ctx.batches(3)))["id"].tolist(), next(iter(ctx.batches(4)))["id"].tolist()]
        seen += [batch["id"].tolist() for batch in ctx.batches(2)]
        assert seen == [[0, 1, 2], [3, 4, 5, 6], [7, 8], [9]]
        assert list(ctx.batches()) == []


def test_returning_early_ends_the_output_and_refuses_further_input(task: Any) -> None:
    """What was emitted arrives, then the end; the task hears that nobody reads any more."""
    task.rows(5)
    with task.running() as ctx:
        next(iter(ctx.batches()))
        ctx.emit(id=[1])
    emitted, (state, _), end = task.last
    assert [emitted, state, end] == [(BATCH, [1]), STATE, (END, None)]
    with pytest.raises(QueueClosed, match="closed by its consumer"):
        task.rows(1)


def test_an_error_in_user_code_ends_nothing_cleanly(task: Any) -> None:
    """What was emitted arrives, and then it shows that the process has gone: no END."""

    def fail() -> None:
        with task.running() as ctx:
            ctx.emit(id=[1])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert task.answer() == (BATCH, [1])
    with pytest.raises(PeerLost):
        task.answer()


def test_a_batch_knows_its_nulls_and_columns(task: Any) -> None:
    """A batch is a dict in the order of the schema, with validity by name."""
    task.rows(4)
    with task.running() as ctx:
        batch = next(iter(ctx.batches()))
        assert list(batch) == ["id", "name"] == list(ctx.schema.names)
        assert batch.rows == batch.global_rows == 4
        assert batch.valid("name").tolist() == [False, True, True, False]
        assert batch.valid("id").all()
        with pytest.raises(KeyError, match="did you mean 'name'"):
            batch.valid("nam")


def test_groups_are_tensors(make_task: Callable[..., Any]) -> None:
    """A group is one array ``(rows, width)`` in its place among the columns."""
    columns = [("a", "FLOAT NOT NULL"), ("b", "FLOAT NOT NULL"), ("d", "DECIMAL(5, 2)")]
    layout = plan_layout(Schema.parse(columns), {"x": ["a", "b"]})
    task = make_task(source=layout)
    task.send({"x": np.array([[1, 2], [3, 4]], np.float32), "d": [None, None]}, layout)
    with task.running() as ctx:
        batch = next(iter(ctx.batches()))
        assert batch["x"].tolist() == [[1, 2], [3, 4]]
        assert batch["d"].tolist() == [None, None]


def test_a_codec_above_the_columns_makes_lists(make_task: Callable[..., Any]) -> None:
    """With the codec "json" batches are lists of objects, and objects are emitted."""
    layout = plan_layout(Schema.parse([("value", "STRING")]))
    task = make_task(source=layout, sink=layout, codec="json")
    task.send({"value": ['{"a": 1}', None, "[2]"]}, layout)
    task.end()
    with task.running() as ctx:
        batches = []
        for batch in ctx.batches(2):
            batches.append(batch)
            ctx.emit(batch)
        sent = []
        for frame in task.answers():
            sent.append(decode(layout, frame.payload)["value"].tolist())
            frame.release()
    assert batches == [[{"a": 1}, None], [[2]]]
    assert sent == [['{"a": 1}', None], ["[2]"]]
    assert [kind for kind, _ in task.last] == [STATE, END]


def test_an_answer_that_flink_never_sends_is_refused(task: Any) -> None:
    """A CUT in the in-queue is an error that says so."""
    task.control_frame(CUT, 1)
    with pytest.raises(ProtocolError, match="CUT"), task.running() as ctx:
        list(ctx.batches())


def test_a_role_without_input_is_told_so(make_task: Callable[..., Any]) -> None:
    """The error names the role and the remedy."""
    with (
        make_task(source=None).running() as ctx,
        pytest.raises(PlanError, match=r"worker has no input.*input="),
    ):
        ctx.batches()


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_has_at_least_one_row(task: Any, batch_size: int) -> None:
    """The error tells the number."""
    with task.running() as ctx, pytest.raises(ValueError, match=f"batch_size is {batch_size}"):
        ctx.batches(batch_size)
