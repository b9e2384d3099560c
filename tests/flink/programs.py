"""Entrypoints that the Flink tests run in user processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ml_framework.testing.waiting import eventually


def echo(ctx: Any) -> None:
    """Every column back as it came."""
    for batch in ctx.batches():
        ctx.emit(**{name: batch[name] for name in ctx.schema.names})


def _wait_for_others(ctx: Any) -> None:
    """Wait until the files that `params["after"]` names are there: drivers may end before others begin."""
    while not all(Path(ctx.params["folder"], name).exists() for name in ctx.params.get("after", ())):
        ctx.stopping.wait(0.01)


def plus_one(ctx: Any) -> None:
    """From x to x and x + 1."""
    _wait_for_others(ctx)
    for batch in ctx.batches():
        ctx.emit(x=batch["x"], y=batch["x"] + 1)


def plus_one_once_seen(ctx: Any) -> None:
    """Leaves a file that says that it is there, and waits for others."""
    Path(ctx.params["folder"], f"begun-{ctx.index}").touch()
    plus_one(ctx)


def where_queues_lie(ctx: Any) -> None:
    """From x to x; the files of this node's queues go to a file in `params["folder"]`."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    queues = sorted({line.split()[5] for line in lines if "/mlflink-node-" in line})
    Path(ctx.params["folder"], f"{ctx.role}-{ctx.index}").write_text("\n".join(queues))
    echo(ctx)


def collect(ctx: Any) -> None:
    """Write the values of column x to a file of this node; no output."""
    rows: list[int] = []
    for batch in ctx.batches():
        rows.extend(batch["x"].tolist())
    Path(ctx.params["folder"], f"{ctx.role}-{ctx.index}-{ctx.attempt}").write_text("\n".join(map(str, rows)))


def emit_pairs(ctx: Any) -> None:
    """A source role: five rows of its own."""
    names = [f"{ctx.index}-{i}" for i in range(5)]
    ctx.emit(name=names, number=np.arange(5, dtype=np.int32) + 10 * ctx.index)


def score_names(ctx: Any) -> None:
    """(name STRING, number INT) → (name STRING, score DOUBLE)."""
    for batch in ctx.batches():
        ctx.emit(name=batch["name"], score=batch["number"] / 4)


def tell_address(ctx: Any) -> None:
    """Write where this node is reached, and where it listens, to a file."""
    host = ctx.addresses[ctx.role][ctx.index].rpartition(":")[0]
    Path(ctx.params["folder"], "address").write_text(f"{host} {ctx.bind_host}")


def mark(ctx: Any) -> None:
    """Leave a file that says that this node ran, and as which attempt."""
    _wait_for_others(ctx)
    Path(ctx.params["folder"], f"{ctx.role}-{ctx.index}-{ctx.attempt}").touch()


def serve_forever(ctx: Any) -> None:
    """A serving role: waits until it is stopped."""
    mark(ctx)
    ctx.stopping.wait()


def read_and_say_goodbye(ctx: Any) -> None:
    """Reads everything."""
    for _ in ctx.batches():
        pass
    print("goodbye")


def fail_until(ctx: Any) -> None:
    """Fails at the attempts below `params["until"]`."""
    mark(ctx)
    if ctx.attempt < ctx.params["until"]:
        raise RuntimeError(f"attempt {ctx.attempt} is meant to fail")


def fail_in_third_batch(ctx: Any) -> None:
    """Raises in the third batch, on rank 1 only."""
    for number, batch in enumerate(ctx.batches()):
        if ctx.rank == 1 and number == 2:
            mark(ctx)
            raise ZeroDivisionError("third batch")
        ctx.emit(x=batch["x"], y=batch["x"])


def wrong_column(ctx: Any) -> None:
    """Asks for a column that is not there."""
    for batch in ctx.batches():
        mark(ctx)
        ctx.emit(x=batch["no_such_column"], y=batch["x"])


def exit_three(ctx: Any) -> None:
    """Leaves by sys.exit(3)."""
    for _ in ctx.batches():
        mark(ctx)
        sys.exit(3)


def segfault(ctx: Any) -> None:
    """Dies of a segmentation fault."""
    for _ in ctx.batches():
        mark(ctx)
        os.kill(os.getpid(), signal.SIGSEGV)


def one_epoch_then_return(ctx: Any) -> None:
    """Returns after the first batch although more rows come."""
    for batch in ctx.batches():
        ctx.emit(x=batch["x"], y=batch["x"])
        return


def sleepy(ctx: Any) -> None:
    """Reads rows until it is stopped or its input ends, and emits none."""
    mark(ctx)
    for _ in ctx.batches():
        if ctx.stopping.wait(0.01):
            return


