"""How the ranks agree, step by step, on what they do next.

Ranks get different numbers of rows, in their own time; collectives need every rank at every step. And a
checkpoint needs all of them between the same two steps, though its barrier reaches each at another time. So
before each step every rank says how many rows it has at hand, whether its input has ended, whether its user
code has returned, and at which barrier it stands. All hear the same of all, and what follows is the same
everywhere:

* A rank at a barrier takes no further rows. It takes part with zero-row batches until all stand there.
* All at one barrier: the checkpoint is cut there, on every rank before the next step.
* A rank at a smaller barrier than another will never meet the others there: that checkpoint was given up,
  for barriers come in order. It goes on.
* There is no further step when no rank has rows and every input has ended, or when a rank has left.
"""

from __future__ import annotations

from typing import NamedTuple

from ml_framework.context.peers import Peers, Sums, Topic

NO_BARRIER = 0


class Verdict(NamedTuple):
    """What all ranks know of the next step.

    `rows` is the sum over all ranks. The step is to be taken if there are any, unless the agreement is over.
    `lowest` and `highest` are the barriers at which the ranks stand, `NO_BARRIER` for none.
    """

    rows: int
    lowest: int
    highest: int

    @property
    def all_at_barrier(self) -> bool:
        """Every rank stands at one and the same barrier."""
        return self.lowest == self.highest != NO_BARRIER


class Agreement:
    """Agrees on steps. Each rank must ask for the same number of them, until one is over.

    Args:
        peers: all ranks.

    Attributes:
        over: there is no further step.
    """

    def __init__(self, peers: Peers) -> None:
        self.over = False
        self._peers = peers

    def step(self, rows: int, *, ended: bool, barrier: int = NO_BARRIER) -> Verdict:
        """Agree on the next step.

        Args:
            rows: what this rank has at hand.
            ended: this rank will never have more.
            barrier: id of the checkpoint at whose barrier this rank stands.

        Raises:
            PeerLost: a rank has gone without a word.
        """
        return self._agree(Sums(rows, ended, lowest=barrier, highest=barrier))

    def leave(self) -> None:
        """Take part for the last time: there is no step after this one, on any rank."""
        if not self.over:
            self._agree(Sums(third=True))

    def _agree(self, numbers: Sums) -> Verdict:
        rows, ends, leavers, lowest, highest = self._peers.combine(Topic.STEP, numbers)
        verdict = Verdict(rows, lowest, highest)
        done = rows == 0 and ends == self._peers.size and not verdict.all_at_barrier
        self.over = done or leavers > 0
        return verdict
