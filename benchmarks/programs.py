"""What our contender runs in the user's process: ordinary functions of the context."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import torch

from benchmarks.receipt import Receipt


def sum_columns(ctx: Any) -> None:
    """One way: every column is a tensor, and is added up."""
    receipt, total = Receipt(**ctx.params), 0.0
    for batch in ctx.batches():
        total += sum(values.sum().item() for values in batch.values())
        receipt.add(batch.rows)
    receipt.write(sum=total)


def sum_lengths(ctx: Any) -> None:
    """One way: the lengths of strings, as they lie in the frame."""
    receipt, total = Receipt(**ctx.params), 0
    for batch in ctx.batches():
        total += sum(int(strings.lengths.sum()) for strings in batch.values())
        receipt.add(batch.rows)
    receipt.write(sum=total)


def sum_objects(ctx: Any) -> None:
    """One way: strings as Python objects."""
    receipt, total = Receipt(**ctx.params), 0
    for batch in ctx.batches():
        total += sum(sum(map(len, filter(None, strings.tolist()))) for strings in batch.values())
        receipt.add(batch.rows)
    receipt.write(sum=total)


def answer_columns(ctx: Any) -> None:
    """There and back: the sum of each row's columns."""
    for batch in ctx.batches():
        answer = torch.zeros(batch.rows)
        for values in batch.values():
            answer += values
        ctx.emit(answer=answer)


def answer_groups(ctx: Any) -> None:
    """There and back: the sum of each row's tensors."""
    for batch in ctx.batches():
        ctx.emit(answer=batch["label"] + batch["dense"].sum(1) + batch["sparse"].sum(1))


def answer_lengths(ctx: Any) -> None:
    """There and back: the sum of each row's lengths."""
    for batch in ctx.batches():
        ctx.emit(answer=sum(strings.lengths for strings in batch.values()).astype("float32"))


def answer_time(ctx: Any) -> None:
    """There and back: the time that the row carries in its last column."""
    for batch in ctx.batches():
        ctx.emit(due=batch["sparse"][:, -1])


def watch_memory(ctx: Any) -> None:
    """One way, and at every tenth of the rows how much memory each process of the node has."""
    receipt, seen = Receipt(**ctx.params), 0
    samples: list[dict[str, dict[str, int]]] = []
    user = psutil.Process()
    agent, jvm = user.parents()[:2]
    for batch in ctx.batches():
        seen += batch.rows
        receipt.add(batch.rows)
        if seen * 10 >= ctx.params["expected"] * (len(samples) + 1):
            processes = {"jvm": jvm, "agent": agent, "user": user}
            samples.append({name: _memory(process) for name, process in processes.items()})
    receipt.write(samples=samples)


def _memory(process: psutil.Process) -> dict[str, int]:
    """Resident bytes, now and at most."""
    status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    peak_kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    return {"now": process.memory_info().rss, "peak": peak_kib * 1024}
