"""`Trained`: what comes out of training, on its way back through Flink."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK_BYTES = 512 << 10
"""Of one row: Flink hands no row of more than 2 MB to its client."""


@dataclass(frozen=True)
class Trained:
    """A model's weights, and how it came to them.

    Args:
        losses: mean loss of each epoch.
        weights: as the framework writes them to a file.
    """

    losses: tuple[float, ...]
    weights: bytes

    def chunks(self) -> Iterator[bytes]:
        """All of it, in pieces of at most `CHUNK_BYTES`: the losses, then the weights."""
        yield json.dumps(self.losses).encode()
        for start in range(0, len(self.weights), CHUNK_BYTES):
            yield self.weights[start : start + CHUNK_BYTES]

    @classmethod
    def of(cls, chunks: Iterable[bytes]) -> Trained:
        """What `chunks` gave, in the same order."""
        losses, *weights = chunks
        return cls(tuple(json.loads(losses)), b"".join(weights))