def count_aloud(ctx: Any) -> None:
    """From x to x and x + 1, a batch every so often, each of which it counts in its log and its numbers."""
    for number, batch in enumerate(ctx.batches(), 1):
        ctx.emit(x=batch["x"], y=batch["x"] + 1)
        print(f"count {number}")
        ctx.metrics.log(count=number)
        ctx.stopping.wait(0.05)


def watermark_probe(ctx: Any) -> None:
    """Column x back, without a rowtime of its own."""
    for batch in ctx.batches(batch_size=7):
        ctx.emit(x=batch["x"])


def echo_f0(ctx: Any) -> None:
    """The one column of a stream of single values."""
    for batch in ctx.batches():
        ctx.emit(f0=batch["f0"])


def tag_with_rank(ctx: Any) -> None:
    """Every key with the node that saw it."""
    for batch in ctx.batches():
        ctx.emit(key=batch["key"], node=np.full(batch.rows, ctx.rank, dtype=np.int32))


def echo_objects(ctx: Any) -> None:
    """What a codec hands out, as it is."""
    for values in ctx.batches():
        ctx.emit(values)


def wait_for_stop(ctx: Any) -> None:
    """A driver without rows that runs until it is stopped."""
    mark(ctx)
    ctx.stopping.wait()


def stop_reading(ctx: Any) -> None:
    """Emits more than anybody takes in one go, and reads no further until it is killed."""
    for batch in ctx.batches():
        ctx.emit(x=batch["x"])
        ctx.stopping.wait(0.5)  # meanwhile the in-queue fills
        mark(ctx)
        while True:
            ctx.emit(x=batch["x"])


def never_stop(ctx: Any) -> None:
    """Runs on whatever it is asked."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    mark(ctx)
    while True:
        signal.pause()


def latest_checkpoint(ctx: Any) -> int:
    """The number of the last completed checkpoint, 0 if there is none."""
    folders = Path(ctx.params["folder"], "checkpoints").glob("*/chk-*/_metadata")
    return max((int(path.parent.name.removeprefix("chk-")) for path in folders), default=0)


def fail_after_checkpoints(ctx: Any) -> None:
    """From x to x + 1; the last node fails once, after some checkpoints; others write how much they saw."""
    begun_at, rows = None, 0
    for batch in ctx.batches():
        ctx.emit(x=batch["x"], y=batch["x"] + 1)
        rows += batch.rows
        if ctx.attempt == 0:
            begun_at = latest_checkpoint(ctx) if begun_at is None else begun_at
            if (
                ctx.index == ctx.world_size - 1
                and latest_checkpoint(ctx) >= begun_at + ctx.params["checkpoints"]
            ):
                raise RuntimeError("once, after some checkpoints")
            ctx.stopping.wait(0.002)  # rows outlast the checkpoints
    Path(ctx.params["folder"], f"{ctx.role}-{ctx.index}-{ctx.attempt}").write_text(str(rows))


def await_checkpoints(ctx: Any) -> None:
    """A driver that waits for both nodes of the role "sink" to end, and then for some checkpoints."""
    folder = Path(ctx.params["folder"])
    eventually(lambda: len(list(folder.glob("sink-*"))) == 2, timeout_s=60)
    before = latest_checkpoint(ctx)
    eventually(lambda: latest_checkpoint(ctx) >= before + ctx.params["checkpoints"], timeout_s=30)
    (folder / ctx.role).write_text(f"{before} {latest_checkpoint(ctx)}")


def _is_standby(pid: int) -> bool:
    return b"ml_framework.runner.standby" in Path(f"/proc/{pid}/cmdline").read_bytes()


def _has_standby(agent: int) -> bool:
    children = Path(f"/proc/{agent}/task/{agent}/children").read_text().split()
    return any(_is_standby(int(child)) for child in children if int(child) != os.getpid())


def die_when_another_is_ready(ctx: Any) -> None:
    """Rows back; leaves who has started it, and as what; is killed, so often, once there is a standby."""
    parent = os.getppid()
    Path(ctx.params["folder"], f"start-{ctx.attempt}").write_text(f"{parent} {_is_standby(os.getpid())}")
    for batch in ctx.batches():
        ctx.emit(x=batch["x"])
        if ctx.attempt < ctx.params["kills"]:
            time.sleep(0.002)  # the standby needs a while
            if _has_standby(parent):
                os.kill(os.getpid(), signal.SIGKILL)


def add_up(ctx: Any) -> None:
    """Rows back as they are; behind the last one their sum."""
    total = 0

    def set_total(value: int) -> None:
        nonlocal total
        total = value

    ctx.checkpointed(total=(lambda: total, set_total))
    for batch in ctx.batches():
        ctx.emit(x=batch["x"])
        total += int(batch["x"].sum())
    ctx.emit(x=[total])
    mark(ctx)


def fail_behind_the_end(ctx: Any) -> None:
    """Once, when a checkpoint is complete that began after both of "worker" had returned, its task fails."""
    folder = Path(ctx.params["folder"])
    if ctx.attempt == 0:
        eventually(lambda: len(list(folder.glob("worker-*"))) == 2, timeout_s=60)
        after = latest_checkpoint(ctx) + 2  # the next one may be under way
        eventually(lambda: latest_checkpoint(ctx) >= after, timeout_s=30)
        os.kill(os.getppid(), signal.SIGKILL)  # else this node alone would be restarted, in place
        signal.pause()
    mark(ctx)


def lose_storage_at_the_end(ctx: Any) -> None:
    """Counts its rows; then nothing can be written any more to where checkpoints go."""
    rows = 0
    ctx.checkpointed(rows=(lambda: rows, lambda _: None))
    for batch in ctx.batches():
        rows += batch.rows
    storage = Path(ctx.params["folder"], "checkpoints")
    if storage.is_dir():
        storage.rename(storage.with_name("lost"))
        storage.touch()


def echo_in_sevens(ctx: Any) -> None:
    """Every column back, seven rows at a time."""
    for batch in ctx.batches(batch_size=7):
        ctx.emit(**batch)


def echo_with_nulls(ctx: Any) -> None:
    """Every column back, its nulls included."""
    for batch in ctx.batches():
        ctx.emit(**{name: _masked(values, batch.valid(name)) for name, values in batch.items()})


def _masked(values: Any, valid: Any) -> Any:
    return np.ma.array(values, mask=~valid) if isinstance(values, np.ndarray) else values


def report_python(ctx: Any) -> None:
    """Where this interpreter and a module of the user's come from."""
    ctx.emit(name=["prefix", "executable"], value=[sys.prefix, sys.executable])


