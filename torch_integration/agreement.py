"""How the ranks agree, step by step, on what they do next.

Ranks get different numbers of rows, in their own time; collectives need every rank at every step. So before
each step the ranks add up three numbers: rows at hand, ranks whose input has ended, ranks whose user code
has returned. The sums are the same everywhere, and so is what follows from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

if TYPE_CHECKING:
    from datetime import timedelta


class Agreement:
    """Agrees on steps in a process group of its own, so that it never meets the user's collectives.

    To be made by every rank at the same point; each rank must then ask for the same number of steps, until
    one is over.

    Args:
        timeout: longest wait for the other ranks, who may be busy with the step before.

    Attributes:
        over: there is no further step: every input has ended, or a rank has left.
    """

    def __init__(self, timeout: timedelta) -> None:
        self.over = False
        self._group = dist.new_group(backend="gloo", timeout=timeout)
        self._world_size = dist.get_world_size()
        self._sums = torch.zeros(3, dtype=torch.int64)
        self._numbers = self._sums.numpy()

    def step(self, rows: int, *, ended: bool) -> int:
        """Agree on the next step.

        Args:
            rows: what this rank has at hand.
            ended: this rank will never have more.

        Returns:
            Rows over all ranks. The step is to be taken if there are any, unless it is `over` now.

        Raises:
            RuntimeError: a rank has gone without a word.
        """
        return self._agree(rows, ended=ended, left=False)

    def leave(self) -> None:
        """Take part for the last time: there is no step after this one, on any rank."""
        if not self.over:
            self._agree(0, ended=False, left=True)

    def _agree(self, rows: int, *, ended: bool, left: bool) -> int:
        self._numbers[:] = rows, ended, left
        dist.all_reduce(self._sums, group=self._group)
        total, ends, leavers = (int(number) for number in self._numbers)
        self.over = leavers > 0 or (total == 0 and ends == self._world_size)
        return total
