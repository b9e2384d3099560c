"""The flight demo's training loop, by a user who prints far too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import train

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = "x" * 99
"""With its newline, 100 bytes."""


def main(ctx: Any) -> None:
    """Train, and print ``params["lines"]`` lines meanwhile, some after each batch."""
    batches, lines, rows = ctx.batches, ctx.params["lines"], ctx.params["rows"]

    def printing(batch_size: int | None = None) -> Iterator[Any]:
        printed, seen = 0, 0
        for batch in batches(batch_size):
            yield batch
            seen += batch.rows
            due = min(lines, lines * seen // rows)
            for _ in range(due - printed):
                print(LINE)
            printed = due
        for _ in range(lines - printed):
            print(LINE)

    ctx.batches = printing
    train.main(ctx)