def report_shipped(ctx: Any) -> None:
    """What a module says that was shipped with the job."""
    import shipped  # noqa: PLC0415

    ctx.emit(name=["prefix", "shipped"], value=[sys.prefix, shipped.WORD])


def collect_flaky(ctx: Any) -> None:
    """Like `collect`, batch by batch; the first attempt fails in its third batch, not yet taken down."""
    with Path(ctx.params["folder"], f"{ctx.role}-{ctx.index}-{ctx.attempt}").open("w") as file:
        for number, batch in enumerate(ctx.batches()):
            if ctx.attempt == 0 and number == 2:
                raise RuntimeError("third batch")
            file.write("\n".join(map(str, batch["x"].tolist())) + "\n")


def fail_after_the_end(ctx: Any) -> None:
    """Count the rows, and fail at the first attempt when all have come."""
    rows = sum(batch.rows for batch in ctx.batches())
    Path(ctx.params["folder"], f"{ctx.role}-{ctx.index}-{ctx.attempt}").write_text(str(rows))
    if ctx.attempt == 0:
        raise RuntimeError("after the end")


def report_gpus(ctx: Any) -> None:
    """The GPUs that this process sees."""
    for _ in ctx.batches():
        pass
    ctx.emit(rank=[ctx.rank], gpus=[os.environ.get("CUDA_VISIBLE_DEVICES", "all")])


def answer_and_wait(ctx: Any) -> None:
    """Every row back, and numbers of its own; then nothing until it is killed or stopped."""
    for batch in ctx.batches(100):
        ctx.emit(x=batch["x"])
        ctx.metrics.log(largest=batch["x"].max(), **{"odd name, like/this": 0.5})
    Path(ctx.params["folder"], f"pid-{ctx.attempt}").write_text(str(os.getpid()))
    ctx.stopping.wait()


def slow(ctx: Any) -> None:
    """Takes a twentieth of a second for each batch."""
    for _ in ctx.batches():
        ctx.stopping.wait(0.05)


def emit_pairs_and_wait(ctx: Any) -> None:
    """`emit_pairs`, and many numbers; then nothing until it is stopped."""
    emit_pairs(ctx)
    ctx.metrics.log(nothing=float("nan"), **{f"number_{i}": i for i in range(300)})
    ctx.stopping.wait()


def says_what_it_does(ctx: Any) -> None:
    """Reads rows slowly, prints and logs as it goes on, until it is stopped."""
    for step, batch in enumerate(ctx.batches(batch_size=100)):
        print(f"{ctx.role}[{ctx.index}] attempt {ctx.attempt}: step {step}, {batch.rows} rows")
        ctx.metrics.log(step=step, loss=1 / (1 + step))
        if ctx.stopping.wait(0.05):
            return
