"""The input of a node, read to its end and kept in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ml_framework.context import Batch


def gathered(batches: Iterable[Batch], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The columns `names` of all rows, ``(rows,)`` or ``(rows, width)`` each, in memory of their own.

    Raises:
        ValueError: one of them is null somewhere, or there was not a single batch.
    """
    pieces: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
    for batch in batches:
        for name, parts in pieces.items():
            if not batch.valid(name).all():
                raise ValueError(
                    f"column {name!r} is null in a row to learn from: leave such rows out "
                    f"(WHERE {name} IS NOT NULL), or fill them in (COALESCE)"
                )
            parts.append(np.array(batch[name]))
    if not all(pieces.values()):
        raise ValueError("the table has no rows, so there is nothing to learn from")
    return {name: np.concatenate(pieces.pop(name)) for name in list(pieces)}
