"""Entrypoints that the TFRecord tests run in user processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def read(ctx: Any) -> None:
    """Reads, and does nothing."""
    for _ in ctx.batches():
        pass


def fail_when_a_file_is_there(ctx: Any) -> None:
    """Every record back; fails once, as soon as a file has its name, and so a checkpoint is complete."""
    for batch in ctx.batches():
        ctx.emit(batch)
        if ctx.attempt == 0:
            if list(Path(ctx.params["folder"]).glob("part-*")):
                raise RuntimeError("once, behind a checkpoint")
            ctx.stopping.wait(0.01)  # rows outlast the checkpoint
